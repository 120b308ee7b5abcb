# SPDX-License-Identifier: Apache-2.0
"""Camera image to network input."""

import cv2
import numpy as np
import numpy.typing as npt

from segnet_ros.inference.errors import InferenceError

# Bilinear sampling reads 2x2 pixels: beyond a factor of two it skips some and aliases.
_MAX_BILINEAR_SHRINK = 2.0


def resize_image(image: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Resize a picture to the network's size, without keeping its aspect ratio.

    Args:
        image: uint8 [H, W, 3], RGB, 0..255; rows may be padded.
        size: (width, height) in pixels.

    Returns:
        uint8 [height, width, 3], C-contiguous; the input itself when it already fits.

    Raises:
        InferenceError: it is no such picture.

    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        msg = f"the picture is {image.dtype} {image.shape}; expected uint8 (height, width, 3), RGB"
        raise InferenceError(msg)
    width, height = size
    if image.shape[:2] == (height, width):
        return np.ascontiguousarray(image)
    shrink = max(image.shape[1] / width, image.shape[0] / height)
    method = cv2.INTER_LINEAR if shrink <= _MAX_BILINEAR_SHRINK else cv2.INTER_AREA
    return np.asarray(cv2.resize(image, (width, height), interpolation=method), dtype=np.uint8)
