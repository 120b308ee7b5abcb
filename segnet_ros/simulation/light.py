# SPDX-License-Identifier: Apache-2.0
"""Time of day and weather: how a surface's own colour becomes the colour in the image."""

import math
from dataclasses import dataclass, field

import numpy as np

Colour = tuple[float, float, float]
"""RGB, 0..255."""
Normal = tuple[float, float, float]
"""Unit vector (right, up, along the road) out of a surface."""

UP: Normal = (0.0, 1.0, 0.0)
LEFT: Normal = (-1.0, 0.0, 0.0)
RIGHT: Normal = (1.0, 0.0, 0.0)
TOWARDS: Normal = (0.0, 0.0, -1.0)
"""The normal of a surface that faces the camera."""


@dataclass(frozen=True)
class Light:
    """One lighting of a whole drive.

    Attributes:
        sun: unit vector (right, up, along) towards the sun.
        sun_gain, sky_gain: RGB factors of direct and of diffuse light on a surface.
        zenith, horizon, cloud: colours of the sky, 0..255.
        cloud_cover: share of the sky under cloud, 0..1.
        haze_distance: metres after which a surface has lost 63 % of its contrast.
        lamps: whether lamps, headlights and windows are lit.

    """

    sun: Normal
    sun_gain: Colour
    sky_gain: Colour
    zenith: Colour
    horizon: Colour
    cloud: Colour
    cloud_cover: float
    haze_distance: float
    lamps: bool
    _gains: dict[Normal, Colour] = field(default_factory=dict, repr=False, compare=False)

    def gain(self, normal: Normal) -> Colour:
        """Return the RGB factors by which a surface with this normal is lit."""
        if normal not in self._gains:
            self._gains[normal] = self._compute_gain(normal)
        return self._gains[normal]

    def _compute_gain(self, normal: Normal) -> Colour:
        direct = max(0.0, sum(a * b for a, b in zip(normal, self.sun, strict=True)))
        diffuse = 0.8 + 0.2 * normal[1]
        r, g, b = (
            diffuse * sky + direct * sun
            for sky, sun in zip(self.sky_gain, self.sun_gain, strict=True)
        )
        return r, g, b

    def haze(self, depth: float) -> float:
        """Return the share of the horizon's colour at a depth in metres, 0..1."""
        return 1.0 - math.exp(-max(0.0, depth - 15.0) / self.haze_distance)

    def shade(self, albedo: Colour, normal: Normal, depth: float) -> Colour:
        """Return the colour in the image of a surface at a depth in metres."""
        haze = self.haze(depth)
        clear = 1.0 - haze
        gain, far = self.gain(normal), self.horizon
        return (
            clear * albedo[0] * gain[0] + haze * far[0],
            clear * albedo[1] * gain[1] + haze * far[1],
            clear * albedo[2] * gain[2] + haze * far[2],
        )

    @property
    def shadow(self) -> float:
        """Factor by which the ground is darker where the sun does not reach it."""
        lit = sum(self.gain(UP))
        return sum(self.sky_gain) / lit


def _sun(rng: np.random.Generator, elevation: float) -> Normal:
    """Return a sun on either side of the road and behind the camera more often than before it."""
    side = rng.choice([-1.0, 1.0])
    azimuth = math.radians(rng.uniform(-65, 40))
    flat = math.cos(elevation)
    return side * flat * math.cos(azimuth), math.sin(elevation), flat * math.sin(azimuth)


def _sunny(rng: np.random.Generator) -> Light:
    blue = rng.uniform(0.0, 1.0)
    return Light(
        sun=_sun(rng, math.radians(rng.uniform(25, 48))),
        sun_gain=(0.78, 0.72, 0.62),
        sky_gain=(0.50, 0.53, 0.59),
        zenith=(236 - 96 * blue, 242 - 62 * blue, 250 - 14 * blue),
        horizon=(242, 246, 250),
        cloud=(252, 252, 252),
        cloud_cover=rng.uniform(0.15, 0.6),
        haze_distance=rng.uniform(350, 800),
        lamps=False,
    )


def _overcast(rng: np.random.Generator) -> Light:
    grey = rng.uniform(0.0, 1.0)
    return Light(
        sun=_sun(rng, math.radians(60)),
        sun_gain=(0.10, 0.10, 0.10),
        sky_gain=(0.90 - 0.16 * grey, 0.91 - 0.16 * grey, 0.93 - 0.15 * grey),
        zenith=(240 - 50 * grey, 242 - 48 * grey, 245 - 44 * grey),
        horizon=(250 - 18 * grey, 251 - 18 * grey, 252 - 16 * grey),
        cloud=(250 - 55 * grey, 250 - 52 * grey, 252 - 48 * grey),
        cloud_cover=rng.uniform(0.6, 0.95),
        haze_distance=rng.uniform(180, 450),
        lamps=False,
    )


def _dusk(rng: np.random.Generator) -> Light:
    warm = rng.uniform(0.0, 1.0)
    deep = rng.uniform(0.75, 1.1)
    return Light(
        sun=_sun(rng, math.radians(8)),
        sun_gain=(0.34 * deep, 0.22 * deep, 0.11 * deep),
        sky_gain=(0.42 * deep, 0.42 * deep, 0.46 * deep),
        zenith=(134, 148, 172),
        horizon=(220 + 30 * warm, 208, 200 - 40 * warm),
        cloud=(150 + 40 * warm, 146, 156),
        cloud_cover=rng.uniform(0.3, 0.8),
        haze_distance=rng.uniform(500, 900),
        lamps=True,
    )


def choose_light(rng: np.random.Generator) -> Light:
    """Draw a lighting: sunny, overcast or dusk."""
    weather = rng.choice(3, p=(0.47, 0.35, 0.18))
    return (_sunny, _overcast, _dusk)[weather](rng)
