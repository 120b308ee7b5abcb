# SPDX-License-Identifier: Apache-2.0

import os
from types import SimpleNamespace

import pytest

from segnet_ros.doctor import shared_memory
from segnet_ros.doctor.finding import Finding

MIB = 2**20


@pytest.fixture(autouse=True)
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    set_size(monkeypatch, total=1024, free=1000)


def set_size(monkeypatch: pytest.MonkeyPatch, total: int, free: int) -> None:
    state = SimpleNamespace(f_blocks=total, f_bavail=free, f_frsize=MIB)
    monkeypatch.setattr(os, "statvfs", lambda folder: state)


def test_missing(machine) -> None:
    found = "there is no /dev/shm: Fast DDS sends images through the network stack"
    assert shared_memory.check(machine()) == [Finding("shm", "warning", found)]


def test_large(machine) -> None:
    here = machine({"dev/shm/other": ""})
    assert shared_memory.check(here) == [Finding("shm", "ok", "1000 of 1024 MiB free in /dev/shm")]


def test_just_large_enough(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    set_size(monkeypatch, total=512, free=256)
    assert shared_memory.check(machine({"dev/shm/other": ""}))[0].level == "ok"


def test_as_small_as_in_containers(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    set_size(monkeypatch, total=64, free=63)
    found = "63 of 64 MiB free in /dev/shm; images need 256"
    remedy = "in a container start that with `--shm-size=1g` or `--ipc=host`"
    expected = [Finding("shm", "warning", found, remedy)]
    assert shared_memory.check(machine({"dev/shm/other": ""})) == expected


def segments(here) -> None:
    """One of a live process, a port that a live one listens to, one that was left, one lockless."""
    folder = here.root / "dev/shm"
    folder.mkdir(parents=True)
    for name in ("fastrtps_aa", "fastrtps_port7000", "fastrtps_bb", "fastdds_cc"):
        (folder / name).write_bytes(bytes(MIB // 2))
    for name in ("fastrtps_aa_el", "fastrtps_port7000_sl", "fastrtps_bb_el", "sem.fastrtps_aa"):
        (folder / name).touch()


def test_segments_whose_process_is_gone(machine) -> None:
    here = machine({"proc/other": ""})
    segments(here)
    held = [(here.root / "dev/shm" / name).stat().st_ino
            for name in ("fastrtps_aa_el", "fastrtps_port7000_sl")]  # fmt: skip
    lines = [f"{n}: FLOCK  ADVISORY  WRITE 21 00:1b:{inode} 0 EOF" for n, inode in enumerate(held)]
    (here.root / "proc/locks").write_text("\n".join(lines) + "\n")
    found = "2 of 4 Fast DDS segments (1.0 MiB) belong to no process that is visible here"
    remedy = "`fastdds shm clean`; it leaves those in use alone"
    assert shared_memory.check(here)[1:] == [Finding("shm", "note", found, remedy)]


def test_segments_of_live_processes_only(machine) -> None:
    here = machine({"dev/shm/fastrtps_aa": "", "dev/shm/fastrtps_aa_el": ""})
    inode = (here.root / "dev/shm/fastrtps_aa_el").stat().st_ino
    (here.root / "proc").mkdir()
    (here.root / "proc/locks").write_text(f"1: FLOCK  ADVISORY  WRITE 9 fe:00:{inode} 0 EOF\n")
    assert shared_memory.check(here)[1:] == []
