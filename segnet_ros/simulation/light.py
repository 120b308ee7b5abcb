"""Time of day and weather: how a surface's own colour becomes the colour in the image."""

import math
from dataclasses import dataclass

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

    def gain(self, normal: Normal) -> Colour:
        """Return the RGB factors by which a surface with this normal is lit."""
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
        r, g, b = (
            (1.0 - haze) * own * gain + haze * far
            for own, gain, far in zip(albedo, self.gain(normal), self.horizon, strict=True)
        )
        return r, g, b

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
        sky_gain=(0.47, 0.50, 0.56),
        zenith=(205 - 95 * blue, 220 - 60 * blue, 245 - 15 * blue),
        horizon=(228, 236, 245),
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
        sky_gain=(0.74 - 0.12 * grey, 0.75 - 0.12 * grey, 0.77 - 0.11 * grey),
        zenith=(222 - 50 * grey, 226 - 48 * grey, 232 - 44 * grey),
        horizon=(240 - 20 * grey, 242 - 20 * grey, 245 - 18 * grey),
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
        sun_gain=(0.24 * deep, 0.15 * deep, 0.08 * deep),
        sky_gain=(0.29 * deep, 0.29 * deep, 0.33 * deep),
        zenith=(112, 126, 150),
        horizon=(206 + 34 * warm, 194, 186 - 40 * warm),
        cloud=(128 + 30 * warm, 124, 134),
        cloud_cover=rng.uniform(0.3, 0.8),
        haze_distance=rng.uniform(500, 900),
        lamps=True,
    )


def choose_light(rng: np.random.Generator) -> Light:
    """Draw a lighting: sunny, overcast or dusk."""
    weather = rng.choice(3, p=(0.45, 0.32, 0.23))
    return (_sunny, _overcast, _dusk)[weather](rng)
