# SPDX-License-Identifier: Apache-2.0
"""Which task is next, and which outcome is due."""

import logging
from collections.abc import Iterator

import pytest

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.windows import Window
from segnet_ros.bags.work import Outcome, Task
from segnet_ros.fleet.agenda import ATTEMPTS, Agenda
from segnet_ros.fleet.errors import FleetError


def task(bag: str, index: int) -> Task:
    return Task(bag, Window(index, index * 10**10, (index + 1) * 10**10))


def tasks(**windows: int) -> list[Task]:
    return [task(bag, index) for bag, count in windows.items() for index in range(count)]


def outcome(done: Task) -> Outcome[str]:
    return Outcome(done, 1, (), f"{done.bag}{done.window.index}")


def take(agenda: Agenda[str], bag: str = "", elsewhere: str = "") -> str:
    taken = agenda.take(bag, set(elsewhere))
    return f"{taken[1].bag}{taken[1].window.index}" if taken else "nothing"


def finish(agenda: Agenda[str], number: int, done: Task) -> None:
    agenda.done(number, outcome(done))


def due(agenda: Agenda[str]) -> list[str]:
    results = agenda.due()
    return [str(each) if isinstance(each, Exception) else each.value for each in results]


def test_tasks_are_given_out_in_order() -> None:
    agenda: Agenda[str] = Agenda(tasks(a=2, b=1), 10)
    assert [take(agenda) for _ in range(4)] == ["a0", "a1", "b0", "nothing"]


def test_a_worker_stays_with_its_bag() -> None:
    agenda: Agenda[str] = Agenda(tasks(a=2, b=2), 10)
    assert take(agenda, bag="b") == "b0"
    assert take(agenda, bag="b") == "b1"
    assert take(agenda, bag="b") == "a0"


def test_a_worker_begins_a_bag_of_its_own_before_it_helps_with_one() -> None:
    agenda: Agenda[str] = Agenda(tasks(a=2, b=1), 10)
    assert take(agenda, elsewhere="a") == "b0"
    assert take(agenda, elsewhere="ab") == "a0"


def test_outcomes_come_in_order() -> None:
    given = tasks(a=3)
    agenda: Agenda[str] = Agenda(given, 10)
    for _ in given:
        take(agenda)
    finish(agenda, 1, given[1])
    assert due(agenda) == []
    finish(agenda, 0, given[0])
    assert due(agenda) == ["a0", "a1"]
    assert not agenda.finished
    finish(agenda, 2, given[2])
    assert due(agenda) == ["a2"]
    assert agenda.finished


def test_the_source_is_read_only_as_far_as_work_may_run_ahead() -> None:
    read: list[int] = []

    def endless() -> Iterator[Task]:
        for index in range(100_000):
            read.append(index)
            yield task("a", index)

    agenda: Agenda[str] = Agenda(endless(), 3)
    assert [take(agenda) for _ in range(4)] == ["a0", "a1", "a2", "nothing"]
    finish(agenda, 1, task("a", 1))
    assert take(agenda) == "nothing"
    finish(agenda, 0, task("a", 0))
    assert due(agenda) == ["a0", "a1"]
    assert [take(agenda) for _ in range(3)] == ["a3", "a4", "nothing"]
    assert read == [0, 1, 2, 3, 4]


def test_what_a_dead_worker_had_is_next(caplog: pytest.LogCaptureFixture) -> None:
    agenda: Agenda[str] = Agenda(tasks(a=4), 10)
    take(agenda)
    take(agenda)
    with caplog.at_level(logging.WARNING):
        agenda.died(0)
    assert caplog.messages == ["a worker died over a, window 0 (0.000 to 10.000); it is done again"]
    assert [take(agenda) for _ in range(2)] == ["a0", "a2"]


def test_a_deadly_task_fails_in_the_end() -> None:
    agenda: Agenda[str] = Agenda(tasks(a=3), 10)
    take(agenda)
    for _ in range(ATTEMPTS):
        assert take(agenda) == "a1"
        agenda.died(1)
    assert due(agenda) == []
    finish(agenda, 0, task("a", 0))
    good, bad = agenda.due()
    assert good == outcome(task("a", 0))
    assert isinstance(bad, FleetError)
    assert str(bad).startswith("a, window 1 (10.000 to 20.000): 3 workers died over it")
    assert agenda.finished


def test_nothing_behind_a_failed_task_is_begun() -> None:
    agenda: Agenda[str] = Agenda(tasks(a=5), 4)
    for _ in range(3):
        take(agenda)
    agenda.died(0)
    error = BagError("damaged")
    agenda.failed(1, error)
    assert [take(agenda), take(agenda)] == ["a0", "nothing"]
    finish(agenda, 2, task("a", 2))
    finish(agenda, 0, task("a", 0))
    assert due(agenda)[:2] == ["a0", "damaged"]
    assert agenda.finished


def test_a_source_that_fails_says_so() -> None:
    def broken() -> Iterator[Task]:
        yield task("a", 0)
        msg = "no such bag"
        raise BagError(msg)

    with pytest.raises(BagError, match="no such bag"):
        take(Agenda(broken(), 10))
