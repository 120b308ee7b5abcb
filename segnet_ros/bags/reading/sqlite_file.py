# SPDX-License-Identifier: Apache-2.0
"""One sqlite3 file of a recording."""

from __future__ import annotations

import heapq
import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING

from segnet_ros.bags.reading.byte_source import UnreadableError, reason
from segnet_ros.bags.reading.in_time import FAR_NS, Item, time_of
from segnet_ros.bags.reading.sqlite_rows import LAST_NS, Gap, Row, Rows
from segnet_ros.bags.reading.sqlite_topics import read_topics
from segnet_ros.bags.recorded import Fault, RecordedMessage, Topic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_INDEX = "SELECT name FROM pragma_index_info('timestamp_idx')"
_SPAN = """SELECT (SELECT min(timestamp) FROM messages), (SELECT max(timestamp) FROM messages),
(SELECT count(*) FROM messages NOT INDEXED)"""
_COUNTS = """SELECT found.topic_id, count(*)
FROM (SELECT id, timestamp FROM messages INDEXED BY timestamp_idx) AS indexed
CROSS JOIN messages AS found ON found.id = indexed.id AND +found.timestamp = indexed.timestamp
GROUP BY found.topic_id"""
_MESSAGES = """SELECT timestamp, id, topic_id, data FROM messages
WHERE timestamp >= ? AND timestamp < ? AND topic_id IN ({}) ORDER BY timestamp, id"""
_DATA = "SELECT data FROM messages WHERE id = ?"
_DATA_ELSEWHERE = "SELECT data FROM messages WHERE +id = ?"
"""From row to row, not down the tree, which may lead astray."""

_LOST = "the database is damaged"


class SqliteFile:
    """A sqlite3 file, opened read-only.

    While nothing is wrong, its index on the time is used. From the first damage on, the rows that
    can be read are known one by one.

    Args:
        path: Of whole pages; nothing beside it (WAL, journal) is looked at.
        name: Stands before what is said about the file.

    Attributes:
        topics: By name.
        start_ns: When the first message was recorded, nanoseconds since 1970.
        stop_ns: Just after the last one; equal to `start_ns` if there is none.
        faults: What is wrong with the file, as far as it has no time.

    Raises:
        UnreadableError: there is nothing of a recording in it.

    """

    def __init__(self, path: Path, name: str) -> None:
        address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        try:
            self._database = sqlite3.connect(address, uri=True, check_same_thread=False)
        except sqlite3.Error as error:
            raise UnreadableError(reason(error)) from error
        self._rows: Rows | None = None
        self.faults: list[Fault] = []
        try:
            self._open(name)
        except BaseException:
            self.close()
            raise

    def _open(self, name: str) -> None:
        self._described = read_topics(self._database)
        counts = self._count_plainly()
        if counts is None:
            counts = self._count_rows(name)
        self.topics: dict[str, Topic] = {}
        for number, topic in self._described.items():
            before = self.topics.get(topic.name, replace(topic, count=0))
            count = (before.count or 0) + counts.get(number, 0)
            self.topics[topic.name] = replace(before, count=count)
        for number in sorted(counts.keys() - self._described.keys()):
            text = f"{name}: the description of topic {number} is lost"
            self.faults.append(Fault(text, lost=counts[number]))

    def _count_plainly(self) -> Mapping[int, int] | None:
        """Messages by topic; None if the index does not lead to every one of them."""
        try:
            if self._database.execute(_INDEX).fetchall() != [("timestamp",)]:
                return None
            counts = dict(self._database.execute(_COUNTS).fetchall())
            first, last, total = self._database.execute(_SPAN).fetchone()
        except sqlite3.Error:
            return None
        if total != sum(counts.values()):
            return None
        if not counts:
            first, last = 0, -1
        if not all(isinstance(number, int) for number in (first, last, *counts)):
            return None
        if last - first > FAR_NS or last >= LAST_NS:
            return None
        self.start_ns, self.stop_ns = first, last + 1
        return counts

    def _count_rows(self, name: str) -> Mapping[int, int]:
        self._rows = Rows(self._database)
        self.start_ns, self.stop_ns = self._rows.span()
        self.faults += [
            Fault(f"{name}: {_LOST}", lost=gap.lost)
            for gap in self._rows.gaps
            if gap.time_ns is None
        ]
        if far := self._rows.far():
            self.faults.append(
                Fault(f"{name}: times of messages are weeks from the others", lost=far)
            )
        return self._rows.counts()

    def messages(self, kinds: Mapping[str, str], start_ns: int, stop_ns: int) -> Iterator[Item]:
        """Iterate over messages and faults in the order of their time.

        Args:
            kinds: Types of the wanted topics by name; others, also of another type, are left out.
            start_ns: The first ones have this time or a later one.
            stop_ns: The last ones have an earlier time.

        """
        start_ns, stop_ns = max(start_ns, self.start_ns), min(stop_ns, self.stop_ns)
        wanted = {
            number: topic.name
            for number, topic in self._described.items()
            if kinds.get(topic.name) == topic.type
        }
        done = start_ns, 0
        if self._rows is None:
            try:
                for time_ns, number, topic, data in self._select(wanted, start_ns, stop_ns):
                    if type(time_ns) is not int or type(data) is not bytes:
                        raise UnreadableError(_LOST)  # noqa: TRY301  # handled as SQLite's own
                    yield RecordedMessage(wanted[topic], time_ns, data)
                    done = time_ns, number
            except (sqlite3.Error, UnreadableError):
                self._rows = Rows(self._database)
            else:
                return
        gaps = _faults(self._rows.gaps, start_ns, stop_ns)
        others = self._one_by_one(self._rows, wanted, done, stop_ns)
        yield from heapq.merge(gaps, others, key=time_of)

    def _select(self, wanted: Mapping[int, str], start_ns: int, stop_ns: int) -> sqlite3.Cursor:
        query = _MESSAGES.format(", ".join("?" * len(wanted)))
        return self._database.execute(query, (start_ns, stop_ns, *wanted))

    def _one_by_one(
        self, rows: Rows, wanted: Mapping[int, str], done: tuple[int, int], stop_ns: int
    ) -> Iterator[Item]:
        """What comes behind a row, given by its time and number."""
        for row in rows.between(done[0], stop_ns):
            if (row.time_ns, row.number) > done and row.topic in wanted:
                data = self._data(row)
                if data is None:
                    yield Fault(_LOST, wanted[row.topic], row.time_ns, 1)
                else:
                    yield RecordedMessage(wanted[row.topic], row.time_ns, data)

    def _data(self, row: Row) -> bytes | None:
        for query in (_DATA, _DATA_ELSEWHERE):
            try:
                ((data,),) = self._database.execute(query, (row.number,))
            except (sqlite3.Error, ValueError):
                continue
            if isinstance(data, bytes):
                return data
        return None

    def close(self) -> None:
        """Release the file."""
        self._database.close()


def _faults(gaps: list[Gap], start_ns: int, stop_ns: int) -> list[Fault]:
    faults = [Fault(_LOST, "", gap.time_ns, gap.lost) for gap in gaps if gap.time_ns is not None]
    return sorted((f for f in faults if start_ns <= time_of(f) < stop_ns), key=time_of)
