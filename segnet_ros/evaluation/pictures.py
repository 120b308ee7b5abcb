# SPDX-License-Identifier: Apache-2.0
"""Pictures that travel inside an HTML page."""

import base64

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

_WIDTH = 320
_QUALITY = 80


def jpeg_uri(pixels: Pixels) -> str:
    """Shrink uint8 [H, W, 3] RGB to at most 320 pixels' width; a data URI."""
    height, width = pixels.shape[:2]
    if width > _WIDTH:
        size = (_WIDTH, max(1, round(height * _WIDTH / width)))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return data_uri("image/jpeg", encoded.tobytes())


def data_uri(kind: str, content: bytes) -> str:
    """Embed a file of the media type `kind`."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
