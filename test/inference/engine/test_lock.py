# SPDX-License-Identifier: Apache-2.0
"""Locks between genuine processes."""

import errno
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from segnet_ros.inference.engine import lock
from segnet_ros.inference.engine.lock import locked, locked_if_free

HOLDER = """
import sys
from pathlib import Path
from segnet_ros.inference.engine.lock import locked

def waiting():
    print("waiting", flush=True)

with locked(Path(sys.argv[1]), waiting):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def _process(path: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _refuse() -> None:
    msg = "it is free"
    raise AssertionError(msg)


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _is_free(path: Path) -> bool:
    with locked_if_free(path) as is_held:
        return is_held


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "0123456789abcdef.lock"


def test_the_file_exists_only_while_it_is_held(path: Path) -> None:
    with locked(path, _refuse):
        assert path.exists()
    assert not path.exists()


def test_one_process_at_a_time(path: Path) -> None:
    with _process(path) as first:
        assert _line(first) == "held"
        assert not _is_free(path)
        with _process(path) as second:
            assert _line(second) == "waiting"
            first.communicate()
            lines = iter(lambda: _line(second), "held")
            assert set(lines) <= {"waiting"}
            assert path.exists()
            assert not _is_free(path)
            second.communicate()
    assert not path.exists()


def test_a_killed_holder_leaves_no_lock(path: Path) -> None:
    with _process(path) as holder:
        assert _line(holder) == "held"
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert path.exists()
    with locked(path, _refuse):
        assert not _is_free(path)
    assert not path.exists()


def test_whoever_waits_can_give_up(path: Path) -> None:
    def give_up() -> None:
        raise KeyboardInterrupt

    with locked(path, _refuse):
        with pytest.raises(KeyboardInterrupt), locked(path, give_up):
            pass
        assert path.exists()
        assert not _is_free(path)


def test_an_exception_frees_it(path: Path) -> None:
    with pytest.raises(OSError, match="inside"), locked(path, _refuse):
        raise OSError(errno.ENOSPC, "inside")
    assert _is_free(path)
    assert not path.exists()


def test_a_file_system_without_locks_is_told_and_nothing_stays_open(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock.fcntl, "flock", refuse)
    before = _descriptors()
    with pytest.raises(OSError, match="No locks available"), locked(path, _refuse):
        pass
    assert _descriptors() == before


def test_a_file_removed_by_its_holder_is_no_lock(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The window between opening the file and locking it, in which the holder finishes."""
    genuine = lock.fcntl.flock
    removed: list[Path] = []

    def late(descriptor: int, operation: int) -> None:
        if not removed:
            removed.append(path)
            path.unlink()
        genuine(descriptor, operation)

    monkeypatch.setattr(lock.fcntl, "flock", late)
    with locked(path, lambda: None):
        assert path.exists()
        assert not _is_free(path)


def test_no_descriptor_is_left_open(path: Path) -> None:
    before = _descriptors()
    with locked(path, _refuse):
        assert not _is_free(path)
    assert _is_free(path)
    assert _descriptors() == before


def test_threads_exclude_each_other(path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        with locked(path, lambda: None):
            inside.append(1)
            time.sleep(0.01)
            most.append(len(inside))
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1, 1]


def test_a_file_system_that_fails(path: Path) -> None:
    with pytest.raises(FileNotFoundError), locked(path.parent / "no" / path.name, _refuse):
        pass
