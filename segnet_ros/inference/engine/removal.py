# SPDX-License-Identifier: Apache-2.0
"""Removing files from the cache, never those of a builder at work, never those of others."""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from segnet_ros.inference.engine.lock import locked_if_free

_OURS = re.compile(r"(\.partial-)?.*-(?P<digest>[0-9a-f]{16})\.(engine|json|timing_cache)")
_LOCK = re.compile(r"(?P<digest>[0-9a-f]{16})\.lock")
_KILLED = "left by a build that was killed"


@dataclass(frozen=True)
class Removed:
    """A file that was removed: its name, its bytes, and why."""

    name: str
    size: int
    reason: str


def lock_of(path: Path) -> Path:
    """The file that stands for the right to write `path`, which `is_ours`."""
    match = _OURS.fullmatch(path.name) or _LOCK.fullmatch(path.name)
    assert match
    return path.with_name(f"{match['digest']}.lock")


def is_ours(path: Path) -> bool:
    """Whether the cache gives files such names."""
    return _OURS.fullmatch(path.name) is not None


def remove(paths: Iterable[Path], reason: str) -> list[Removed]:
    """Remove files of ours, except those whose lock somebody holds."""
    return [removed for path in paths for removed in _remove(path, reason)]


def remove_leftovers(folder: Path) -> list[Removed]:
    """Remove what builders left that were killed."""
    paths = sorted(folder.iterdir())
    halves = [path for path in paths if is_ours(path) and path.name.startswith(".partial-")]
    for path in paths:
        if _LOCK.fullmatch(path.name):
            with locked_if_free(path):  # holding a lock and letting go of it removes its file
                pass
    return remove(halves, _KILLED)


def _remove(path: Path, reason: str) -> list[Removed]:
    with locked_if_free(lock_of(path)) as is_held, suppress(FileNotFoundError):
        if is_held:
            removed = Removed(path.name, path.lstat().st_size, reason)
            path.unlink()
            return [removed]
    return []
