# SPDX-License-Identifier: Apache-2.0
"""Label images as the outlines of their regions, which annotation tools show and edit."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Points = npt.NDArray[np.int32]

_SPECKS = 0.0025
"""Share of the picture. Two thirds of what a model predicts are less than this together."""


@dataclass(frozen=True, eq=False)
class Region:
    """Pixels of one label that hang together by their edges.

    Attributes:
        label: Of all of them.
        left: First column in the picture.
        top: First row.
        mask: uint8 [height, width], the bounding box: 1 in the region, 0 elsewhere.
        area: Pixels of the region.

    """

    label: int
    left: int
    top: int
    mask: Pixels
    area: int


def find_regions(labels: Pixels) -> list[Region]:
    """Take a label image, uint8 [H, W], apart; in order of labels, then of first rows."""
    present = np.flatnonzero(np.bincount(labels.ravel()))
    return [region for label in present.tolist() for region in _regions_of(labels == label, label)]


def _regions_of(pixels: npt.NDArray[np.bool_], label: int) -> Iterator[Region]:
    _, numbers, boxes, _ = cv2.connectedComponentsWithStats(pixels.view(np.uint8), connectivity=4)
    for number, (left, top, width, height, area) in enumerate(boxes[1:].tolist(), start=1):
        box = numbers[top : top + height, left : left + width]
        yield Region(label, left, top, (box == number).view(np.uint8), area)


def without_specks(regions: Iterable[Region], pixels: int) -> list[Region]:
    """Leave out the smallest regions, which nobody would want to click away one by one.

    Args:
        regions: Of one label image.
        pixels: Of that image. What is left out is at most a quarter of a percent of them.

    Returns:
        The largest ones first; of equals, those that come first.

    """
    falling = sorted(regions, key=lambda region: -region.area)
    left_out = 0
    while falling and (left_out := left_out + falling[-1].area) <= _SPECKS * pixels:
        falling.pop()
    return falling


def corner_outlines(region: Region) -> list[Points]:
    """Trace a region along the corners of its pixels.

    COCO's tools fill this outline, less those of the holes, to the very pixels of the region.

    Returns:
        The outer outline, then those of the holes: int32 [n, 2], (x, y) in the picture. The pixel
        in column x and row y reaches from x to x + 1 and from y to y + 1.

    """
    # With four pixels in the place of one, each touches one of its corners. OpenCV's lines run
    # from pixel to pixel, so they pass by the corners.
    fourfold = cv2.resize(region.mask, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    lines, levels = cv2.findContours(fourfold, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    holes = levels[0, :, 3] >= 0
    order = np.argsort(holes, kind="stable").tolist()
    return [_turns((lines[k][:, 0] + 1) // 2) + (region.left, region.top) for k in order]


def _turns(line: npt.NDArray[np.int32]) -> Points:
    """Points of a closed line where it turns."""
    line = line[(line != np.roll(line, 1, axis=0)).any(axis=1)]
    came, goes = line - np.roll(line, 1, axis=0), np.roll(line, -1, axis=0) - line
    turns = came[:, 0] * goes[:, 1] != came[:, 1] * goes[:, 0]
    return np.asarray(line[turns], np.int32)


def centre_outline(region: Region) -> Points:
    """Trace a region along the centres of its outermost pixels, holes left out.

    Labelme, which fills a polygon together with the pixels that its line meets, fills this outline
    to the very pixels of the region and of its holes.

    Returns:
        int32 [n, 2], (x, y) in the picture; at least three points, some of them equal where the
        region is a pixel or a line.

    """
    (line, *_), _ = cv2.findContours(region.mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    points = line[:, 0] + (region.left, region.top)
    return np.concatenate([points, points[-1:].repeat(max(0, 3 - len(points)), axis=0)])


def filled(region: Region) -> Pixels:
    """The region's `mask` with its holes filled."""
    lines, _ = cv2.findContours(region.mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return np.asarray(cv2.drawContours(region.mask.copy(), lines, -1, 1, cv2.FILLED), np.uint8)
