# SPDX-License-Identifier: Apache-2.0
"""Trees as sprites: a crown of leaf clusters on a trunk."""

import cv2
import numpy as np

from segnet_ros.simulation.canvas import Pixels
from segnet_ros.simulation.light import Colour, Light
from segnet_ros.simulation.noise import Floats, fractal

_HEIGHT, _WIDTH = 384, 320
_LEAVES: tuple[Colour, ...] = (
    (92, 112, 48),
    (74, 98, 44),
    (108, 118, 56),
    (66, 86, 50),
    (134, 122, 58),
    (122, 96, 50),
)
_BARK: Colour = (88, 76, 64)


def _crown_relief(rng: np.random.Generator) -> Floats:
    """Return how far clusters of leaves bulge out, float32 [H, W]; over 0.5 is crown."""
    relief: Floats = np.zeros((_HEIGHT, _WIDTH), np.float32)
    rows, columns = np.mgrid[0:_HEIGHT, 0:_WIDTH].astype(np.float32)
    slim = rng.uniform(0.62, 1.0)
    for _ in range(46):
        angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.0, 1.0) ** 0.6
        x = _WIDTH * (0.5 + 0.34 * slim * reach * np.cos(angle))
        y = _HEIGHT * (0.40 + 0.27 * reach * np.sin(angle))
        radius = rng.uniform(24, 50)
        reach_y = slice(max(0, int(y - radius)), int(y + radius) + 1)
        part = relief[reach_y]
        distance = np.hypot(rows[reach_y] - y, columns[reach_y] - x) / radius
        np.maximum(part, 1.15 - 0.65 * distance**2, out=part)
    return relief


def _leaf_shading(rng: np.random.Generator, relief: Floats, light: Light) -> Floats:
    """Return the crown's brightness, float32 [H, W] about 1: bulges, leaves, sun from above."""
    smooth = cv2.GaussianBlur(relief, (0, 0), 5)
    across = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=5) / 48
    down = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=5) / 48
    leaves = 0.6 * fractal(rng, relief.shape, cells=26, octaves=3)
    leaves += 0.9 * fractal(rng, relief.shape, cells=110, octaves=1)
    height = np.linspace(1.12, 0.72, _HEIGHT, dtype=np.float32)[:, None]
    bright = height + 3.2 * down - 3.2 * light.sun[0] * across + 0.20 * leaves
    return np.asarray(np.clip(bright, 0.28, 1.6), np.float32)


def _trunk(rng: np.random.Generator) -> Pixels:
    """Return the opacity of trunk and boughs, uint8 [H, W]."""
    alpha = np.zeros((_HEIGHT, _WIDTH), np.uint8)
    foot, fork = np.array((_WIDTH / 2, _HEIGHT)), np.array((_WIDTH / 2, _HEIGHT * 0.62))
    thick = int(rng.integers(9, 15))
    stem = np.array(
        [foot - (thick, 0), fork - (0.6 * thick, 0), fork + (0.6 * thick, 0), foot + (thick, 0)]
    )
    cv2.fillPoly(alpha, [stem.astype(np.int32)], 255, cv2.LINE_AA)
    for _ in range(7):
        tip = fork + rng.uniform((-80, -170), (80, -60))
        start = tuple(int(v) for v in fork)
        end = tuple(int(v) for v in tip)
        cv2.line(alpha, start, end, 255, int(rng.integers(3, 8)), cv2.LINE_AA)
    return alpha


def build_tree(rng: np.random.Generator, light: Light) -> Pixels:
    """Return a lit tree, uint8 RGBA [384, 320, 4], its foot in the middle of the lower edge."""
    relief = _crown_relief(rng)
    ragged = relief + 0.15 * fractal(rng, relief.shape, cells=40, octaves=3)
    crown = np.clip((ragged - 0.56) * 9, 0.0, 1.0)
    sun = light.gain((light.sun[0] * 0.6, 0.8, -0.2))
    leaf = np.array(_LEAVES[int(rng.integers(len(_LEAVES)))]) * sun
    bark = np.array(_BARK) * light.gain((0.0, 0.0, -1.0))
    foliage = leaf * _leaf_shading(rng, relief, light)[..., None]
    trunk = _trunk(rng)
    sides = np.linspace(-1, 1, _WIDTH)[None, :, None] * 6
    wood = bark * (1.0 + 0.25 * np.sign(light.sun[0]) * np.clip(sides, -1, 1))
    colour = foliage * crown[..., None] + wood * (1.0 - crown[..., None])
    alpha = np.maximum(crown * 255, trunk)
    return np.dstack([np.clip(colour, 0, 255), alpha]).astype(np.uint8)
