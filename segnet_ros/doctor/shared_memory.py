# SPDX-License-Identifier: Apache-2.0
"""The memory through which Fast DDS hands images from process to process."""

import os
import re
from pathlib import Path

from segnet_ros.doctor.areas import SHARED_MEMORY
from segnet_ros.doctor.finding import Finding
from segnet_ros.doctor.surroundings import Surroundings

_MIB = 2**20
# Two processes with the shipped profile (64 MiB each), a third, and room for others.
_NEEDED = 256 * _MIB
_LOCKS = ("_el", "_sl")
_INODE = re.compile(r" [0-9a-f]+:[0-9a-f]+:(\d+) ")


def check(here: Surroundings) -> list[Finding]:
    """Look at the size, and for segments of Fast DDS whose processes are gone."""
    folder = here.root / "dev/shm"
    if not folder.is_dir():
        found = "there is no /dev/shm: Fast DDS sends images through the network stack"
        return [Finding(SHARED_MEMORY, "warning", found)]
    return [_size(folder), *_stale(here, folder)]


def _size(folder: Path) -> Finding:
    state = os.statvfs(folder)
    total, free = state.f_blocks * state.f_frsize, state.f_bavail * state.f_frsize
    found = f"{free // _MIB} of {total // _MIB} MiB free in /dev/shm"
    if free < _NEEDED:
        remedy = "in a container start that with `--shm-size=1g` or `--ipc=host`"
        return Finding(SHARED_MEMORY, "warning", f"{found}; images need {_NEEDED // _MIB}", remedy)
    return Finding(SHARED_MEMORY, "ok", found)


def _stale(here: Surroundings, folder: Path) -> list[Finding]:
    segments = [path for path in _segments(folder) if not path.name.endswith(_LOCKS)]
    # Fast DDS keeps a locked file beside each segment in use; the kernel lists the locks it holds.
    held = set(_INODE.findall(here.read("proc/locks")))
    stale = [path for path in segments if not _is_used(path, held)]
    if not stale:
        return []
    size = sum(path.stat().st_size for path in stale)
    found = (
        f"{len(stale)} of {len(segments)} Fast DDS segments ({size / _MIB:.1f} MiB) belong to no "
        "process that is visible here"
    )
    return [
        Finding(SHARED_MEMORY, "note", found, "`fastdds shm clean`; it leaves those in use alone")
    ]


def _segments(folder: Path) -> list[Path]:
    return sorted({*folder.glob("fastrtps_*"), *folder.glob("fastdds_*")})


def _is_used(segment: Path, held: set[str]) -> bool:
    locks = [segment.with_name(segment.name + ending) for ending in _LOCKS]
    return any(str(lock.stat().st_ino) in held for lock in locks if lock.exists())
