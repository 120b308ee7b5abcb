# SPDX-License-Identifier: Apache-2.0
"""Picture files: read once, and decoded only if what they declare is a sensible size."""

import stat
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.picture_header import MAX_PIXELS, declared_size
from segnet_ros.inference.picture_traps import trap

MAX_FILE_BYTES = 2**29
"""Longest picture file that is read: `MAX_PIXELS` of 16 bits in RGB, uncompressed, and a half."""


class PictureError(InferenceError):
    """A picture file cannot be used."""


def read_picture(path: Path, flags: int) -> npt.NDArray[Any]:
    """Decode a picture file.

    Args:
        path: A regular file; what is in it decides, not its name.
        flags: cv2.IMREAD_*.

    Returns:
        As cv2.imread does: BGR [H, W, 3] uint8 for IMREAD_COLOR.

    Raises:
        PictureError: the file cannot be read, is longer than `MAX_FILE_BYTES`, declares more than
            `MAX_PIXELS` pixels, or cannot be decoded.

    """
    return decode_picture(path, picture_bytes(path), flags)


def picture_bytes(path: Path) -> bytes:
    """The whole file, at most `MAX_FILE_BYTES`.

    Raises:
        PictureError: it is longer, no regular file, or cannot be read.

    """
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):  # opening a pipe would wait for ever
            raise undecodable(path)
        with path.open("rb") as file:
            # What is asked for is allocated at once.
            content = file.read(min(state.st_size, MAX_FILE_BYTES) + 1)
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}; restore or remove it"
        raise PictureError(msg) from error
    if len(content) > MAX_FILE_BYTES:
        msg = f"{path} is no picture: longer than {MAX_FILE_BYTES} bytes; restore or remove it"
        raise PictureError(msg)
    return content


def check_picture(path: Path, content: bytes) -> None:
    """Refuse a JPEG or PNG that would cost far more than its file's size tells.

    Args:
        path: For the error's text.
        content: The whole file.

    Raises:
        PictureError: more than `MAX_PIXELS` pixels are declared, or see `trap`.

    """
    declared = declared_size(content)
    if declared and declared.height * declared.width > MAX_PIXELS:
        raise too_large(path, f"{declared.width} x {declared.height}")
    if reason := trap(content):
        raise undecodable(path, f": it {reason}")


def decode_picture(path: Path, content: bytes, flags: int) -> npt.NDArray[Any]:
    """Decode what was read of a picture file.

    JPEG and PNG are refused by their own headers. Other formats are by OpenCV, whose limit the
    package sets when it is imported, unless OpenCV was already.

    Args:
        path: For the error's text.
        content: The whole file.
        flags: cv2.IMREAD_*.

    Returns:
        As cv2.imdecode does.

    Raises:
        PictureError: more than `MAX_PIXELS` pixels are declared, or it cannot be decoded.

    """
    check_picture(path, content)
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error as error:
        if "MAX_IMAGE" in str(error):
            raise too_large(path, "too many") from error
        raise undecodable(path) from error
    if pixels is None:
        raise undecodable(path)
    return pixels


def too_large(path: Path, found: str) -> PictureError:
    """What is said of a picture that is not decoded.

    Args:
        path: The file.
        found: How many pixels it declares.

    """
    return PictureError(
        f"{path} declares {found} pixels; expected at most {MAX_PIXELS}; scale it down or remove it"
    )


def undecodable(path: Path, reason: str = "") -> PictureError:
    """What is said of a file that holds no complete picture of a known format.

    Args:
        path: The file.
        reason: Goes on behind "picture".

    """
    return PictureError(f"{path} cannot be decoded as a picture{reason}; restore or remove it")
