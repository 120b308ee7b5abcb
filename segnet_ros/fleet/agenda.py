# SPDX-License-Identifier: Apache-2.0
"""Which task is done next, and which outcome is due."""

from __future__ import annotations

import logging
from bisect import insort
from collections import Counter
from typing import TYPE_CHECKING, Generic, TypeVar

from segnet_ros.fleet.errors import FleetError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from segnet_ros.bags.work import Outcome, Task

Value = TypeVar("Value")

_LOG = logging.getLogger(__name__)

ATTEMPTS = 3
"""How many workers may die over a task before it is held to be the cause."""


class Agenda(Generic[Value]):
    """Tasks are read as they are needed; what comes of them waits until it is due.

    Args:
        tasks: In the order in which their outcomes are wanted.
        ahead: How far work may run ahead of the oldest task that is not done; so many outcomes
            wait at most.

    """

    def __init__(self, tasks: Iterable[Task], ahead: int) -> None:
        self._source: Iterator[tuple[int, Task]] = enumerate(tasks)
        self._ahead = ahead
        self._waiting: list[tuple[int, Task]] = []  # sorted
        self._under_way: dict[int, Task] = {}
        self._early: dict[int, Outcome[Value] | Exception] = {}
        self._deaths: Counter[int] = Counter()
        self._due = 0
        self._read = 0

    @property
    def finished(self) -> bool:
        """Whether every outcome has been given out."""
        self._read_ahead()
        return not (self._waiting or self._under_way or self._early)

    @property
    def waiting(self) -> int:
        """How many tasks could be taken now."""
        self._read_ahead()
        return len(self._waiting)

    def take(self, bag: str, elsewhere: Collection[str]) -> tuple[int, Task] | None:
        """Give out a task: of the bag that a worker has open, or one that no other is at.

        Args:
            bag: What the worker has open; may be empty.
            elsewhere: What other workers have open.

        Returns:
            A number to report it by, and the task; None if there is none to do now.

        """
        self._read_ahead()
        if not self._waiting:
            return None
        own = (item for item in self._waiting if item[1].bag == bag)
        free = (item for item in self._waiting if item[1].bag not in elsewhere)
        chosen = next(own, None) or next(free, None) or self._waiting[0]
        self._waiting.remove(chosen)
        self._under_way[chosen[0]] = chosen[1]
        return chosen

    def done(self, number: int, outcome: Outcome[Value]) -> None:
        """Keep an outcome until it is due."""
        del self._under_way[number]
        self._early[number] = outcome

    def failed(self, number: int, error: Exception) -> None:
        """Keep an error until it is due; nothing behind it is begun any more."""
        del self._under_way[number]
        self._early[number] = error
        self._waiting = [item for item in self._waiting if item[0] < number]
        self._source = iter(())

    def died(self, number: int) -> None:
        """Have a task done again whose worker died; when too many have, it has failed."""
        task = self._under_way[number]
        self._deaths[number] += 1
        if self._deaths[number] == ATTEMPTS:
            self.failed(number, _deadly(task))
        else:
            del self._under_way[number]
            insort(self._waiting, (number, task))
            _LOG.warning("a worker died over %s; it is done again", _in_words(task))

    def due(self) -> list[Outcome[Value] | Exception]:
        """Give out what has come of the tasks, in order, as far as all before them are done."""
        results = []
        while self._due in self._early:
            results.append(self._early.pop(self._due))
            self._deaths.pop(self._due, None)
            self._due += 1
        return results

    def _read_ahead(self) -> None:
        while self._read < self._due + self._ahead:
            item = next(self._source, None)
            if item is None:
                return
            self._waiting.append(item)
            self._read += 1


def _deadly(task: Task) -> FleetError:
    return FleetError(
        f"{_in_words(task)}: {ATTEMPTS} workers died over it, one after the other; most often "
        "memory runs out: take fewer --workers, or try without --ray what it is. Ray's logs are "
        "in /tmp/ray/session_latest/logs of the worker's machine"
    )


def _in_words(task: Task) -> str:
    """Such as "drive.mcap, window 3 (1700000030.000 to 1700000040.000)"."""
    window = task.window
    return (
        f"{task.bag}, window {window.index} "
        f"({window.start_ns / 1e9:.3f} to {window.stop_ns / 1e9:.3f})"
    )
