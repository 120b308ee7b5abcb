# SPDX-License-Identifier: Apache-2.0
"""Jobs on a local Ray of two workers, some of which are killed."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import pytest

pytest.importorskip("rosbags", reason="needs rosbags: pip install 'segnet_ros[bag]'")
pytest.importorskip("ray", reason="needs Ray: pip install 'segnet_ros[fleet]'")

import ray
from ray import cloudpickle

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.labels.label_job import Destination, LabelJob
from segnet_ros.bags.labels.label_plan import LabelOptions
from segnet_ros.bags.model_choice import ModelChoice
from segnet_ros.bags.recorded import IMAGE_TYPE, RecordedMessage
from segnet_ros.bags.recording import Recording
from segnet_ros.bags.windows import Window, cut
from segnet_ros.bags.work import Advance, Job, Outcome, Task, Worker, work_here
from segnet_ros.bags.writing.image_messages import frame_message
from segnet_ros.bags.writing.new_bag import new_bag
from segnet_ros.bags.writing.new_topics import new_topic
from segnet_ros.fleet import crew
from segnet_ros.fleet.errors import FleetError
from segnet_ros.fleet.ray_work import work_on_ray

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segnet_ros.bags.labels.label_segment import Segment

Value = TypeVar("Value")

TOPIC = "/camera/image_raw"
START_NS = 1_700_000_000 * 10**9
FRAME_NS = 10**9 // 4
SIZE = (12, 16)


@pytest.fixture(scope="module", autouse=True)
def _two_workers() -> Iterator[None]:
    """A Ray that all tests of this file share: each would take seconds to start."""
    register: Any = cloudpickle.register_pickle_by_value
    register(sys.modules[__name__])  # its name means nothing to the workers
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def bags(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two recordings of 25 s, three windows each; the frames are noise."""
    folder = tmp_path_factory.mktemp("bags")
    return [_record(folder / name, seed) for seed, name in enumerate(["north", "south"])]


def _record(folder: Path, seed: int) -> str:
    noise = np.random.default_rng(seed)
    with new_bag(folder, [new_topic(TOPIC, IMAGE_TYPE)], "mcap") as write:
        for time_ns in range(START_NS, START_NS + 100 * FRAME_NS, FRAME_NS):
            image = noise.integers(0, 256, (*SIZE, 3), np.uint8)
            write(RecordedMessage(TOPIC, time_ns, frame_message(image, True, time_ns, "camera")))
    return str(folder)


def windows_of(bags: list[str]) -> list[Task]:
    tasks = []
    for bag in bags:
        with Recording(bag) as recording:
            tasks += [Task(bag, each) for each in cut(recording.start_ns, recording.stop_ns)]
    return tasks


def numbered(count: int) -> Iterator[Task]:
    return (Task(f"bag {n // 5}", Window(n, n * 10**10, (n + 1) * 10**10)) for n in range(count))


def ignore(frames: int) -> None:
    pass


@dataclass(frozen=True)
class DigestJob:
    """The SHA-256 of the messages in a window; notes who did what in `notes`."""

    notes: Path

    def start(self) -> DigestWorker:
        return DigestWorker(self.notes)


class DigestWorker:
    def __init__(self, notes: Path) -> None:
        self._notes = notes
        self._note("started")

    def work(self, task: Task, advance: Advance) -> Outcome[str]:
        digest, frames = hashlib.sha256(), 0
        with Recording(task.bag) as recording:
            window = task.window
            for message in recording.messages([TOPIC], window.start_ns, window.stop_ns):
                assert isinstance(message, RecordedMessage)
                digest.update(message.cdr)
                frames += 1
                advance(1)
        self._note(f"{Path(task.bag).name} {window.index}")
        return Outcome(task, frames, (), digest.hexdigest())

    def close(self) -> None:
        self._note("closed")

    def _note(self, what: str) -> None:
        with self._notes.open("a") as file:
            file.write(f"{os.getpid()} {what}\n")


@dataclass(frozen=True)
class Mishaps(Generic[Value]):
    """Another job, whose workers are killed by SIGKILL in the middle of some windows.

    Attributes:
        job: The other one.
        at: In which windows, by their index.
        marks: Folder that remembers who was killed already; None to kill every time.
    """

    job: Job[Value]
    at: tuple[int, ...]
    marks: Path | None

    def start(self) -> MishapsWorker[Value]:
        return MishapsWorker(self, self.job.start())


class MishapsWorker(Generic[Value]):
    def __init__(self, mishaps: Mishaps[Value], worker: Worker[Value]) -> None:
        self._mishaps = mishaps
        self._worker = worker

    def work(self, task: Task, advance: Advance) -> Outcome[Value]:
        done = 0

        def advance_or_die(frames: int) -> None:
            nonlocal done
            done += frames
            if done > 10 and task.window.index in self._mishaps.at and self._is_first_time(task):
                os.kill(os.getpid(), signal.SIGKILL)
            advance(frames)

        return self._worker.work(task, advance_or_die)

    def close(self) -> None:
        self._worker.close()

    def _is_first_time(self, task: Task) -> bool:
        if self._mishaps.marks is None:
            return True
        mark = self._mishaps.marks / f"{Path(task.bag).name}{task.window.index}"
        try:
            mark.touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


def notes(path: Path) -> list[list[str]]:
    return [line.split(maxsplit=1) for line in path.read_text().splitlines()]


def test_the_result_is_that_of_one_process(bags: list[str], tmp_path: Path) -> None:
    job = DigestJob(tmp_path / "notes")
    tasks = windows_of(bags)
    expected = list(work_here(job, tasks, ignore))
    assert [outcome.frames for outcome in expected] == [40, 40, 20] * 2
    assert len({outcome.value for outcome in expected}) == 6
    job.notes.unlink()
    frames: list[int] = []
    assert list(work_on_ray(job, iter(tasks), frames.append, None, 2)) == expected
    assert sum(frames) == 200
    said = [what for _, what in notes(job.notes) if " " in what]
    assert sorted(said) == [f"{bag} {index}" for bag in ("north", "south") for index in range(3)]


def test_workers_that_are_killed_are_replaced(bags: list[str], tmp_path: Path) -> None:
    job = DigestJob(tmp_path / "notes")
    expected = list(work_here(job, windows_of(bags), ignore))
    job.notes.unlink()
    (tmp_path / "marks").mkdir()
    mishaps = Mishaps(job, (0, 1), tmp_path / "marks")
    frames: list[int] = []
    assert list(work_on_ray(mishaps, windows_of(bags), frames.append, None, 2)) == expected
    assert sum(frames) == 200
    assert len(list((tmp_path / "marks").iterdir())) == 4
    started = {process for process, what in notes(job.notes) if what == "started"}
    assert len(started) > 4  # the four that were killed, and who did the rest


def test_labels_are_those_of_one_process_though_workers_are_killed(
    bags: list[str], channel_model: Path, tmp_path: Path
) -> None:
    """Through URLs: of a file, and of a store that fsspec reaches and all processes share."""
    urls = [f"file://{bags[0]}", f"local://{bags[1]}"]

    def label_job(name: str) -> LabelJob:
        (tmp_path / name).mkdir()
        place = f"local://{tmp_path / name}"
        destinations = {url: Destination(Path(url).name, place) for url in urls}
        return LabelJob(ModelChoice(str(channel_model)), LabelOptions(), destinations)

    tasks = windows_of(urls)
    here: list[Outcome[Segment]] = list(work_here(label_job("here"), tasks, ignore))
    (tmp_path / "marks").mkdir()
    mishaps = Mishaps(label_job("ray"), (1,), tmp_path / "marks")
    assert list(work_on_ray(mishaps, tasks, ignore, None, 2)) == here
    assert len(list((tmp_path / "marks").iterdir())) == 2
    for outcome in here:
        assert outcome.value
        file = outcome.value.name
        assert _sha256(tmp_path / "ray" / file) == _sha256(tmp_path / "here" / file)
        assert _sha256(tmp_path / "ray" / file) == outcome.value.sha256


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_window_that_kills_every_worker_is_named(bags: list[str], tmp_path: Path) -> None:
    tasks = windows_of(bags[:1])
    mishaps = Mishaps(DigestJob(tmp_path / "notes"), (1,), marks=None)
    outcomes = work_on_ray(mishaps, tasks, ignore, None, 2)
    assert next(outcomes).task == tasks[0]
    with pytest.raises(FleetError) as told:
        next(outcomes)
    assert str(told.value).startswith(
        f"{bags[0]}, window 1 (1700000010.000 to 1700000020.000): 3 workers died over it"
    )


@dataclass(frozen=True)
class Talk:
    """Works without a recording.

    Attributes:
        error: What window 3 raises.
        seconds: How long a window takes.
        slow: From which window on they take half a minute.
        on_start: What is raised on starting.
        dies: Whether it is killed on starting.
        meet: Folder where two workers wait for each other on starting, and note their end.
    """

    error: Exception | None = None
    seconds: float = 0.005
    slow: int = 1000
    on_start: Exception | None = None
    dies: bool = False
    meet: Path | None = None

    def start(self) -> Talk:
        if self.dies:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.on_start:
            raise self.on_start
        if self.meet:
            meet = self.meet
            (meet / f"started {os.getpid()}").touch()
            _wait_until(lambda: len(list(meet.glob("started *"))) == 2)
        return self

    def work(self, task: Task, advance: Advance) -> Outcome[tuple[int, int]]:
        print("workers may say what they like")
        if self.error and task.window.index == 3:
            raise self.error
        time.sleep(self.seconds if task.window.index < self.slow else 30)
        return Outcome(task, 1, (), (task.window.index, os.getpid()))

    def close(self) -> None:
        if self.meet:
            (self.meet / f"closed {os.getpid()}").touch()


def test_our_errors_arrive_as_they_are_and_in_their_place() -> None:
    outcomes = work_on_ray(Talk(BagError("the disk is gone")), numbered(100), ignore, None, 2)
    assert [next(outcomes).value[0] for _ in range(3)] == [0, 1, 2]
    with pytest.raises(BagError) as told:
        next(outcomes)
    assert type(told.value) is BagError
    assert str(told.value) == "the disk is gone"
    assert told.value.__cause__ is None


def test_a_defect_keeps_the_workers_traceback() -> None:
    with pytest.raises(ZeroDivisionError, match="by nothing") as told:
        list(work_on_ray(Talk(ZeroDivisionError("by nothing")), numbered(5), ignore, None, 2))
    assert "raise self.error" in str(told.value.__cause__)


def test_a_job_that_cannot_start_says_why() -> None:
    with pytest.raises(BagError, match=r"^no such model$"):
        list(work_on_ray(Talk(on_start=BagError("no such model")), numbered(5), ignore, None, 2))


def test_workers_that_die_on_starting_are_not_replaced_for_ever() -> None:
    with pytest.raises(FleetError, match=r"3 workers died .* while they loaded the model"):
        list(work_on_ray(Talk(dies=True), numbered(5), ignore, None, 2))


def test_bags_stay_with_their_worker(tmp_path: Path) -> None:
    outcomes = work_on_ray(Talk(seconds=0.2, meet=tmp_path), numbered(10), ignore, None, 2)
    processes = [outcome.value[1] for outcome in outcomes]
    assert processes[0] == processes[1] != processes[5] == processes[6]
    closed = {int(path.name.removeprefix("closed ")) for path in tmp_path.glob("closed *")}
    assert closed == set(processes)


def test_work_does_not_run_far_ahead_of_the_reader() -> None:
    read: list[int] = []

    def tasks() -> Iterator[Task]:
        for task in numbered(100_000):
            read.append(task.window.index)
            yield task

    outcomes = work_on_ray(Talk(), tasks(), ignore, None, 2)
    for _ in range(3):
        next(outcomes)
    assert len(read) < 60
    outcomes.close()


def test_closing_early_ends_the_workers() -> None:
    outcomes = work_on_ray(Talk(slow=2), numbered(10), ignore, None, 2)
    processes = [next(outcomes).value[1], next(outcomes).value[1]]
    outcomes.close()
    _wait_until(lambda: not any(Path(f"/proc/{process}").exists() for process in processes))


def _wait_until(condition: Any) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "still there after 20 s"
        time.sleep(0.05)


def test_a_cluster_that_others_hold_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crew, "_PLACEMENT_SECONDS", 0.5)

    class Other:
        pass

    other: Any = ray.remote(Other).options(num_cpus=2).remote()
    ray.get(other.__ray_ready__.remote())
    try:
        with pytest.raises(FleetError, match="each needs 1 CPU: `ray status` says"):
            list(work_on_ray(Talk(), numbered(2), ignore, None, 2))
    finally:
        ray.kill(other)


_ALONE = """
from alone import Slow
from segnet_ros.bags.windows import Window
from segnet_ros.bags.work import Task
from segnet_ros.fleet.ray_work import work_on_ray

tasks = [Task("bag", Window(index, 0, 1)) for index in range(9)]
for outcome in work_on_ray(Slow(), tasks, lambda frames: None, None, 2):
    print(outcome.value, flush=True)
"""
_SLOW = """
import os, signal, time
from segnet_ros.bags.work import Outcome

class Slow:
    def start(self): return self
    def work(self, task, advance):
        print("a worker's words")
        time.sleep(0 if task.window.index < 3 else 30)
        return Outcome(task, 1, (), task.window.index)
    def close(self): pass
"""


def test_ctrl_c_ends_the_local_ray_without_a_word_of_it(tmp_path: Path) -> None:
    (tmp_path / "alone.py").write_text(_SLOW)
    program = subprocess.Popen(
        [sys.executable, "-c", _ALONE],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert program.stdout
    assert [program.stdout.readline() for _ in range(3)] == ["0\n", "1\n", "2\n"]
    os.killpg(program.pid, signal.SIGINT)  # as a terminal does: everybody gets it
    said, errors = program.communicate(timeout=30)
    assert program.returncode == -signal.SIGINT
    assert said == ""
    assert errors.splitlines()[0] == "Traceback (most recent call last):"
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert "ray::" not in errors
    _wait_until(lambda: not _session(program.pid))


def _session(leader: int) -> list[int]:
    """The processes that a program has left behind."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if os.getsid(int(entry.name)) == leader:
                    found.append(int(entry.name))
            except ProcessLookupError:
                continue
    return found
