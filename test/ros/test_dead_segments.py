# SPDX-License-Identifier: Apache-2.0
"""Files as Fast DDS makes them: a segment, and beside it a lock that its process holds."""

import fcntl
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from peer import Peer

from segnet_ros.ros.dead_segments import SHARED_MEMORY, dead_segments, remove_dead_segments

NAMES = ("fastrtps_0123456789abcdef", "fastdds_fedcba9876543210")


def segment(folder: Path, name: str, size: int = 100, age: float = 60.0) -> Path:
    path = folder / name
    path.write_bytes(b"x" * size)
    lock = folder / f"{name}_el"
    lock.touch()
    os.utime(lock, (time.time() - age,) * 2)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_a_segment_that_nobody_holds_goes_with_its_lock(tmp_path: Path, name: str) -> None:
    path = segment(tmp_path, name)
    assert dead_segments(tmp_path) == [path]
    assert remove_dead_segments(tmp_path) == 100
    assert names(tmp_path) == []


def test_all_of_them_go_at_once(tmp_path: Path) -> None:
    for size, name in enumerate(NAMES, 10):
        segment(tmp_path, name, size)
    assert remove_dead_segments(tmp_path) == 10 + 11
    assert names(tmp_path) == []


def test_a_segment_in_use_stays(tmp_path: Path) -> None:
    segment(tmp_path, NAMES[0])
    with (tmp_path / f"{NAMES[0]}_el").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert remove_dead_segments(tmp_path) == 0
    assert names(tmp_path) == [NAMES[0], f"{NAMES[0]}_el"]
    # Its process ended without removing it.
    assert remove_dead_segments(tmp_path) == 100


@pytest.mark.parametrize("age", [0.0, -3600.0])
def test_one_that_is_just_being_made_stays(tmp_path: Path, age: float) -> None:
    """Also where the system's time went back since."""
    segment(tmp_path, NAMES[0], age=age)
    assert remove_dead_segments(tmp_path) == 0
    assert names(tmp_path) == [NAMES[0], f"{NAMES[0]}_el"]


def test_a_lock_without_its_segment_goes_too(tmp_path: Path) -> None:
    segment(tmp_path, NAMES[0]).unlink()
    assert remove_dead_segments(tmp_path) == 0
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "name",
    ["fastrtps_port7413", "fastrtps_0123", "fastrtps_0123456789ABCDEF", "other_0123456789abcdef"],
)
def test_what_is_no_segment_stays(tmp_path: Path, name: str) -> None:
    segment(tmp_path, name)
    assert remove_dead_segments(tmp_path) == 0
    assert names(tmp_path) == [name, f"{name}_el"]


def test_other_users_segments_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segment(tmp_path, NAMES[0])
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert remove_dead_segments(tmp_path) == 0


def test_without_shared_memory_there_is_nothing_to_do(tmp_path: Path) -> None:
    assert remove_dead_segments(tmp_path / "none") == 0


PARTICIPANT = """
import time
import rclpy
rclpy.init()
node = rclpy.create_node("victim")
print("up", flush=True)
time.sleep(600)
"""


@pytest.fixture
def victim(own_domain: None) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", PARTICIPANT], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    yield process
    process.kill()
    process.wait()


def test_the_genuine_ones_of_a_killed_process(victim: subprocess.Popen[bytes], peer: Peer) -> None:
    maps = Path(f"/proc/{victim.pid}/maps").read_text()
    mapped = {Path(path) for path in re.findall(rf"{SHARED_MEMORY}/fast(?:rtps|dds)_\w+", maps)}
    segments = {path for path in mapped if "_port" not in path.name}
    assert segments, maps
    peer.until(lambda: not segments & set(dead_segments()), "nothing alive to be called dead")
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    # Those that the peer did not open stay, and become dead within a second or so.
    peer.until(lambda: segments & set(dead_segments()), "what is left of the victim")
    remove_dead_segments()
    assert not segments & set(dead_segments())
