# SPDX-License-Identifier: Apache-2.0
"""Seeded random streams and smooth random textures."""

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def stream(seed: int, *keys: int) -> np.random.Generator:
    """Return a generator that depends on nothing but the seed and the keys (any integers)."""
    return np.random.default_rng([seed, *(key & 0xFFFFFFFF for key in keys)])


def fractal(
    rng: np.random.Generator, shape: tuple[int, int], cells: float, octaves: int = 5
) -> Floats:
    """Return smooth noise, float32 [height, width], mean about 0, standard deviation 1.

    The coarsest octave has `cells` cells along the longer edge; each next one twice as many at
    0.6 of the amplitude.
    """
    height, width = shape
    longest = max(shape)
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        step = longest / (cells * 2**octave)
        grid = (int(height / step) + 2, int(width / step) + 2)
        coarse = rng.standard_normal(grid).astype(np.float32)
        total += 0.6**octave * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray((total - total.mean()) / (total.std() + 1e-6), np.float32)


def tileable(rng: np.random.Generator, edge: int, blurs: tuple[float, ...]) -> Floats:
    """Return noise of float32 [edge, edge] that repeats without a seam, deviation 1.

    It is a sum of white noise blurred with each standard deviation (pixels) in `blurs`.
    """
    total = np.zeros((edge, edge), np.float32)
    for sigma in blurs:
        white = rng.standard_normal((edge, edge)).astype(np.float32)
        margin = int(3 * sigma) + 1
        wide = np.pad(white, margin, mode="wrap")
        layer = cv2.GaussianBlur(wide, (0, 0), sigma)[margin:-margin, margin:-margin]
        total += layer / layer.std()
    return np.asarray(total / total.std(), np.float32)
