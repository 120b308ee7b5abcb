# SPDX-License-Identifier: Apache-2.0
"""Where cases lie as files: a private folder that goes away with the process."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

_MEMORY = Path("/dev/shm")


@cache
def workplace(name: str) -> Path:
    """An empty folder, in memory where there is such a place: cases are written by the million."""
    parent = _MEMORY if _MEMORY.is_dir() else Path(gettempdir())
    folder = Path(_kept(parent).name) / name
    folder.mkdir()
    return folder


@cache
def _kept(parent: Path) -> "TemporaryDirectory[str]":
    return TemporaryDirectory(dir=parent, prefix="segnet-fuzz-")
