# SPDX-License-Identifier: Apache-2.0

import os
import platform
import sys

import pytest

from segnet_ros.doctor import machine as checked
from segnet_ros.doctor.finding import Finding

MEMORY = "MemTotal:       {} kB\nMemFree:        1 kB\nMemAvailable:   {} kB\n"


@pytest.fixture(autouse=True)
def two_arm_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 3})
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")


def test_processor_is_named_by_cpuinfo(machine) -> None:
    here = machine({"proc/cpuinfo": "processor\t: 0\nmodel name\t: Fast CPU @ 3 GHz\n"})
    expected = Finding("machine", "ok", "Fast CPU @ 3 GHz, aarch64, 2 cores for us")
    assert checked.check(here)[0] == expected


def test_processor_is_named_by_the_device_tree_on_arm(machine) -> None:
    files = {"proc/cpuinfo": "processor\t: 0\n", "proc/device-tree/model": "Jetson AGX Orin\0"}
    assert checked.check(machine(files))[0].found == "Jetson AGX Orin, aarch64, 2 cores for us"


def test_processor_may_be_unknown(machine) -> None:
    assert checked.check(machine())[0].found == "unknown processor, aarch64, 2 cores for us"


def test_enough_memory(machine) -> None:
    here = machine({"proc/meminfo": MEMORY.format(8 * 2**20, 2**20)})
    assert checked.check(here)[1] == Finding("machine", "ok", "memory: 1.0 of 8.0 GiB available")


def test_just_enough_memory(machine) -> None:
    here = machine({"proc/meminfo": MEMORY.format(8 * 2**20, 512 * 1024)})
    assert checked.check(here)[1].level == "ok"


def test_little_memory(machine) -> None:
    here = machine({"proc/meminfo": MEMORY.format(8 * 2**20, 2**18)})
    assert checked.check(here)[1] == Finding(
        "machine",
        "warning",
        "memory: 0.2 of 8.0 GiB available",
        "end other programs; the node needs 512 MiB",
    )


def test_unknown_memory(machine) -> None:
    found = "memory unknown: /proc/meminfo does not tell"
    assert checked.check(machine())[1] == Finding("machine", "note", found)


def test_python(machine) -> None:
    found = f"Python {platform.python_version()} ({sys.executable})"
    assert checked.check(machine())[2] == Finding("machine", "ok", found)


def test_the_newest_python_of_the_tests(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 12, 9))
    assert checked.check(machine())[2].level == "ok"


def test_newer_python(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 13, 0))
    finding = checked.check(machine())[2]
    assert finding.level == "note"
    assert finding.found.endswith("; tests cover 3.10 to 3.12")
