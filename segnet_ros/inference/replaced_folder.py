# SPDX-License-Identifier: Apache-2.0
"""Folders that appear whole or not at all, also in the place of older ones."""

import ctypes
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segnet_ros.inference.engine.lock import locked_if_free
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.files import write_errors

_HERE = -100
"""AT_FDCWD: paths are taken as they are."""
_EXCHANGE = 2
"""RENAME_EXCHANGE."""


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder of the same name; it takes the place of `folder` when the block ends.

    At any moment, even when the process is killed, `folder` is the old one or the new one. What a
    killed process left beside it is cleared away by the next one.

    Raises:
        FileWriteError: it cannot be written; an older folder is still there.
        InferenceError: another process is writing it.

    """
    with write_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder), _beside(folder) as unfinished:
            yield unfinished
            _sync(unfinished)
            _put(unfinished, folder)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with locked_if_free(folder.with_name(f".{folder.name}.lock")) as is_held:
        if not is_held:
            msg = (
                f"{folder} is being written by another process; wait for its end, or choose "
                "another place"
            )
            raise InferenceError(msg)
        yield


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """A new folder on the same disk, which is gone in the end unless it is moved."""
    prefix = f".{folder.name}.partial-"
    for abandoned in folder.parent.glob(f"{glob.escape(prefix)}*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=prefix) as hidden:
        unfinished = Path(hidden, folder.name)
        unfinished.mkdir()
        yield unfinished


def _sync(folder: Path) -> None:
    """Make the files survive a power cut before they get their final names."""
    for path in [*folder.rglob("*"), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _put(new: Path, folder: Path) -> None:
    if not folder.exists():
        new.rename(folder)
    elif not _exchanged(new, folder):
        _put_aside(new, folder)


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two folders at once; False where the system or the disk cannot."""
    exchange = getattr(ctypes.CDLL(None), "renameat2", None)
    if exchange is None:
        return False
    paths = (os.fsencode(one), os.fsencode(other))
    return bool(exchange(_HERE, paths[0], _HERE, paths[1], _EXCHANGE) == 0)


def _put_aside(new: Path, folder: Path) -> None:
    """Move the older folder away first, and back on a failure."""
    aside = new.with_name(f"{folder.name}.replaced")
    folder.rename(aside)
    try:
        new.rename(folder)
    finally:
        if not folder.exists():
            aside.rename(folder)
