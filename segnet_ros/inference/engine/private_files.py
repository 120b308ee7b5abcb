# SPDX-License-Identifier: Apache-2.0
"""Files that only this user can have written: engines are programs, so theirs must be."""

import os
import stat
from pathlib import Path

from segnet_ros.inference.errors import InferenceError

_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def private_folder(folder: Path) -> Path:
    """Create a folder for this user alone, or check that an existing one is theirs.

    Raises:
        InferenceError: it cannot be created, belongs to somebody else, or others may write to it.

    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = folder.stat()
    except OSError as error:
        msg = (
            f"{folder} cannot be a cache of engines ({error.strerror}); choose another folder "
            "with --cache, or engine_cache of the node"
        )
        raise InferenceError(msg) from error
    if state.st_uid != os.geteuid():
        msg = (
            f"{folder} belongs to user {state.st_uid}, but this process runs as {os.geteuid()}, "
            "and an engine is a program; run as that user, or choose another folder with --cache"
        )
        raise InferenceError(msg)
    if state.st_mode & _WRITABLE_BY_OTHERS:
        msg = (
            f"other users may write to {folder} (mode {stat.S_IMODE(state.st_mode):o}), and an "
            f"engine is a program; empty it if in doubt, then run `chmod 700 {folder}`"
        )
        raise InferenceError(msg)
    return folder


def read_private(path: Path, max_bytes: int) -> bytes:
    """Read a file whole.

    Raises:
        FileNotFoundError: there is none.
        InferenceError: it is no plain file, is larger, or others can have written it.
        OSError: reading fails.

    """
    descriptor = _open(path)
    with os.fdopen(descriptor, "rb") as file:
        state = os.fstat(descriptor)
        _check(path, state, max_bytes)
        return file.read(state.st_size)


def write_private(path: Path, content: bytes) -> None:
    """Write a new file that nobody else may read or write, down to the disk."""
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _open(path: Path) -> int:
    if path.is_symlink():
        msg = f"{path.name} is a symbolic link"
        raise InferenceError(msg)
    # Again for a link made meanwhile; NONBLOCK, as opening a pipe would wait for its writer.
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def _check(path: Path, state: os.stat_result, max_bytes: int) -> None:
    if not stat.S_ISREG(state.st_mode):
        msg = f"{path.name} is no plain file"
        raise InferenceError(msg)
    if state.st_uid != os.geteuid() or state.st_mode & _WRITABLE_BY_OTHERS:
        msg = f"{path.name} belongs to, or can be written by, another user"
        raise InferenceError(msg)
    if state.st_size > max_bytes:
        msg = f"{path.name} is over {max_bytes} bytes"
        raise InferenceError(msg)
