# SPDX-License-Identifier: Apache-2.0
"""The messages that can be read of a damaged sqlite3 file, known one by one."""

from __future__ import annotations

import sqlite3
from array import array
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from segnet_ros.bags.reading.in_time import plausible_span

if TYPE_CHECKING:
    from collections.abc import Iterator

_FROM = "SELECT id, topic_id, timestamp FROM messages WHERE id >= ? ORDER BY id"
_FIRST = f"{_FROM} LIMIT 1"
_INDEXED = (
    "SELECT count(*), min(timestamp) FROM messages INDEXED BY timestamp_idx WHERE id > ? AND id < ?"
)
LAST_NS = 2**63 - 1
"""SQLite knows no later time."""
_FARTHEST = 2**40
"""Rows that are looked for behind an unreadable one."""


class Row(NamedTuple):
    """A message."""

    time_ns: int
    number: int
    topic: int


class Gap(NamedTuple):
    """Rows that cannot be read.

    Attributes:
        time_ns: Of the first of them, or about that; None if nothing is known.
        lost: How many; 0 if unknown.

    """

    time_ns: int | None
    lost: int


class Rows:
    """The rows that can be read; the walk over them takes a moment and few bytes for each.

    Args:
        database: Open.

    Attributes:
        gaps: What is missing, in the order of recording.

    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._found = array("q"), array("q"), array("q")
        self._last = 0
        self._broken = False
        self.gaps: list[Gap] = []
        start: int | None = 1  # the first number that SQLite gives
        while start is not None:
            start = self._walk(start)
        times, numbers, topics = (np.asarray(column, np.int64) for column in self._found)
        order = np.lexsort((numbers, times))
        self._times, self._numbers, self._topics = times[order], numbers[order], topics[order]

    def _walk(self, start: int) -> int | None:
        """Take rows; returns where to go on behind one that cannot be read, None at the end."""
        try:
            for number, topic, time_ns in self._database.execute(_FROM, (start,)):
                if number < start:
                    raise sqlite3.DatabaseError  # damaged pages may lead round in circles
                self._take(number, topic, time_ns)
                start = number + 1
        except sqlite3.Error:
            self._broken = True
            following = self._after(start)
            if following is None:
                self._end_gap(_FARTHEST, None)
            return following
        self._end_gap(_FARTHEST, None)
        return None

    def _take(self, number: int, topic: object, time_ns: object) -> None:
        if isinstance(topic, int) and isinstance(time_ns, int):
            self._end_gap(number, time_ns)
            for column, value in zip(self._found, (time_ns, number, topic), strict=True):
                column.append(value)
            self._last = number
        else:
            self._broken = True

    def _end_gap(self, stop: int, next_ns: int | None) -> None:
        if not self._broken:
            return
        self._broken = False
        before = self._found[0][-1] if self._found[0] else next_ns
        lost, first = self._indexed(stop) or (
            0 if stop == _FARTHEST else stop - self._last - 1,
            before,
        )
        self.gaps.append(Gap(first, lost))

    def _indexed(self, stop: int) -> tuple[int, int] | None:
        """What the index knows of rows that the table has lost: how many, and the first time."""
        try:
            lost, first = self._database.execute(_INDEXED, (self._last, stop)).fetchone()
        except sqlite3.Error:
            return None
        return (lost, first) if lost and isinstance(first, int) else None

    def _after(self, number: int) -> int | None:
        """The first number behind an unreadable one from where rows can be read; None if none."""
        step = 1
        while step <= _FARTHEST:
            if self._leads(number + step):
                return self._first_that_leads(number + step // 2, number + step)
            step *= 2
        return None

    def _first_that_leads(self, bad: int, good: int) -> int:
        while good - bad > 1:
            middle = (bad + good) // 2
            bad, good = (bad, middle) if self._leads(middle) else (middle, good)
        return good

    def _leads(self, number: int) -> bool:
        try:
            row = self._database.execute(_FIRST, (number,)).fetchone()
        except sqlite3.Error:
            return False
        return row is None or row[0] >= number

    def counts(self) -> Counter[int]:
        """Messages by topic."""
        numbers, counts = np.unique(self._topics, return_counts=True)
        return Counter(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))

    def span(self) -> tuple[int, int]:
        """Times of the first message or gap, and just after the last one."""
        times = [gap.time_ns for gap in self.gaps if gap.time_ns is not None]
        times += self._times.tolist()
        if not times:
            return 0, 0
        first, last = plausible_span([times])
        return first, min(last + 1, LAST_NS)

    def far(self) -> int:
        """How many messages have times that are not to be believed."""
        start_ns, stop_ns = self.span()
        return int(np.count_nonzero((self._times < start_ns) | (self._times >= stop_ns)))

    def between(self, start_ns: int, stop_ns: int) -> Iterator[Row]:
        """Iterate over rows in the order of their time; equal times keep that of recording.

        Args:
            start_ns: The first ones have this time or a later one.
            stop_ns: The last ones have an earlier time.

        """
        first, stop = np.searchsorted(self._times, (start_ns, stop_ns))
        for place in range(first, stop):
            yield Row(int(self._times[place]), int(self._numbers[place]), int(self._topics[place]))
