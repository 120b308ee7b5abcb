# SPDX-License-Identifier: Apache-2.0
"""What a process uses, as Linux counts it in /proc."""

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_MIB = 2**20
_KIB_PER_MIB = 1024
_USER, _SYSTEM = 11, 12  # in /proc/PID/stat, behind the name in brackets


@dataclass(frozen=True)
class Usage:
    """A process at a moment.

    Attributes:
        memory: Resident, without files that it maps, MiB.
        descriptors: Open file descriptors.
        threads: Alive.
        shared_segments: Files of /dev/shm that it maps.
        shared_memory: Their size, MiB; how much of it was ever touched says little.

    """

    memory: float
    descriptors: int
    threads: int
    shared_segments: int
    shared_memory: float


def cpu_seconds(pid: int) -> float:
    """CPU time of all threads since the process began, in user and kernel mode."""
    fields = _proc(pid, "stat").rpartition(")")[2].split()
    return (int(fields[_USER]) + int(fields[_SYSTEM])) / _TICKS


def usage(pid: int) -> Usage:
    """See `Usage`."""
    status = dict(line.split(":", 1) for line in _proc(pid, "status").splitlines())
    segments = shared_segments(pid)
    return Usage(
        memory=int(status["RssAnon"].split()[0]) / _KIB_PER_MIB,
        descriptors=sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()),
        threads=int(status["Threads"]),
        shared_segments=len(segments),
        shared_memory=sum(path.stat().st_size for path in segments) / _MIB,
    )


def shared_segments(pid: int) -> set[Path]:
    """Files of /dev/shm that a process maps."""
    lines = _proc(pid, "maps").splitlines()
    paths = {line.split(maxsplit=5)[-1] for line in lines if "/dev/shm/" in line}
    return {Path(path) for path in paths if not path.endswith("(deleted)")}


def _proc(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8")
