# SPDX-License-Identifier: Apache-2.0
"""Shared memory of Fast DDS whose process was killed.

A process that ends by itself removes its segments. Those of a killed one go away only if another
process had opened them; what a node leaves that dies while it starts, 64 MiB with the shipped
profile, stays until the machine is switched off. Killed and respawned again and again it would
fill /dev/shm, and images would be lost.
"""

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # nosec B108  # only removed from

_LOCK = re.compile(r"(?:fastrtps|fastdds)_[0-9a-z]{16}_el")
_SUFFIX = "_el"
# Fast DDS makes the lock's file first and takes the lock then: it must not meet ours in between.
_SETTLED_SECONDS = 1.0


def remove_dead_segments(folder: Path = SHARED_MEMORY) -> int:
    """Remove this user's segments that belong to no living process, whichever made them.

    As `fastdds shm clean` does; ports are left alone, for who comes next uses them again.

    Returns:
        How many bytes that gave back.

    """
    return sum(_remove(segment) for segment in dead_segments(folder))


def dead_segments(folder: Path = SHARED_MEMORY) -> list[Path]:
    """Segments of this user, older than a second, that belong to no living process."""
    return [lock.with_name(lock.name.removesuffix(_SUFFIX)) for lock in _dead_locks(folder)]


def _dead_locks(folder: Path) -> Iterator[Path]:
    with suppress(OSError):  # no such folder: Fast DDS goes through the network stack
        for lock in sorted(folder.iterdir()):
            if _LOCK.fullmatch(lock.name) and _is_dead(lock):
                yield lock


def _is_dead(lock: Path) -> bool:
    """Whether nobody holds it; the kernel takes it from a process that dies."""
    try:
        facts = lock.stat()
        if facts.st_uid != os.geteuid() or time.time() - facts.st_mtime < _SETTLED_SECONDS:
            return False
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:  # it is held, or just went away
        return False
    return True


def _remove(segment: Path) -> int:
    size = 0
    with suppress(OSError):  # somebody else was faster
        size = segment.stat().st_size
        segment.unlink()
    with suppress(OSError):
        segment.with_name(f"{segment.name}{_SUFFIX}").unlink()
    return size
