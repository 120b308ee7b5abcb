# SPDX-License-Identifier: Apache-2.0
"""Where cases lie as files: a private folder that goes away with the process or after its death."""

import os
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

_MEMORY = Path("/dev/shm")
_PREFIX = "segnet-fuzz-"


@cache
def workplace(name: str) -> Path:
    """An empty folder, in memory where there is such a place: cases are written by the million."""
    parent = _MEMORY if _MEMORY.is_dir() else Path(gettempdir())
    folder = Path(_kept(parent).name) / name
    folder.mkdir()
    return folder


@cache
def _kept(parent: Path) -> "TemporaryDirectory[str]":
    for folder in _of_the_dead(parent):
        shutil.rmtree(folder, ignore_errors=True)
    return TemporaryDirectory(dir=parent, prefix=f"{_PREFIX}{os.getpid()}-")


def _of_the_dead(parent: Path) -> Iterator[Path]:
    """Folders of processes that a case has ended, or libFuzzer, which lets nobody clean up."""
    for folder in parent.glob(f"{_PREFIX}*-*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdecimal() and not Path("/proc", pid).exists():
            yield folder
