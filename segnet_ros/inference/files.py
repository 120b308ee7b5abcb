# SPDX-License-Identifier: Apache-2.0
"""Files that appear whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from segnet_ros.inference.errors import InferenceError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it takes its place when the block ends well.

    The temporary file keeps the suffix, by which libraries choose the format.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".partial-{path.name}")
    try:
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_image(path: Path, pixels: npt.NDArray[np.uint8]) -> None:
    """Write uint8 [H, W] or RGB [H, W, 3] in the format of the suffix.

    Raises:
        InferenceError: the suffix names no image format, or the file cannot be written.

    """
    if not cv2.haveImageWriter(path.name):
        msg = f"{path} names no image format; expected a suffix such as .png"
        raise InferenceError(msg)
    ordered = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    with replacing(path) as partial:
        if not cv2.imwrite(str(partial), ordered):
            msg = f"{path} cannot be written; check the folder and the disk"
            raise InferenceError(msg)
