# SPDX-License-Identifier: Apache-2.0
"""Locks between processes. The kernel frees the lock of a process that dies, however it dies."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_POLL = 0.2


@contextmanager
def locked(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the lock that the file `path` stands for; the file is gone afterwards.

    Args:
        path: In a folder that exists.
        waiting: Called a few times per second while somebody else holds it; an exception it
            raises ends the waiting.

    Raises:
        OSError: the file cannot be made, or its file system knows no locks.

    """
    while (descriptor := _try(path)) is None:
        waiting()
        time.sleep(_POLL)
    try:
        yield
    finally:
        _release(path, descriptor)


@contextmanager
def locked_if_free(path: Path) -> Iterator[bool]:
    """Hold the lock unless somebody else does; yields whether it is held."""
    descriptor = _try(path)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            _release(path, descriptor)


def _try(path: Path) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _stands_for(path, descriptor):
            return descriptor
    except BlockingIOError:
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _stands_for(path: Path, descriptor: int) -> bool:
    """Whether the file is still there: its last holder may just have removed it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _release(path: Path, descriptor: int) -> None:
    """Remove before freeing: whoever locks the removed file then sees that it is gone."""
    path.unlink(missing_ok=True)
    os.close(descriptor)
