# SPDX-License-Identifier: Apache-2.0

import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from segnet_ros.bags.reading.sqlite_rows import Gap, Row, Rows
from segnet_ros.bags.recorded import RecordedMessage

_LEAF = 13
PAGE = 4096


def damaged(path: Path, *pages: int) -> sqlite3.Connection:
    """The database, with pages overwritten."""
    data = bytearray(path.read_bytes())
    for page in pages:
        data[page * PAGE : (page + 1) * PAGE] = b"\xff" * PAGE
    path.write_bytes(data)
    return sqlite3.connect(path)


def message_pages(path: Path) -> list[int]:
    """Pages that hold messages, in the order of the file; the topics' hold words only."""
    data = path.read_bytes()
    pages = range(len(data) // PAGE)
    return [p for p in pages if data[p * PAGE] == _LEAF and data[p * PAGE :][:PAGE].count(0) < 900]


@pytest.fixture
def path(tmp_path: Path, drive: list[RecordedMessage], write_db3) -> Path:
    return write_db3(tmp_path / "bag.db3", drive)


def test_rows_come_in_the_order_of_their_time(path: Path, drive, in_time) -> None:
    rows = Rows(sqlite3.connect(path))
    assert rows.gaps == []
    assert rows.counts() == Counter({1: 40, 2: 120, 3: 8})
    assert rows.span() == (in_time[0].time_ns, in_time[-1].time_ns + 1)
    assert rows.far() == 0
    found = list(rows.between(*rows.span()))
    assert [row.time_ns for row in found] == [message.time_ns for message in in_time]
    assert [row.number for row in found] == [drive.index(message) + 1 for message in in_time]
    start, stop = in_time[20].time_ns, in_time[40].time_ns
    assert [row.time_ns for row in rows.between(start, stop)] == [
        message.time_ns for message in in_time if start <= message.time_ns < stop
    ]


def test_rows_of_a_damaged_page_are_a_gap(path: Path, drive) -> None:
    page = message_pages(path)[5]
    rows = Rows(damaged(path, page))
    found = {row.number for row in rows.between(*rows.span())}
    lost = sorted(set(range(1, len(drive) + 1)) - found)
    assert len(lost) > 1
    assert lost == list(range(lost[0], lost[-1] + 1))
    # The index still tells when they were recorded.
    first = min(drive[number - 1].time_ns for number in lost)
    assert rows.gaps == [Gap(first, len(lost))]


def test_several_gaps_are_told_apart(path: Path, drive) -> None:
    pages = message_pages(path)
    rows = Rows(damaged(path, pages[3], pages[8]))
    found = list(rows.between(*rows.span()))
    assert len(rows.gaps) == 2
    assert len(found) + sum(gap.lost for gap in rows.gaps) == len(drive)


def test_row_without_a_time_is_a_gap(path: Path, drive) -> None:
    database = sqlite3.connect(path)
    database.execute("UPDATE messages SET timestamp = 'noon' WHERE id = 50")
    rows = Rows(database)
    assert rows.gaps == [Gap(drive[48].time_ns, 1)]
    assert Row(drive[50].time_ns, 51, 2) in list(rows.between(*rows.span()))


def test_times_far_from_the_others_are_counted(path: Path, in_time) -> None:
    database = sqlite3.connect(path)
    database.execute("UPDATE messages SET timestamp = 7 WHERE id IN (100, 120)")
    rows = Rows(database)
    assert rows.far() == 2
    assert rows.span() == (in_time[0].time_ns, in_time[-1].time_ns + 1)


def test_no_rows_have_no_span(tmp_path: Path, write_db3) -> None:
    rows = Rows(sqlite3.connect(write_db3(tmp_path / "empty.db3", [])))
    assert (rows.span(), rows.far(), rows.gaps) == ((0, 0), 0, [])
    assert list(rows.between(0, 2**62)) == []
