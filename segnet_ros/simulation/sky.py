# SPDX-License-Identifier: Apache-2.0
"""The sky: a gradient with clouds, painted once per drive and turned with the road."""

import cv2
import numpy as np

from segnet_ros.simulation.camera import Camera
from segnet_ros.simulation.canvas import Canvas, Pixels
from segnet_ros.simulation.light import Light
from segnet_ros.simulation.noise import Floats, fractal

_TURN_MARGIN = 1.0
"""Image widths of sky beyond either edge of the view."""


def _clouds(rng: np.random.Generator, shape: tuple[int, int], cover: float) -> Floats:
    """Return the opacity of the clouds, float32 [H, W], 0..1; flatter towards the horizon."""
    height, width = shape
    flat = fractal(rng, (256, 512), cells=7, octaves=6)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    distance = 1.0 / (1.12 - rows / height)
    across = (columns / width - 0.5) * distance
    map_x = (across * 200 + 256) % 511
    map_y = (distance * 55) % 255
    density = cv2.remap(flat, map_x.astype(np.float32), map_y.astype(np.float32), cv2.INTER_LINEAR)
    density = cv2.GaussianBlur(density, (0, 0), height / 300 + 0.3)
    return np.asarray(np.clip((density - 1.6 + 3.2 * cover) / 1.5, 0.0, 1.0), np.float32)


def build_sky(rng: np.random.Generator, light: Light, width: int, horizon: int) -> Pixels:
    """Return the sky above the horizon, uint8 [horizon, width with margins, 3]."""
    shape = (max(horizon, 1), int(width * (1 + 2 * _TURN_MARGIN)))
    down = np.linspace(0.0, 1.0, shape[0], dtype=np.float32)[:, None, None] ** 0.8
    zenith = np.array(light.zenith, np.float32)
    clear = zenith + down * (np.array(light.horizon, np.float32) - zenith)
    cover = _clouds(rng, shape, light.cloud_cover)[..., None]
    relief = fractal(rng, shape, cells=12)[..., None] * 9 * cover
    painted = clear + (np.array(light.cloud, np.float32) - clear) * cover * (1 - 0.45 * down)
    return np.asarray(np.clip(painted + relief * (1 - down), 0, 255), np.uint8)


def draw_sky(canvas: Canvas, camera: Camera, sky: Pixels) -> None:
    """Copy the part of the sky that the camera sees, down to the horizon."""
    width = camera.size[0]
    margin = (sky.shape[1] - width) // 2
    turn = camera.road.slope(camera.s) * camera.focal
    left = int(np.clip(margin + turn, 0, sky.shape[1] - width))
    rows = min(sky.shape[0], camera.size[1])
    canvas.image[:rows] = sky[:rows, left : left + width]
    canvas.image[rows:] = sky[-1, left : left + width]
