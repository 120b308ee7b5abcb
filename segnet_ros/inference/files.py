# SPDX-License-Identifier: Apache-2.0
"""Files that appear whole or not at all."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from segnet_ros.inference.errors import InferenceError


class FileWriteError(OSError):
    """A file or folder cannot be written: the disk is full, or this user may not."""

    def __str__(self) -> str:
        """What, why, and what to do about it."""
        return (
            f"{self.filename} cannot be written ({self.strerror}); expected room and the right to "
            "write. Make room, or choose another place"
        )


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Name the file in what the operating system says about writing.

    Args:
        path: Of the file or folder that the block writes.

    Raises:
        FileWriteError: instead of an OSError that names no file, one beside `path`, or a folder
            above it.

    """
    try:
        yield
    except (FileWriteError, FileNotFoundError):
        raise
    except OSError as error:
        if error.filename is not None and not _concerns(Path(str(error.filename)), path):
            raise
        reason = error.strerror or str(error)
        raise FileWriteError(error.errno or errno.EIO, reason, str(path)) from error


def _concerns(named: Path, path: Path) -> bool:
    return named in path.parents or path.parent in named.parents


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it takes its place when the block ends well.

    The temporary file keeps the suffix, by which libraries choose the format.

    Raises:
        FileWriteError: the file cannot be written, by this or by any other method.

    """
    with write_errors(path):
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
        InferenceError: the suffix names no image format.
        FileWriteError: the file cannot be written.

    """
    if not cv2.haveImageWriter(path.name):
        msg = f"{path} names no image format; expected a suffix such as .png"
        raise InferenceError(msg)
    ordered = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    # Not imwrite, which overlooks a full disk.
    _, content = cv2.imencode(path.suffix, ordered)
    with replacing(path) as partial:
        partial.write_bytes(content.tobytes())
