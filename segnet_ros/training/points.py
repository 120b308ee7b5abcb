# SPDX-License-Identifier: Apache-2.0
"""From points to maps that a network can learn, and from its maps back to points.

Points are pixels (x, y), x to the right and y down; the centre of the upper left pixel is (0, 0).
No PyTorch here: `peaks` may run where the exported network runs.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
Maps = npt.NDArray[np.float32]

# Below this the sum of a Gaussian far from any pixel's centre could vanish.
_SHARPEST = 0.5
_LEAST = 1e-6
# Neighbours that come before a pixel in reading order, and those that come after it.
_EARLIER = np.array([[1, 1, 1], [1, 0, 0], [0, 0, 0]], np.uint8)
_LATER = _EARLIER[::-1, ::-1].copy()


class PointFrame(NamedTuple):
    """A picture and the points in it.

    Attributes:
        image: uint8 [H, W, 3] RGB.
        points: For every kind, x and y of its points: [M, 2] pixels, M may be 0.

    """

    image: npt.NDArray[np.uint8]
    points: Sequence[npt.ArrayLike]


class Peak(NamedTuple):
    """A keypoint that was found: x and y in pixels, and the heat map's value there, 0..1."""

    x: float
    y: float
    score: float


def heatmaps(kinds: Sequence[npt.ArrayLike], size: tuple[int, int], sigma: float) -> Maps:
    """A Gaussian of height 1 around every point; where several overlap, the largest value.

    Args:
        kinds: For every kind, its points [M, 2]; those outside the picture are left out.
        size: (width, height) of the picture in pixels.
        sigma: Deviation of the Gaussians in pixels, 0.5 or more.

    Returns:
        float32 [kinds, height, width], 0..1.

    Raises:
        ValueError: points are not [M, 2], or sigma is too small.

    """
    maps = np.zeros((len(kinds), size[1], size[0]), np.float32)
    for heatmap, points in zip(maps, kinds, strict=True):
        for across, down in zip(*_profiles(points, size, sigma), strict=True):
            np.maximum(heatmap, np.outer(down, across), out=heatmap)
    return maps


def densities(kinds: Sequence[npt.ArrayLike], size: tuple[int, int], sigma: float) -> Maps:
    """A Gaussian of mass 1 around every point, so that a map's sum is the number of its points.

    After Lempitsky and Zisserman, Learning To Count Objects in Images (NIPS 2010); what a Gaussian
    would lose over the picture's border is shared among the pixels inside.

    Args, Returns, Raises: as `heatmaps`, but in points per pixel.
    """
    maps = [_density(points, size, sigma) for points in kinds]
    return np.asarray(maps, np.float32).reshape(len(kinds), size[1], size[0])


def peaks(heatmap: npt.ArrayLike, threshold: float) -> list[Peak]:
    """Find the summits of a heat map.

    A summit is no smaller than its eight neighbours; of equal neighbours the first in reading
    order counts. It is placed between pixels by a parabola through the logarithms of a pixel and
    its neighbours, in x and in y, which is exact for a Gaussian (Zhang et al., arXiv 1910.06278).

    Args:
        heatmap: [H, W], 0..1.
        threshold: Smallest value of a summit.

    Returns:
        The summits, the highest first.

    Raises:
        ValueError: the heat map is not [H, W].

    """
    values = np.asarray(heatmap, np.float32)
    if values.ndim != 2:
        msg = f"the heat map has shape {values.shape}; expected [H, W] of one kind"
        raise ValueError(msg)
    rows, columns = np.nonzero(_summits(values) & (values >= threshold))
    # Mirrored at the border: a summit there has as much on both sides, and stays on its pixel.
    logarithm = np.log(np.maximum(np.pad(values, 1, mode="reflect"), _LEAST))
    at = logarithm[rows + 1, columns + 1]
    x = columns + _vertex(logarithm[rows + 1, columns], at, logarithm[rows + 1, columns + 2])
    y = rows + _vertex(logarithm[rows, columns + 1], at, logarithm[rows + 2, columns + 1])
    found = zip(x.tolist(), y.tolist(), values[rows, columns].tolist(), strict=True)
    return sorted((Peak(*peak) for peak in found), key=lambda peak: -peak.score)


def _density(points: npt.ArrayLike, size: tuple[int, int], sigma: float) -> Points:
    across, down = _profiles(points, size, sigma)
    across /= across.sum(axis=1, keepdims=True)
    down /= down.sum(axis=1, keepdims=True)
    return np.asarray(down.T @ across, np.float64)


def _profiles(points: npt.ArrayLike, size: tuple[int, int], sigma: float) -> tuple[Points, Points]:
    """Return the Gaussians of the points inside along x [M, width] and along y [M, height]."""
    if not sigma >= _SHARPEST:
        msg = f"sigma is {sigma} pixels; expected {_SHARPEST} or more"
        raise ValueError(msg)
    inside = _inside(points, size)
    across, down = (
        np.exp(-0.5 * ((np.arange(length) - centre[:, None]) / sigma) ** 2)
        for length, centre in zip(size, inside.T, strict=True)
    )
    return across, down


def _inside(points: npt.ArrayLike, size: tuple[int, int]) -> Points:
    every = np.asarray(points, np.float64)
    if every.size == 0:
        every = every.reshape(0, 2)
    if every.ndim != 2 or every.shape[1] != 2:
        msg = f"points have shape {every.shape}; expected [M, 2]: x and y of each"
        raise ValueError(msg)
    return every[((every >= -0.5) & (every < np.array(size) - 0.5)).all(axis=1)]


def _summits(values: Maps) -> npt.NDArray[np.bool_]:
    higher = values > cv2.dilate(values, _EARLIER)
    return np.asarray(higher & (values >= cv2.dilate(values, _LATER)), np.bool_)


def _vertex(before: Maps, at: Maps, after: Maps) -> Maps:
    """Return where parabolas through -1, 0 and 1 are highest; 0 where all three are equal."""
    bend = before - 2 * at + after
    shift = np.divide(before - after, 2 * bend, out=np.zeros_like(at), where=bend < 0)
    return np.asarray(shift, np.float32)
