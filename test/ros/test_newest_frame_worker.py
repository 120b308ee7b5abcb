import threading
import time

import pytest

from segnet_ros.ros.newest_frame_worker import Books, NewestFrameWorker, Outcome


class Gate:
    """A `process` that waits until it is let through, and remembers what it saw."""

    def __init__(self, outcome: Outcome = Outcome.PUBLISHED) -> None:
        self.seen: list[int] = []
        self.entered = threading.Semaphore(0)
        self.leave = threading.Semaphore(0)
        self.outcome = outcome

    def __call__(self, frame: int) -> Outcome:
        self.seen.append(frame)
        self.entered.release()
        assert self.leave.acquire(timeout=10)
        return self.outcome


def balanced(books: Books) -> bool:
    settled = books.published + books.superseded + books.stale + books.failed
    return books.received == settled + books.pending


def wait_until(condition) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_only_the_newest_of_the_waiting_frames_is_worked_on():
    gate = Gate()
    worker = NewestFrameWorker(gate, lambda error: None)
    worker.start()
    worker.submit(1)
    assert gate.entered.acquire(timeout=10)
    for frame in (2, 3, 4):
        worker.submit(frame)
    assert worker.books == Books(received=4, superseded=2, pending=2)
    gate.leave.release(2)
    wait_until(lambda: worker.books.pending == 0)
    assert gate.seen == [1, 4]
    assert worker.books == Books(received=4, published=2, superseded=2)
    worker.stop()


@pytest.mark.parametrize("outcome", [Outcome.STALE, Outcome.FAILED, Outcome.PUBLISHED])
def test_the_outcome_is_booked(outcome):
    gate = Gate(outcome)
    gate.leave.release()
    worker = NewestFrameWorker(gate, lambda error: None)
    worker.start()
    worker.submit(1)
    wait_until(lambda: worker.books.pending == 0)
    worker.stop()
    assert worker.books == Books(received=1, **{outcome.value: 1})


def test_an_exception_fails_its_frame_only():
    errors = []

    def divide(frame: int) -> Outcome:
        _ = 1 / frame
        return Outcome.PUBLISHED

    worker = NewestFrameWorker(divide, errors.append)
    worker.start()
    for frame in (0, 1, 0):
        worker.submit(frame)
        wait_until(lambda: worker.books.pending == 0)
    worker.stop()
    assert worker.books == Books(received=3, published=1, failed=2)
    assert [type(error) for error in errors] == [ZeroDivisionError] * 2


def test_stopping_finishes_the_frame_in_work_and_gives_up_the_waiting_one():
    gate = Gate()
    worker = NewestFrameWorker(gate, lambda error: None)
    worker.start()
    worker.submit(1)
    assert gate.entered.acquire(timeout=10)
    worker.submit(2)
    threading.Timer(0.05, gate.leave.release).start()
    worker.stop()
    assert gate.seen == [1]
    assert worker.books == Books(received=2, published=1, superseded=1)
    worker.submit(3)
    assert worker.books == Books(received=3, published=1, superseded=2)


def test_it_can_start_again():
    gate = Gate()
    gate.leave.release(2)
    worker = NewestFrameWorker(gate, lambda error: None)
    for frame in (1, 2):
        worker.start()
        worker.submit(frame)
        wait_until(lambda: worker.books.pending == 0)
        worker.stop()
    assert gate.seen == [1, 2]
    assert worker.books == Books(received=2, published=2)


def test_the_books_balance_at_every_moment():
    def work(frame: int) -> Outcome:
        time.sleep(0.0002 * (frame % 5))
        if frame % 7 == 0:
            raise ValueError(frame)
        return Outcome.STALE if frame % 3 == 0 else Outcome.PUBLISHED

    worker = NewestFrameWorker(work, lambda error: None)
    worker.start()
    snapshots = []
    for frame in range(1, 2001):
        worker.submit(frame)
        snapshots.append(worker.books)
        if frame % 20 == 0:  # let the worker have its turn
            time.sleep(0.002)
    worker.stop()
    assert all(balanced(books) and 0 <= books.pending <= 2 for books in snapshots)
    assert worker.books.received == 2000
    assert worker.books.pending == 0
    assert balanced(worker.books)
    assert worker.books.published > 0
    assert worker.books.superseded > 0


def test_the_age_of_the_newest_submission():
    worker = NewestFrameWorker(lambda frame: Outcome.PUBLISHED, lambda error: None)
    assert worker.seconds_since_submission is None
    worker.submit(1)
    first = worker.seconds_since_submission
    time.sleep(0.01)
    assert 0 <= first < worker.seconds_since_submission
