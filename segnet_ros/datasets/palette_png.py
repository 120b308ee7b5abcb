# SPDX-License-Identifier: Apache-2.0
"""Palette PNGs, whose pixels are indices into a list of colours: the way VOC stores labels."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOR_TYPE = 25  # byte of the header, after signature, length, "IHDR", width, height and depth
_PALETTE = 3


def is_palette_png(path: Path) -> bool:
    """Whether an existing file is a PNG with a palette."""
    with path.open("rb") as file:
        header = file.read(_COLOR_TYPE + 1)
    return header.startswith(_SIGNATURE) and header[_COLOR_TYPE:] == bytes([_PALETTE])


def palette_indices(path: Path) -> npt.NDArray[np.uint8]:
    """The indices of a palette PNG, uint8 [H, W]; OpenCV would give the colours.

    Raises:
        ImportError: Pillow is not installed.
        OSError: the file is damaged.

    """
    from PIL import Image

    with Image.open(path) as picture:
        return np.asarray(picture, dtype=np.uint8)
