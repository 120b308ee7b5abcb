# SPDX-License-Identifier: Apache-2.0
"""Recordings that are written file by file, and killed at every moment.

Run as a program, this file writes recordings in child processes that kill themselves, or that it
kills: forking costs a millisecond, starting Python anew half a second.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import resource
import signal
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, NoReturn

import fsspec
import pytest
from rosbags.rosbag2 import Reader

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.places import exists, file_sizes, join, read_text, write_text
from segnet_ros.bags.recorded import Fault, RecordedMessage
from segnet_ros.bags.writing.bag_folder import BagOutput, segment_name
from segnet_ros.bags.writing.new_topics import new_topic
from segnet_ros.bags.writing.segment_file import SegmentSummary, SegmentWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TOPIC = new_topic("/chatter", "std_msgs/msg/String")
TOPICS = [TOPIC, new_topic("/info", "std_msgs/msg/String", latched=True)]
IDENTITY = {"model": "light", "outputs": ("label", "overlay")}
WINDOWS = 5
EMPTY_WINDOW = 2
STORE = "memory://bag_folder/out"


def messages(window: int) -> list[RecordedMessage]:
    """Three in each window, but none in one of them."""
    count = 0 if window == EMPTY_WINDOW else 3
    return [
        RecordedMessage("/chatter", 1000 * window + index, bytes([window, index]) * 10_000)
        for index in range(count)
    ]


ALL = [message for window in range(WINDOWS) for message in messages(window)]


def fault(window: int) -> Fault:
    return Fault("cut short", "/camera", 1000 * window, 1)


def write_segment(output: BagOutput, window: int) -> SegmentSummary | None:
    """What a worker does."""
    if not messages(window):
        return None
    path = join(output.staging, segment_name("out", window))
    with SegmentWriter(path, TOPICS, {"segnet_ros": {"model": "light"}}) as writer:
        for message in messages(window):
            writer.write(message)
    return writer.summary()


def write_windows(output: BagOutput, stop: int = WINDOWS) -> None:
    for window in range(output.done, stop):
        output.commit(write_segment(output, window), len(messages(window)), [fault(window)])


def run(location: str, resume: bool = True) -> None:
    """A whole run of `segnet label-bag`, in small."""
    with BagOutput(location, IDENTITY, TOPICS, resume) as output:
        if not output.complete:
            write_windows(output)
            output.finish()


def interrupted(location: str, windows: int) -> None:
    with BagOutput(location, IDENTITY, TOPICS, False) as output:
        write_windows(output, windows)


def contents(folder: Path) -> list[RecordedMessage]:
    with Reader(folder) as reader:
        found = [
            RecordedMessage(connection.topic, stamp, bytes(cdr))
            for connection, stamp, cdr in reader.messages()
        ]
        assert len(found) == reader.message_count
    return found


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What an uninterrupted run writes: sha256 by file name."""
    folder = tmp_path_factory.mktemp("whole") / "out"
    run(str(folder))
    return digests(folder)


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed process loses nothing that it wrote; for power cuts, see test_output_folder."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(autouse=True)
def _empty_store() -> None:
    fsspec.filesystem("memory").store.clear()


def check_prefix(folder: Path) -> int:
    """Assert that the folder is absent or a valid recording of a prefix; return its messages."""
    if not folder.exists():
        return 0
    found = contents(folder)
    assert found == ALL[: len(found)]
    assert len(found) in (3, 6, 9, 12)
    if (folder / "resume.json").exists():
        done = json.loads((folder / "resume.json").read_text())
        assert done["frames"] >= len(found)
    else:
        assert found == ALL
    return len(found)


# Whole runs


def test_a_run_writes_a_recording(tmp_path: Path) -> None:
    run(str(tmp_path / "out"))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "metadata.yaml",
        *(f"out_{window}.mcap" for window in (0, 1, 3, 4)),
    ]
    assert contents(tmp_path / "out") == ALL


def test_segments_are_named_after_the_recording() -> None:
    assert segment_name("/data/drive", 12) == "drive_12.mcap"
    assert segment_name("s3://bucket/drive/", 0) == "drive_0.mcap"


def test_progress_is_told(tmp_path: Path) -> None:
    with BagOutput(str(tmp_path / "out"), IDENTITY, TOPICS, False) as output:
        assert (output.done, output.frames, output.faults, output.complete) == (0, 0, (), False)
        assert output.kept == f"Nothing is kept at {tmp_path}/out"
        write_windows(output, 2)
        assert (output.done, output.frames) == (2, 6)
        assert output.kept == f"{tmp_path}/out keeps the first 6 frames; go on with --resume"
        assert output.faults == (fault(0), fault(1))


def test_each_commit_leaves_a_valid_prefix(tmp_path: Path) -> None:
    with BagOutput(str(tmp_path / "out"), IDENTITY, TOPICS, False) as output:
        for stop, count in ((1, 3), (2, 6), (3, 6), (4, 9)):
            write_windows(output, stop)
            assert check_prefix(tmp_path / "out") == count


def test_windows_without_messages_come_first(tmp_path: Path) -> None:
    with BagOutput(str(tmp_path / "out"), IDENTITY, TOPICS, False) as output:
        output.commit(None, 0, [fault(9)])
        assert not (tmp_path / "out").exists()
        output.commit(write_segment(output, 1), 3, [])
        assert output.done == 2
        output.finish()
        assert (output.frames, output.faults) == (3, (fault(9),))
    assert contents(tmp_path / "out") == messages(1)


def test_a_recording_without_any_message_opens(tmp_path: Path) -> None:
    with BagOutput(str(tmp_path / "out"), IDENTITY, TOPICS, False) as output:
        output.commit(None, 0, ())
        output.finish()
    assert sorted(digests(tmp_path / "out")) == ["metadata.yaml", "out_0.mcap"]
    with Reader(tmp_path / "out") as reader:
        assert reader.message_count == 0
        assert sorted(reader.topics) == ["/chatter", "/info"]


# Resumed runs


@pytest.mark.parametrize("windows", range(WINDOWS + 1))
def test_a_resumed_run_ends_as_an_uninterrupted_one(
    tmp_path: Path, whole: dict[str, str], windows: int
) -> None:
    interrupted(str(tmp_path / "out"), windows)
    with BagOutput(str(tmp_path / "out"), IDENTITY, TOPICS, True) as output:
        assert output.done == windows
        write_windows(output)
        output.finish()
        assert output.frames == len(ALL)
        assert output.faults == tuple(fault(window) for window in range(WINDOWS))
    assert digests(tmp_path / "out") == whole


def test_a_complete_recording_is_recognised(tmp_path: Path, whole: dict[str, str]) -> None:
    run(str(tmp_path / "out"))
    with BagOutput(str(tmp_path / "out"), {"other": 1}, TOPICS, True) as output:
        assert output.complete
    assert digests(tmp_path / "out") == whole
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_exists_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(BagError, match=r"out exists; expected a new place\. .*--resume"):
        BagOutput(str(tmp_path / "out"), IDENTITY, TOPICS, False)
    with pytest.raises(BagError, match=r"out is no interrupted recording; expected resume\.json"):
        BagOutput(str(tmp_path / "out"), IDENTITY, TOPICS, True)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_another_identity_is_refused(tmp_path: Path) -> None:
    interrupted(str(tmp_path / "out"), 1)
    before = digests(tmp_path / "out")
    with pytest.raises(BagError, match=r'model was "light", now is "basic"\. Resume'):
        BagOutput(str(tmp_path / "out"), IDENTITY | {"model": "basic"}, TOPICS, True)
    assert digests(tmp_path / "out") == before


@pytest.mark.parametrize("damage", ["removed", "cut"])
def test_lost_files_are_told(tmp_path: Path, damage: str) -> None:
    interrupted(str(tmp_path / "out"), 2)
    segment = tmp_path / "out" / "out_1.mcap"
    segment.unlink() if damage == "removed" else os.truncate(segment, 100)
    with pytest.raises(BagError, match=r"out lacks out_1\.mcap, or they have changed"):
        BagOutput(str(tmp_path / "out"), IDENTITY, TOPICS, True)


def test_two_runs_at_once_are_refused(tmp_path: Path) -> None:
    with BagOutput(str(tmp_path / "out"), IDENTITY, TOPICS, False) as output:
        for resume in (False, True):
            with pytest.raises(BagError, match="is being written by another run"):
                BagOutput(str(tmp_path / "out"), IDENTITY, TOPICS, resume)
        write_windows(output)
        output.finish()
    assert contents(tmp_path / "out") == ALL


# Errors


def test_errors_say_what_is_kept(tmp_path: Path) -> None:
    location = str(tmp_path / "out")
    with pytest.raises(
        BagError, match=r"^disk full\. .*out keeps the first 3 frames; go on with --resume$"
    ):
        fail_after(location, 1, BagError("disk full."))
    assert check_prefix(tmp_path / "out") == 3


def test_other_errors_pass_unchanged(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt) as caught:
        fail_after(str(tmp_path / "out"), 1, KeyboardInterrupt())
    assert caught.value.args == ()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def fail_after(location: str, windows: int, error: BaseException) -> NoReturn:
    with BagOutput(location, IDENTITY, TOPICS, False) as output:
        write_windows(output, windows)
        raise error
    raise AssertionError


@pytest.mark.parametrize("step", range(13))
def test_a_disk_that_fills_up_keeps_a_prefix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, str], step: int
) -> None:
    with monkeypatch.context() as patch:
        _let_disk_fill_up(patch, step)
        full = r"cannot be written \(No space left on device\)"
        with pytest.raises(BagError, match=full) as caught:
            run(str(tmp_path / "out"))
    kept = check_prefix(tmp_path / "out")
    told = f"out keeps the first {kept} frames; go on with --resume"
    assert str(caught.value).endswith(told if kept else f"Nothing is kept at {tmp_path}/out")
    assert [path.name for path in tmp_path.iterdir()] == (["out"] if kept else [])
    run(str(tmp_path / "out"))
    assert digests(tmp_path / "out") == whole


def _let_disk_fill_up(patch: pytest.MonkeyPatch, step: int) -> None:
    """No more than `step` files get their content to the disk."""
    steps = iter(range(step))

    def sync(descriptor: int) -> None:
        if stat.S_ISREG(os.fstat(descriptor).st_mode) and next(steps, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    patch.setattr(os, "fsync", sync)


def test_a_folder_that_may_not_be_written_is_one_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    if os.access(tmp_path, os.W_OK):
        pytest.skip("needs a user other than root, who may write everywhere")
    with pytest.raises(BagError, match=r"out cannot be written \(Permission denied\)"):
        BagOutput(str(tmp_path / "out"), IDENTITY, TOPICS, False)


def test_a_file_in_the_way_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BagError, match=r"file/out cannot be written \(.*directory|exists"):
        BagOutput(str(tmp_path / "file" / "out"), IDENTITY, TOPICS, False)


# Object stores


def test_a_store_holds_the_same_files(whole: dict[str, str]) -> None:
    run(STORE)
    files = fsspec.filesystem("memory")
    found = {
        name: hashlib.sha256(files.cat_file(f"/bag_folder/out/{name}")).hexdigest()
        for name in file_sizes(STORE)
    }
    assert found == whole


def test_a_file_url_is_written_like_its_path(tmp_path: Path, whole: dict[str, str]) -> None:
    interrupted(f"file://{tmp_path}/out", 2)
    assert check_prefix(tmp_path / "out") == 6
    run(f"file://{tmp_path}/out")
    assert digests(tmp_path / "out") == whole


@pytest.mark.parametrize("windows", [0, 1, 3])
def test_a_run_into_a_store_is_resumed(whole: dict[str, str], windows: int) -> None:
    interrupted(STORE, windows)
    if windows:
        assert "out_0.mcap" in read_text(f"{STORE}/metadata.yaml")
        with pytest.raises(BagError, match="exists; expected a new place"):
            run(STORE, resume=False)
    run(STORE)
    files = fsspec.filesystem("memory")
    metadata = files.cat_file("/bag_folder/out/metadata.yaml")
    assert hashlib.sha256(metadata).hexdigest() == whole["metadata.yaml"]
    assert sorted(file_sizes(STORE)) == sorted(whole)


def test_files_lost_from_a_store_are_told() -> None:
    interrupted(STORE, 2)
    write_text(f"{STORE}/out_0.mcap", "short")
    with pytest.raises(BagError, match=r"lacks out_0\.mcap"):
        run(STORE)


def test_a_store_that_is_lost_keeps_a_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    files = fsspec.filesystem("memory")

    def lost(*_: object, **__: object) -> None:
        msg = "no answer"
        raise TimeoutError(msg)

    with (
        BagOutput(STORE, IDENTITY, TOPICS, False) as output,
        monkeypatch.context() as patch,
    ):
        write_windows(output, 1)
        patch.setattr(type(files), "pipe_file", lost)
        with pytest.raises(BagError, match=r"cannot be reached \(no answer\)"):
            write_windows(output)
        assert output.done == 1
    assert exists(f"{STORE}/resume.json")
    run(STORE)
    assert not exists(f"{STORE}/resume.json")


# Killed runs


class Victims:
    """Runs in processes of their own; see `_serve`."""

    def __init__(self) -> None:
        command = [sys.executable, __file__]
        self._server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, location: Path, **how: Any) -> tuple[int, int]:
        """Returns the exit code, negative for a signal, and the number of steps taken."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps({"location": str(location), **how}) + "\n")
        self._server.stdin.flush()
        code, steps = json.loads(self._server.stdout.readline())
        return code, steps

    def close(self) -> None:
        self._server.communicate("")


@pytest.fixture(scope="module")
def victims() -> Iterator[Victims]:
    victims = Victims()
    yield victims
    victims.close()


def test_a_run_killed_before_every_step_keeps_a_prefix(
    tmp_path: Path, victims: Victims, whole: dict[str, str]
) -> None:
    code, steps = victims.run(tmp_path / "out", kill_before=10**6)
    assert (code, digests(tmp_path / "out")) == (0, whole)
    assert steps > 40
    kept = []
    for step in range(steps):
        folder = tmp_path / f"{step}" / "out"
        assert victims.run(folder, kill_before=step) == (-signal.SIGKILL, step)
        kept.append(check_prefix(folder))
        run(str(folder))
        assert digests(folder) == whole
        assert [path.name for path in folder.parent.iterdir()] == ["out"]
    assert kept == sorted(kept)
    assert set(kept) == {0, 3, 6, 9, 12}


def test_a_run_killed_at_random_moments_keeps_a_prefix(
    tmp_path: Path, victims: Victims, whole: dict[str, str]
) -> None:
    start = time.monotonic()
    victims.run(tmp_path / "timed" / "out")
    duration = time.monotonic() - start
    moments = random.Random(5)
    kills = rounds = 0
    while kills < 40:
        folder, before = tmp_path / f"{rounds}" / "out", 0
        while victims.run(folder, kill_after=moments.uniform(0, duration))[0]:
            kills += 1
            kept = check_prefix(folder)
            assert kept >= before
            before = kept
        assert digests(folder) == whole
        rounds += 1


def test_a_run_interrupted_by_hand_clears_up(
    tmp_path: Path, victims: Victims, whole: dict[str, str]
) -> None:
    for step in range(0, 45, 3):
        folder = tmp_path / f"{step}" / "out"
        folder.parent.mkdir()
        assert victims.run(folder, interrupt_before=step)[0] == 130
        kept = check_prefix(folder)
        assert [path.name for path in folder.parent.iterdir()] == (["out"] if kept else [])
        run(str(folder))
        assert digests(folder) == whole


def test_a_file_that_may_not_grow_is_one_error(tmp_path: Path, victims: Victims) -> None:
    assert victims.run(tmp_path / "out", largest_file=1000)[0] == 1
    assert list(tmp_path.iterdir()) == []


# The program


def _serve() -> None:
    """Do a run per line on standard input; answer [exit code, steps]."""
    os.fsync = lambda fd: None
    for line in sys.stdin:
        how = json.loads(line)
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os._exit(_be_victim(writer, **how))
        os.close(writer)
        if "kill_after" in how:
            time.sleep(how["kill_after"])
            os.kill(child, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        steps = len(os.read(reader, 10**6)) if "kill_before" in how else 0
        os.close(reader)
        print(json.dumps([code, steps]), flush=True)


def _be_victim(
    report: int,
    location: str,
    kill_after: float = 0,
    kill_before: int | None = None,
    interrupt_before: int | None = None,
    largest_file: int | None = None,
) -> int:
    if kill_before is not None:
        _signal_before(kill_before, signal.SIGKILL, lambda: os.write(report, b"."))
    if interrupt_before is not None:
        _signal_before(interrupt_before, signal.SIGINT, lambda: None)
    if largest_file is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    try:
        run(location)
    except BagError:
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _signal_before(step: int, number: signal.Signals, done: Callable[[], object]) -> None:
    """Send this process a signal when Python is about to change the disk for the n-th time."""
    steps = iter(range(step))
    calls = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate")

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal steps
        if event not in calls or (event == "open" and arguments[2] & os.O_ACCMODE == os.O_RDONLY):
            return
        if next(steps, None) is None:
            steps = iter(range(10**6))
            os.kill(os.getpid(), number)
        done()

    sys.addaudithook(watch)


if __name__ == "__main__":
    _serve()
