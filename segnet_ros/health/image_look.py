# SPDX-License-Identifier: Apache-2.0
"""What a picture tells about the camera: everything that is measured of it, and nothing judged."""

import zlib
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

# Black as a limited-range signal shown in full range has it (16), and some noise.
DARK = 24
"""Grey levels below this one, 0..255, are dark."""

_SATURATED = 250
_ROWS = 24
# Mean square of differences; 5 grey levels between points a fortieth of the width apart.
_LEAST_CONTRAST = 25.0


@dataclass(frozen=True)
class ImageLook:
    """A picture in numbers; small, and independent of all others.

    Attributes:
        time: When it was taken, seconds of a steady clock.
        digest: Equal for equal pictures.
        brightness: Mean, 0..255.
        dark: Share of the pixels that are darker than `DARK` in all channels, 0..1.
        saturated: Share of the pixels that are white, 0..1.
        sharpness: Contrast of fine details in % of that of coarse ones: an ideal edge gives 12,
            noise 100, a picture without details 1.6. None if there is hardly any contrast.

    """

    time: float
    digest: int
    brightness: float
    dark: float
    saturated: float
    sharpness: float | None


def look_at_image(image: Pixels, time: float) -> ImageLook:
    """Measure a picture, uint8 [H, W, 3] RGB of any size."""
    # Whole rows, because their bytes lie side by side: columns would cost a cache miss a pixel.
    rows = np.ascontiguousarray(image[:: max(1, image.shape[0] // _ROWS)])
    pixels = rows.shape[0] * rows.shape[1]
    red, green, blue, _ = cv2.mean(rows)
    dark = cv2.countNonZero(cv2.inRange(rows, (0, 0, 0), (DARK - 1,) * 3))
    saturated = cv2.countNonZero(cv2.inRange(rows, (_SATURATED,) * 3, (255, 255, 255)))
    return ImageLook(
        time=time,
        digest=zlib.crc32(rows.data),
        brightness=0.299 * red + 0.587 * green + 0.114 * blue,
        dark=dark / pixels,
        saturated=saturated / pixels,
        sharpness=_sharpness(image),
    )


def _sharpness(image: Pixels) -> float | None:
    height, width = image.shape[:2]
    fine = max(1, round(width / 320))
    coarse = 8 * fine
    if min(height, width) <= 2 * coarse:
        return None
    step = max(1, (height - coarse) // _ROWS)
    here, below, far_below = (
        image[offset : height - coarse + offset : step, :, 1].astype(np.int16)
        for offset in (0, fine, coarse)
    )
    details = _energy(here[:, fine:] - here[:, :-fine]), _energy(below - here)
    contrast = _energy(here[:, coarse:] - here[:, :-coarse]), _energy(far_below - here)
    ways = zip(details, contrast, strict=True)
    return max((100 * a / b for a, b in ways if b >= _LEAST_CONTRAST), default=None)


def _energy(differences: npt.NDArray[np.int16]) -> float:
    return float(np.mean(np.square(differences, dtype=np.int32)))
