# SPDX-License-Identifier: Apache-2.0
"""Video files."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.files import replacing

Pixels = npt.NDArray[np.uint8]


@contextmanager
def video_writer(path: Path, rate: float) -> Iterator[Callable[[Pixels], None]]:
    """Yield a function that appends uint8 RGB [H, W, 3] pictures of one size to an MP4 file.

    The file appears when the block ends well.

    Raises:
        InferenceError: OpenCV cannot encode this file here, no picture was appended, or the disk is
            full.
        FileWriteError: the file cannot be written.

    """
    writer: list[cv2.VideoWriter] = []
    count = 0
    with replacing(path) as partial:

        def append(picture: Pixels) -> None:
            nonlocal count
            if not writer:
                writer.append(_open(partial, picture, rate))
            if not writer[0].isOpened():
                msg = (
                    f"{path} cannot be written: OpenCV has no encoder for it here, or the disk is "
                    "full; make room, or choose another place"
                )
                raise InferenceError(msg)
            writer[0].write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
            count += 1

        try:
            yield append
        finally:
            for opened in writer:
                opened.release()
        if not writer:
            msg = f"{path} was not written: no picture came; expected at least one"
            raise InferenceError(msg)
        _expect_pictures(partial, count, path)


def _expect_pictures(written: Path, count: int, path: Path) -> None:
    """The encoder overlooks a full disk; what it writes last, a table of pictures, tells of it."""
    reader = cv2.VideoCapture(str(written))
    found = int(reader.get(cv2.CAP_PROP_FRAME_COUNT))
    reader.release()
    if found != count:
        msg = (
            f"{path} cannot be written ({found} of {count} pictures are in it, as where the disk "
            "is full); expected room and the right to write. Make room, or choose another place"
        )
        raise InferenceError(msg)


def _open(path: Path, picture: Pixels, rate: float) -> cv2.VideoWriter:
    size = (picture.shape[1], picture.shape[0])
    return cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, size)
