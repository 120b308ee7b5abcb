# SPDX-License-Identifier: Apache-2.0

import logging
import random
import sys
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from segnet_ros.ros import frame_scheduler
from segnet_ros.ros.books import Books, Ledger, Outcome
from segnet_ros.ros.frame_scheduler import FrameScheduler, Job

Jobs = Sequence[Job[int]]
NEVER = 1e-6  # Hz: a frame held back by this rate is held back for all of a test


class Gate:
    """A `process` that waits until it is let through, and remembers what it saw."""

    def __init__(self, outcome: Outcome = Outcome.PUBLISHED) -> None:
        self.seen: list[list[tuple[str, int]]] = []
        self.entered = threading.Semaphore(0)
        self.leave = threading.Semaphore(0)
        self.outcome = outcome

    def __call__(self, jobs: Jobs) -> None:
        self.seen.append([(job.camera, job.frame) for job in jobs])
        self.entered.release()
        assert self.leave.acquire(timeout=10)
        for job in jobs:
            job.settle(self.outcome)

    def wait_entered(self) -> None:
        assert self.entered.acquire(timeout=10)


def publish(jobs: Jobs) -> None:
    for job in jobs:
        job.settle(Outcome.PUBLISHED)


def ignore(error: Exception, jobs: Jobs) -> None:
    pass


def balanced(books: Books) -> bool:
    settled = books.published + books.superseded + books.stale + books.failed
    return books.received == settled + books.pending


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def wait_settled(scheduler: FrameScheduler[int], *cameras: str) -> None:
    for camera in cameras:
        wait_until(lambda camera=camera: scheduler.books(camera).pending == 0)


@contextmanager
def running(
    process: Callable[[Jobs], None],
    cameras: Sequence[str] = ("",),
    on_error: Callable[[Exception, Jobs], None] = ignore,
    **options: float,
) -> Iterator[FrameScheduler[int]]:
    scheduler: FrameScheduler[int] = FrameScheduler(cameras, process, on_error, **options)
    scheduler.start()
    try:
        yield scheduler
    finally:
        scheduler.stop()


def test_only_the_newest_of_the_waiting_frames_is_worked_on() -> None:
    gate = Gate()
    with running(gate) as scheduler:
        scheduler.submit("", 1)
        gate.wait_entered()
        for frame in (2, 3, 4):
            scheduler.submit("", frame)
        assert scheduler.books("") == Books(received=4, superseded=2, pending=2)
        gate.leave.release(2)
        wait_settled(scheduler, "")
        assert gate.seen == [[("", 1)], [("", 4)]]
        assert scheduler.books("") == Books(received=4, published=2, superseded=2)


def test_every_camera_has_its_own_slot_and_books() -> None:
    gate = Gate()
    with running(gate, ["left", "right"]) as scheduler:
        scheduler.submit("left", 1)
        gate.wait_entered()
        for camera, frame in (("right", 2), ("left", 3), ("right", 4)):
            scheduler.submit(camera, frame)
        assert scheduler.books("left") == Books(received=2, pending=2)
        assert scheduler.books("right") == Books(received=2, superseded=1, pending=1)
        gate.leave.release(3)
        wait_settled(scheduler, "left", "right")
    assert gate.seen == [[("left", 1)], [("right", 4)], [("left", 3)]]


def test_waiting_frames_share_a_batch_up_to_its_size() -> None:
    gate = Gate()
    with running(gate, "abcd", batch=3, window=0.0) as scheduler:
        scheduler.submit("a", 1)
        gate.wait_entered()
        for frame, camera in enumerate("abcd", 2):
            scheduler.submit(camera, frame)
        gate.leave.release(3)
        wait_settled(scheduler, *"abcd")
    assert gate.seen == [[("a", 1)], [("b", 3), ("c", 4), ("d", 5)], [("a", 2)]]


def test_the_higher_priority_goes_first() -> None:
    gate = Gate()
    with running(gate, "abc") as scheduler:
        scheduler.limit("c", priority=1, max_rate=0.0)
        scheduler.submit("c", 1)
        gate.wait_entered()
        for frame, camera in enumerate("abc", 2):
            scheduler.submit(camera, frame)
        scheduler.limit("b", priority=2, max_rate=0.0)
        gate.leave.release(4)
        wait_settled(scheduler, *"abc")
    assert [batch[0][0] for batch in gate.seen] == ["c", "b", "c", "a"]


def test_equals_take_turns() -> None:
    gate = Gate()
    with running(gate, "abc") as scheduler:
        for camera in "ccbaabbaca":
            scheduler.submit(camera, 0)
        for _ in range(9):
            gate.wait_entered()
            for camera in "bca":
                scheduler.submit(camera, 0)
            gate.leave.release()
        gate.wait_entered()
        scheduler.give_up_waiting()
        gate.leave.release()
    served = "".join(batch[0][0] for batch in gate.seen)
    assert served[1:4] == served[4:7] == served[7:10]
    assert set(served[1:4]) == set("abc")


def test_a_batch_waits_for_a_camera_that_is_expected() -> None:
    gate = Gate()
    gate.leave.release(10)
    with running(gate, ["left", "right"], batch=2, window=1e6) as scheduler:
        for frame in range(3):
            scheduler.submit("right", frame)
            wait_settled(scheduler, "right")
        scheduler.submit("left", 10)
        time.sleep(0.02)  # time enough to go alone
        scheduler.submit("right", 11)
        wait_settled(scheduler, "left", "right")
    assert gate.seen[3:] == [[("left", 10), ("right", 11)]]


@pytest.mark.parametrize("outcome", [Outcome.STALE, Outcome.FAILED, Outcome.PUBLISHED])
def test_the_outcome_is_booked(outcome) -> None:
    gate = Gate(outcome)
    gate.leave.release()
    with running(gate) as scheduler:
        scheduler.submit("", 1)
        wait_settled(scheduler, "")
        assert scheduler.books("") == Books(received=1, **{outcome.value: 1})


def test_the_time_waited_counts_from_submission_to_turn(monkeypatch) -> None:
    waited = []
    clock = [50.0]
    monkeypatch.setattr(frame_scheduler, "monotonic", lambda: clock[0])
    scheduler: FrameScheduler[int] = FrameScheduler(
        [""], lambda jobs: waited.extend(job.waited for job in jobs), ignore
    )
    scheduler._running = True  # no thread: its steps are taken by hand
    scheduler.submit("", 1)
    clock[0] = 50.25
    scheduler._serve()
    assert waited == [0.25]


def test_an_exception_fails_its_frame_only() -> None:
    errors = []

    def divide(jobs: Jobs) -> None:
        _ = 1 / jobs[0].frame
        publish(jobs)

    with running(divide, on_error=lambda *report: errors.append(report)) as scheduler:
        for frame in (0, 1, 0):
            scheduler.submit("", frame)
            wait_settled(scheduler, "")
    assert scheduler.books("") == Books(received=3, published=1, failed=2)
    assert [type(error) for error, _ in errors] == [ZeroDivisionError] * 2
    assert [[job.frame for job in jobs] for _, jobs in errors] == [[0], [0]]


def test_an_exception_fails_those_of_its_batch_that_are_not_settled() -> None:
    gate = Gate()
    outcomes = []

    def work(jobs: Jobs) -> None:
        if len(jobs) == 1:
            return gate(jobs)
        jobs[1].settle(Outcome.STALE)
        raise ValueError

    def note(error: Exception, jobs: Jobs) -> None:
        outcomes.extend((job.camera, job.outcome) for job in jobs)

    with running(work, "abc", note, batch=3) as scheduler:
        scheduler.submit("a", 1)
        gate.wait_entered()
        for camera in "abc":
            scheduler.submit(camera, 2)
        gate.leave.release()
        wait_settled(scheduler, *"abc")
    assert outcomes == [("b", Outcome.FAILED), ("c", Outcome.STALE), ("a", Outcome.FAILED)]
    assert scheduler.books("a") == Books(received=2, published=1, failed=1)
    assert scheduler.books("b") == Books(received=1, failed=1)
    assert scheduler.books("c") == Books(received=1, stale=1)


def test_frames_left_unsettled_failed() -> None:
    errors = []
    with running(lambda jobs: None, on_error=lambda *report: errors.append(report)) as scheduler:
        scheduler.submit("", 1)
        wait_settled(scheduler, "")
    assert scheduler.books("") == Books(received=1, failed=1)
    assert errors == []


def test_the_thread_outlives_a_failing_report(caplog) -> None:
    def fail(*arguments: object) -> None:
        msg = "log"
        raise KeyError(msg)

    def divide(jobs: Jobs) -> None:
        _ = 1 / jobs[0].frame
        publish(jobs)

    with running(divide, on_error=fail) as scheduler, caplog.at_level(logging.ERROR):
        for frame in (0, 1):
            scheduler.submit("", frame)
            wait_settled(scheduler, "")
    assert scheduler.books("") == Books(received=2, published=1, failed=1)
    assert "could not report ZeroDivisionError" in caplog.text


def test_settling_twice_is_an_error() -> None:
    ledger = Ledger()
    ledger.receive()
    job = Job("left", 1, 0.0, ledger)
    assert job.outcome is None
    job.settle(Outcome.STALE)
    with pytest.raises(RuntimeError, match=r'camera "left" is stale already .* become published'):
        job.settle(Outcome.PUBLISHED)
    assert job.outcome is Outcome.STALE
    assert ledger.books == Books(received=1, stale=1)


def test_settling_after_process_returned_is_an_error() -> None:
    kept: list[Job[int]] = []
    with running(kept.extend) as scheduler:
        scheduler.submit("", 1)
        wait_settled(scheduler, "")
        with pytest.raises(RuntimeError, match="is failed already"):
            kept[0].settle(Outcome.PUBLISHED)
        assert scheduler.books("") == Books(received=1, failed=1)


def test_stopping_finishes_the_frame_in_work_and_gives_up_the_waiting_ones() -> None:
    gate = Gate()
    scheduler: FrameScheduler[int] = FrameScheduler(["left", "right"], gate, ignore)
    scheduler.start()
    scheduler.submit("left", 1)
    gate.wait_entered()
    scheduler.submit("left", 2)
    scheduler.submit("right", 3)
    threading.Timer(0.05, gate.leave.release).start()
    scheduler.stop()
    assert gate.seen == [[("left", 1)]]
    assert scheduler.books("left") == Books(received=2, published=1, superseded=1)
    assert scheduler.books("right") == Books(received=1, superseded=1)
    scheduler.submit("left", 4)
    assert scheduler.books("left") == Books(received=3, published=1, superseded=2)


@pytest.mark.parametrize("held", [False, True])
def test_stopping_wakes_the_sleeping_thread(held) -> None:
    with running(publish) as scheduler:
        scheduler.limit("", priority=0, max_rate=NEVER)
        for frame in range(1 + held):
            scheduler.submit("", frame)
            wait_until(lambda: scheduler.books("").published == 1)
        stopping = threading.Thread(target=scheduler.stop, daemon=True)
        stopping.start()
        stopping.join(timeout=10)
        assert not stopping.is_alive()
    assert scheduler.books("") == Books(received=1 + held, published=1, superseded=int(held))


def test_it_can_start_again() -> None:
    with running(publish) as scheduler:
        for frame in (1, 2, 3):
            scheduler.submit("", frame)
            wait_settled(scheduler, "")
            scheduler.stop()
            scheduler.start()
    assert scheduler.books("") == Books(received=3, published=3)


def test_it_can_stop_before_it_started() -> None:
    scheduler: FrameScheduler[int] = FrameScheduler([""], publish, ignore)
    scheduler.stop()
    scheduler.submit("", 1)
    assert scheduler.books("") == Books(received=1, superseded=1)


def test_a_frame_held_back_waits_for_a_change_of_its_limit() -> None:
    gate = Gate()
    gate.leave.release(10)
    with running(gate) as scheduler:
        scheduler.limit("", priority=0, max_rate=NEVER)
        for frame in (1, 2, 3):
            scheduler.submit("", frame)
            wait_until(lambda: scheduler.books("").published == 1)
        assert scheduler.books("") == Books(received=3, published=1, superseded=1, pending=1)
        time.sleep(0.02)  # time enough to fall asleep
        scheduler.limit("", priority=0, max_rate=0.0)
        wait_settled(scheduler, "")
        assert gate.seen == [[("", 1)], [("", 3)]]


def test_a_frame_held_back_goes_when_it_is_due() -> None:
    with running(publish) as scheduler:
        scheduler.limit("", priority=0, max_rate=20.0)
        for frame in (1, 2):
            scheduler.submit("", frame)
            wait_settled(scheduler, "")
    assert scheduler.books("") == Books(received=2, published=2)


def test_the_thread_sleeps_while_a_frame_is_held_back(monkeypatch) -> None:
    choices = []
    choose = frame_scheduler.choose

    def counted(*arguments):
        choices.append(arguments)
        return choose(*arguments)

    monkeypatch.setattr(frame_scheduler, "choose", counted)
    with running(publish) as scheduler:
        scheduler.limit("", priority=0, max_rate=NEVER)
        scheduler.submit("", 1)
        wait_settled(scheduler, "")
        scheduler.submit("", 2)
        time.sleep(0.05)
        assert 2 <= len(choices) <= 6
    assert scheduler.books("").superseded == 1


def test_giving_up_supersedes_the_waiting_frames() -> None:
    gate = Gate()
    with running(gate, "abc") as scheduler:
        scheduler.submit("a", 1)
        gate.wait_entered()
        for camera in "abc":
            scheduler.submit(camera, 2)
        scheduler.give_up_waiting("b")
        assert scheduler.books("b") == Books(received=1, superseded=1)
        assert scheduler.books("a") == Books(received=2, pending=2)
        scheduler.give_up_waiting()
        assert scheduler.books("a") == Books(received=2, superseded=1, pending=1)
        assert scheduler.books("c") == Books(received=1, superseded=1)
        gate.leave.release()
        wait_settled(scheduler, *"abc")
    assert gate.seen == [[("a", 1)]]
    assert scheduler.books("a") == Books(received=2, published=1, superseded=1)


class Picture:
    """Something that can be watched being freed."""


def test_no_frame_is_kept_once_it_is_done() -> None:
    def fail(jobs: Sequence[Job[Picture]]) -> None:
        raise ValueError

    for process in (publish, fail):
        with running(process) as scheduler:
            picture = Picture()
            watched = weakref.ref(picture)
            scheduler.submit("", picture)
            del picture
            wait_settled(scheduler, "")
            wait_until(lambda watched=watched: watched() is None)


def test_the_age_of_the_newest_submission(monkeypatch) -> None:
    scheduler: FrameScheduler[int] = FrameScheduler(["left", "right"], publish, ignore)
    clock = [7.0]
    monkeypatch.setattr(frame_scheduler, "monotonic", lambda: clock[0])
    assert scheduler.seconds_since_submission("left") is None
    scheduler.submit("left", 1)
    clock[0] = 7.5
    assert scheduler.seconds_since_submission("left") == 0.5
    assert scheduler.seconds_since_submission("right") is None


class Mill:
    """A `process` with every kind of end, which keeps books of its own."""

    def __init__(self) -> None:
        self.random = random.Random(1)
        self.counts: Counter[tuple[str, Outcome]] = Counter()
        self.frames: list[int] = []

    def __call__(self, jobs: Jobs) -> None:
        time.sleep(0.0001)
        fails = self.random.random() < 0.2
        for job in jobs:
            self.frames.append(job.frame)
            self._end(job)
        if fails:
            raise ValueError

    def _end(self, job: Job[int]) -> None:
        outcome = self.random.choice([Outcome.PUBLISHED, Outcome.STALE, Outcome.FAILED, None])
        self.counts[job.camera, outcome or Outcome.FAILED] += 1
        if outcome:
            job.settle(outcome)


def submit_many(scheduler: FrameScheduler[int], camera: str, frames: range) -> None:
    for frame in frames:
        scheduler.submit(camera, frame)
        if frame % 10 == 0:  # let the others have their turn
            time.sleep(0.0005)


def interfere(scheduler: FrameScheduler[int], done: threading.Event) -> None:
    while not done.is_set():
        scheduler.give_up_waiting("a")
        scheduler.limit("b", priority=1, max_rate=random.choice([0.0, 500.0, NEVER]))
        time.sleep(0.001)


def test_a_batch_that_hangs_is_given_up_with_all_that_waits() -> None:
    gate = Gate()
    with running(gate, ["left", "right"]) as scheduler:
        assert scheduler.in_work == 0
        scheduler.submit("left", 1)
        gate.wait_entered()
        assert scheduler.in_work == 1
        scheduler.submit("left", 2)
        scheduler.submit("right", 3)
        (job,) = scheduler.abandon(1)
        assert (job.camera, job.frame, job.outcome) == ("left", 1, Outcome.FAILED)
        scheduler.submit("right", 4)
        assert scheduler.books("left") == Books(received=2, superseded=1, failed=1)
        assert scheduler.books("right") == Books(received=2, superseded=2)
        gate.leave.release()
    assert len(gate.seen) == 1


@pytest.mark.parametrize("batch", [0, 1, 3])
def test_only_the_batch_in_work_can_be_given_up(batch: int) -> None:
    gate = Gate()
    with running(gate) as scheduler:
        gate.leave.release()
        for frame in (1, 2):
            scheduler.submit("", frame)
            gate.wait_entered()
            if frame == 1:
                wait_until(lambda: scheduler.in_work == 0)
        assert scheduler.in_work == 2
        assert scheduler.abandon(batch) == ()
        gate.leave.release()
        wait_settled(scheduler, "")
        assert scheduler.books("") == Books(received=2, published=2)


def test_nothing_is_given_up_while_nothing_is_in_work() -> None:
    with running(publish) as scheduler:
        assert scheduler.abandon(0) == ()
        scheduler.submit("", 1)
        wait_settled(scheduler, "")
        assert scheduler.books("") == Books(received=1, published=1)


def test_the_thread_is_told_while_it_works() -> None:
    idents: list[int] = []

    def note(jobs: Jobs) -> None:
        idents.append(threading.get_ident())
        publish(jobs)

    with running(note) as scheduler:
        scheduler.submit("", 1)
        wait_until(lambda: bool(idents))
        assert scheduler.thread == idents[0]
    assert scheduler.thread == 0


@pytest.fixture
def hasty_threads():
    """Threads take turns far more often than usual, so that races show."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("hasty_threads")
def test_the_books_are_exact_under_concurrent_submitters() -> None:
    mill, each, done = Mill(), 1500, threading.Event()
    with running(mill, "abc", batch=2, window=0.0005) as scheduler:
        threads = [
            threading.Thread(
                target=submit_many,
                args=[scheduler, camera, range(number * each, (number + 1) * each)],
                daemon=True,
            )
            for number, camera in enumerate("abcabc")
        ]
        meddler = threading.Thread(target=interfere, args=[scheduler, done], daemon=True)
        for thread in [*threads, meddler]:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            for camera in "abc":
                books = scheduler.books(camera)
                assert balanced(books)
                assert 0 <= books.pending <= 2
        done.set()
        for thread in [*threads, meddler]:
            thread.join()
    assert len(mill.frames) == len(set(mill.frames)) > 5
    for camera in "abc":
        books = scheduler.books(camera)
        assert books.received == 2 * each
        assert books.pending == 0
        assert balanced(books)
        for outcome in (Outcome.PUBLISHED, Outcome.STALE, Outcome.FAILED):
            assert getattr(books, outcome.value) == mill.counts[camera, outcome]
