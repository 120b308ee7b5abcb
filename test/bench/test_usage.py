# SPDX-License-Identifier: Apache-2.0
"""A process is measured while its use of something is known."""

import os
import subprocess
import sys
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import pytest
from usage import cpu_seconds, shared_segments, usage

MIB = 2**20


def test_counts_descriptors() -> None:
    before = usage(os.getpid()).descriptors
    with Path(os.devnull).open(), Path(os.devnull).open():
        assert usage(os.getpid()).descriptors == before + 2


def test_memory_is_what_was_touched() -> None:
    before = usage(os.getpid()).memory
    held = bytearray(b"x") * (64 * MIB)
    assert usage(os.getpid()).memory - before == pytest.approx(64, abs=8)
    del held


def test_finds_shared_memory() -> None:
    before = usage(os.getpid())
    segment = SharedMemory(create=True, size=3 * MIB)
    try:
        after = usage(os.getpid())
        assert Path("/dev/shm") / segment.name in shared_segments(os.getpid())
        assert after.shared_segments == before.shared_segments + 1
        assert after.shared_memory - before.shared_memory == pytest.approx(3)
    finally:
        segment.close()
        segment.unlink()


def test_cpu_time_is_that_of_the_process() -> None:
    busy = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-S", "-c", busy], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        spent = cpu_seconds(process.pid)
        process.communicate(b"\n")
    assert 0.25 <= spent <= 0.5


def test_a_name_with_brackets_and_spaces_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    line = "7 (a) b) S 1 1 1 0 -1 0 0 0 0 0 250 50 0 0 20"
    monkeypatch.setattr("usage._proc", lambda pid, name: line)
    monkeypatch.setattr("usage._TICKS", 100)
    assert cpu_seconds(7) == 3.0
