# SPDX-License-Identifier: Apache-2.0
"""The watchdog's decisions; that it really ends a process is tested in test/faults."""

import faulthandler
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from segnet_ros.ros import watchdog as module
from segnet_ros.ros.watchdog import Watchdog, where

BEATS = 12  # more than a limit of four has
LIMIT = 0.2


class Work:
    """What is watched, and what the watchdog makes of it."""

    def __init__(self, numbers: Callable[[int], int], limit: float = LIMIT) -> None:
        self._numbers = numbers
        self.limit = limit
        self.looks = 0
        self.given_up: list[tuple[int, float]] = []
        self.at_its_end = False
        self.enough = threading.Event()

    def number(self) -> int:
        self.looks += 1
        if self.looks == BEATS:
            self.enough.set()
        return self._numbers(self.looks)

    def give_up(self, number: int, seconds: float) -> bool:
        self.given_up.append((number, seconds))
        return not self.at_its_end


class Process:
    """Records what would end it."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.timers: list[float | None] = []
        self.last_timer: float | None = None

    def end(self) -> None:
        self.last_timer = self.timers[-1]
        self.ended.set()

    def later(self, seconds: float, **options: bool) -> None:
        assert options == {"exit": True}
        self.timers.append(seconds)

    def cancelled(self) -> None:
        self.timers.append(None)


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Process:
    recorded = Process()
    monkeypatch.setattr(module, "end_hanging_process", recorded.end)
    monkeypatch.setattr(module, "_SHORTEST_BEAT", 0.01)
    monkeypatch.setattr(faulthandler, "dump_traceback_later", recorded.later)
    monkeypatch.setattr(faulthandler, "cancel_dump_traceback_later", recorded.cancelled)
    return recorded


@pytest.fixture
def watch(process: Process) -> Iterator[Callable[[Work], None]]:
    watchdogs: list[Watchdog] = []

    def start(work: Work) -> None:
        watchdogs.append(Watchdog(lambda: work.limit, work.number, work.give_up))
        watchdogs[-1].start()

    yield start
    for watchdog in watchdogs:
        watchdog.stop()


def test_the_same_work_for_the_limit_ends_the_process(
    watch: Callable[[Work], None], process: Process
) -> None:
    work = Work(lambda look: 7)
    watch(work)
    assert process.ended.wait(10)
    number, seconds = work.given_up[0]
    assert number == 7
    assert seconds >= LIMIT
    # Armed before anything is told: that may hang, too.
    assert process.last_timer == 5.0


@pytest.mark.parametrize(
    "numbers", [lambda look: look, lambda look: 0, lambda look: look % 2], ids=str
)
def test_new_work_and_no_work_go_on(
    watch: Callable[[Work], None], process: Process, numbers: Callable[[int], int]
) -> None:
    work = Work(numbers)
    watch(work)
    assert work.enough.wait(10)
    assert not process.ended.is_set()
    assert work.given_up == []


def test_a_limit_of_zero_waits_for_ever_and_can_be_changed(
    watch: Callable[[Work], None], process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LONGEST_BEAT", 0.01)
    work = Work(lambda look: 7, limit=0.0)
    watch(work)
    assert work.enough.wait(10)
    assert work.given_up == []
    assert set(process.timers) == {None}
    work.limit = 0.02
    assert process.ended.wait(10)


def test_work_that_ended_meanwhile_goes_on(watch: Callable[[Work], None], process: Process) -> None:
    work = Work(lambda look: 7)
    work.at_its_end = True
    watch(work)
    assert work.enough.wait(10)
    assert work.given_up
    assert not process.ended.is_set()


def test_a_failing_report_ends_the_process_all_the_same(
    watch: Callable[[Work], None], process: Process, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(number: int, seconds: float) -> bool:
        raise OSError(number)

    work = Work(lambda look: 7)
    work.give_up = fail  # type: ignore[method-assign]
    watch(work)
    assert process.ended.wait(10)
    assert "could not tell that the node hangs: OSError(7)" in caplog.text


def test_without_memory_for_a_timer_the_work_is_watched_all_the_same(
    watch: Callable[[Work], None], process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(seconds: float, **options: bool) -> None:
        process.later(seconds, **options)
        raise RuntimeError(seconds)

    monkeypatch.setattr(faulthandler, "dump_traceback_later", refuse)
    work = Work(lambda look: 7)
    watch(work)
    assert process.ended.wait(10)
    assert work.given_up[0][0] == 7


def test_python_is_watched_from_the_start_until_the_stop(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LONGEST_BEAT", 60.0)
    work = Work(lambda look: 0, limit=400.0)
    watchdog = Watchdog(lambda: work.limit, work.number, work.give_up)
    watchdog.start()
    while not process.timers:
        time.sleep(0.01)
    watchdog.stop()
    *armed, last = process.timers
    assert armed == [460.0]  # one beat more than what is told by the work itself
    assert last is None


def test_where_names_the_innermost_function_of_the_package(process: Process) -> None:
    entered, leave = threading.Event(), threading.Event()

    def number() -> int:
        entered.set()
        leave.wait(10)
        return 0

    watchdog = Watchdog(lambda: 0.01, number, lambda number, seconds: False)
    watchdog.start()
    assert entered.wait(10)
    thread = next(t for t in threading.enumerate() if t.name == "watchdog")
    file, function = where(thread.ident or 0).split(":")
    assert file == "watchdog.py"
    assert function.split()[1] == "_watch"
    leave.set()
    watchdog.stop()


def test_where_of_a_thread_outside_the_package_and_of_none() -> None:
    leave = threading.Event()
    thread = threading.Thread(target=leave.wait, args=(10,))
    thread.start()
    assert where(thread.ident or 0) == "an unknown place"
    leave.set()
    thread.join()
    assert where(0) == "an unknown place"
