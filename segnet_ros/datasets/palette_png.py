# SPDX-License-Identifier: Apache-2.0
"""Palette PNGs, whose pixels are indices into a list of colours: the way VOC stores labels."""

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt

from segnet_ros.inference.picture_files import check_picture, picture_bytes, undecodable
from segnet_ros.inference.picture_header import PNG_SIGNATURE

_COLOR_TYPE = 25  # byte of the header, after signature, length, "IHDR", width, height and depth
_PALETTE = 3


def is_palette_png(path: Path) -> bool:
    """Whether an existing file is a PNG with a palette."""
    with path.open("rb") as file:
        header = file.read(_COLOR_TYPE + 1)
    return header.startswith(PNG_SIGNATURE) and header[_COLOR_TYPE:] == bytes([_PALETTE])


def palette_indices(path: Path) -> npt.NDArray[np.uint8]:
    """The indices of a palette PNG, uint8 [H, W]; OpenCV would give the colours.

    Raises:
        ImportError: Pillow is not installed.
        PictureError: the file is damaged, or declares too many pixels.

    """
    from PIL import Image

    content = picture_bytes(path)
    check_picture(path, content)
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
            return np.asarray(picture, dtype=np.uint8)
    except (OSError, SyntaxError, ValueError) as error:  # as Pillow says of a damaged one
        raise undecodable(path) from error
