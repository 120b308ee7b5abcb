# SPDX-License-Identifier: Apache-2.0
"""Processor, memory and Python."""

import os
import platform
import re
import sys

from segnet_ros.doctor.areas import MACHINE
from segnet_ros.doctor.finding import Finding
from segnet_ros.doctor.surroundings import Surroundings

_NEWEST_PYTHON = (3, 12)
# The node with OpenVINO and the largest shipped model, and room for its neighbours.
_NEEDED_MIB = 512


def check(here: Surroundings) -> list[Finding]:
    """Look at the computer."""
    return [_processor(here), _memory(here), _python()]


def _processor(here: Surroundings) -> Finding:
    model = re.search(r"^model name\s*:\s*(.+)$", here.read("proc/cpuinfo"), re.MULTILINE)
    # Arm's cpuinfo has no name; its device tree has one.
    name = model[1] if model else here.read("proc/device-tree/model") or "unknown processor"
    cores = len(os.sched_getaffinity(0))
    return Finding(MACHINE, "ok", f"{name.strip()}, {platform.machine()}, {cores} cores for us")


def _memory(here: Surroundings) -> Finding:
    sizes = re.findall(r"^(\w+):\s+(\d+) kB$", here.read("proc/meminfo"), re.MULTILINE)
    kib = {name: int(size) for name, size in sizes}
    if not {"MemTotal", "MemAvailable"} <= kib.keys():
        return Finding(MACHINE, "note", "memory unknown: /proc/meminfo does not tell")
    found = f"memory: {_gib(kib['MemAvailable'])} of {_gib(kib['MemTotal'])} GiB available"
    if kib["MemAvailable"] < _NEEDED_MIB * 1024:
        return Finding(
            MACHINE, "warning", found, f"end other programs; the node needs {_NEEDED_MIB} MiB"
        )
    return Finding(MACHINE, "ok", found)


def _gib(kib: int) -> str:
    return f"{kib / 2**20:.1f}"


def _python() -> Finding:
    found = f"Python {platform.python_version()} ({sys.executable})"
    if sys.version_info[:2] > _NEWEST_PYTHON:
        return Finding(MACHINE, "note", f"{found}; tests cover 3.10 to 3.12")
    return Finding(MACHINE, "ok", found)
