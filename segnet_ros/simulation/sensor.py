# SPDX-License-Identifier: Apache-2.0
"""What the camera adds: lens blur, vignetting, exposure and noise."""

import cv2
import numpy as np

from segnet_ros.simulation.canvas import Pixels
from segnet_ros.simulation.noise import Floats, stream

_NOISE_MARGIN = 64


class Sensor:
    """The camera of one drive."""

    def __init__(self, seed: int, size: tuple[int, int], dark: bool) -> None:
        rng = stream(seed, 70)
        width, height = size
        self._seed = seed
        self._blur = float(rng.uniform(0.35, 0.7)) * max((width / 480) ** 0.5, 0.7)
        self._curve = _tone_curve(rng, dark)
        shade = _vignette(size, float(rng.uniform(0.06, 0.2)))
        self._vignette = cv2.merge([shade, shade, shade])
        strength = float(rng.uniform(1.2, 2.6)) * (1.4 if dark else 1.0)
        shape = (height + _NOISE_MARGIN, width + _NOISE_MARGIN, 3)
        noise = rng.normal(0.0, strength, shape) + rng.normal(0.0, strength, shape[:2])[..., None]
        self._noise = np.asarray(np.clip(noise + 128.5, 0, 255), np.uint8)

    def expose(self, image: Pixels, index: int) -> Pixels:
        """Return frame `index` as the camera would deliver it, uint8 [H, W, 3]."""
        soft = cv2.GaussianBlur(image, (0, 0), self._blur)
        shaded = cv2.multiply(soft, self._vignette, dtype=cv2.CV_8U)
        toned = cv2.LUT(shaded, self._curve)
        top, left = stream(self._seed, 71, index).integers(0, _NOISE_MARGIN, 2)
        height, width = image.shape[:2]
        grain = self._noise[top : top + height, left : left + width]
        return np.asarray(cv2.addWeighted(toned, 1.0, grain, 1.0, -128.0), np.uint8)


def _tone_curve(rng: np.random.Generator, dark: bool) -> Pixels:
    """Return a lookup table [256]: exposure, contrast and a soft shoulder."""
    level = np.linspace(0.0, 1.0, 256)
    exposure = rng.uniform(0.85, 1.0) if dark else rng.uniform(0.98, 1.2)
    gamma = rng.uniform(0.95, 1.2)
    exposed = exposure * level**gamma
    curve = np.where(exposed < 0.8, exposed, 0.8 + 0.2 * np.tanh((exposed - 0.8) / 0.2))
    return np.asarray(np.clip(255 * curve, 0, 255), np.uint8)


def _vignette(size: tuple[int, int], strength: float) -> Floats:
    """Return the share of light that reaches each pixel, float32 [H, W]."""
    width, height = size
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    return np.asarray(1.0 - strength * (x**2 + y**2) / 2, np.float32)
