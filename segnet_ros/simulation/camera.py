# SPDX-License-Identifier: Apache-2.0
"""Perspective projection from the street to the image.

Street coordinates are metres: x to the right of the road's centre line, y up from the road
surface, s along the road. The road bends: the image of a point depends on its depth ahead of the
camera and on how far the centre line has swung sideways at that depth.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]

NEAR = 0.8
"""Depth in metres before which nothing is drawn."""

_TABLE_REACH = (-20.0, 400.0)
_TABLE_STEP = 0.5


@dataclass(frozen=True)
class CentreLine:
    """The course of the road: a sum of two sine waves, so it never ends."""

    amplitudes: tuple[float, float]
    wavelengths: tuple[float, float]
    phases: tuple[float, float]

    def offset(self, s: npt.ArrayLike) -> Points:
        """Return the sideways position in metres of the centre line at s."""
        along = np.asarray(s, np.float64)
        waves = zip(self.amplitudes, self.wavelengths, self.phases, strict=True)
        return np.asarray(sum(a * np.sin(along / w + p) for a, w, p in waves), np.float64)

    def slope(self, s: float) -> float:
        """Return the sideways metres per metre along at s."""
        waves = zip(self.amplitudes, self.wavelengths, self.phases, strict=True)
        return sum(a / w * math.cos(s / w + p) for a, w, p in waves)


@dataclass(frozen=True)
class Camera:
    """A pinhole camera that looks along the road's direction at its own position.

    Attributes:
        size: image width and height in pixels.
        x, eye, s: position in street coordinates, metres.
        focal: focal length in pixels.
        horizon: image row of the horizon.
        road: the centre line that the street follows.

    """

    size: tuple[int, int]
    x: float
    eye: float
    s: float
    focal: float
    horizon: float
    road: CentreLine

    @property
    def centre(self) -> float:
        """Image column of the optical axis."""
        return (self.size[0] - 1) / 2

    @cached_property
    def _bends(self) -> tuple[Points, Points]:
        """A table of s and bend: looking up is faster than computing it for every polygon."""
        ahead = np.arange(*_TABLE_REACH, _TABLE_STEP)
        along = self.s + ahead
        start = self.road.offset(self.s)
        return along, self.road.offset(along) - start - self.road.slope(self.s) * ahead

    def bend(self, s: npt.ArrayLike) -> Points:
        """Return how many metres the road at s lies beside the camera's straight ahead."""
        return np.asarray(np.interp(np.asarray(s, np.float64), *self._bends))

    def project(self, points: Points) -> Points:
        """Project street points [N, 3] (x, y, s), all deeper than `NEAR`, to pixels [N, 2]."""
        along = points[:, 2]
        scale = self.focal / (along - self.s)
        pixels = np.empty((len(points), 2))
        pixels[:, 0] = self.centre + scale * (points[:, 0] + self.bend(along) - self.x)
        pixels[:, 1] = self.horizon - scale * (points[:, 1] - self.eye)
        return pixels

    def scale(self, s: float) -> float:
        """Return the pixels per metre of an upright plane at s."""
        return self.focal / (s - self.s)

    def ground_depth(self, rows: npt.ArrayLike) -> Points:
        """Return the depth in metres at which image rows below the horizon meet the ground."""
        below = np.asarray(rows, np.float64) - self.horizon
        return np.asarray(self.focal * self.eye / below, np.float64)


def clip_near(points: Points, s_near: float) -> Points:
    """Cut a polygon [N, 3] at the plane s = s_near and return the far part, [M, 3], maybe M = 0."""
    inside = points[:, 2] >= s_near
    if inside.all():
        return points
    kept: list[Points] = []
    for index, point in enumerate(points):
        before = points[index - 1]
        if inside[index] != inside[index - 1]:
            share = (s_near - before[2]) / (point[2] - before[2])
            kept.append(before + share * (point - before))
        if inside[index]:
            kept.append(point)
    return np.array(kept).reshape(-1, 3)
