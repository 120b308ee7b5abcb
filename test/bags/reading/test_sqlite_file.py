# SPDX-License-Identifier: Apache-2.0

import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from segnet_ros.bags.reading.byte_source import UnreadableError
from segnet_ros.bags.reading.in_time import Item
from segnet_ros.bags.reading.sqlite_file import SqliteFile
from segnet_ros.bags.recorded import Fault, RecordedMessage

FOREVER = 2**63 - 1
KINDS = {
    "/image": "sensor_msgs/msg/Image",
    "/imu": "sensor_msgs/msg/Imu",
    "/text": "std_msgs/msg/String",
}
PAGE = 4096


def everything(file: SqliteFile) -> list[Item]:
    return list(file.messages(KINDS, 0, FOREVER))


@pytest.fixture
def path(tmp_path: Path, drive: list[RecordedMessage], write_db3) -> Path:
    return write_db3(tmp_path / "bag.db3", drive)


def change(path: Path, statement: str) -> None:
    database = sqlite3.connect(path)
    database.execute(statement)
    database.commit()
    database.close()


def test_messages_come_in_the_order_of_their_time(path: Path, drive, in_time) -> None:
    file = SqliteFile(path, "bag.db3")
    assert everything(file) == in_time
    assert (file.start_ns, file.stop_ns) == (in_time[0].time_ns, in_time[-1].time_ns + 1)
    assert file.faults == []
    assert {name: topic.count for name, topic in file.topics.items()} == Counter(
        message.topic for message in drive
    )
    file.close()


def test_any_window_and_topic_can_be_asked_for(path: Path, in_time) -> None:
    file = SqliteFile(path, "bag.db3")
    start, stop = in_time[30].time_ns, in_time[90].time_ns
    wanted = [m for m in in_time if m.topic == "/imu" and start <= m.time_ns < stop]
    assert list(file.messages({"/imu": KINDS["/imu"]}, start, stop)) == wanted
    assert list(file.messages({"/imu": "other_msgs/msg/Imu"}, start, stop)) == []
    assert list(file.messages({}, start, stop)) == []


def test_nothing_is_written_beside_it(path: Path) -> None:
    path.chmod(0o400)
    path.parent.chmod(0o500)
    everything(SqliteFile(path, "bag.db3"))
    path.parent.chmod(0o700)
    assert [file.name for file in path.parent.iterdir()] == ["bag.db3"]


def test_file_without_an_index_is_read(path: Path, in_time) -> None:
    change(path, "DROP INDEX timestamp_idx")
    assert everything(SqliteFile(path, "bag.db3")) == in_time


def test_index_that_contradicts_the_messages_is_not_used(path: Path, in_time) -> None:
    data = bytearray(path.read_bytes())
    wanted = in_time[100].time_ns.to_bytes(8, "big")
    index_leaf = 10
    (place,) = [
        place
        for place in range(len(data))
        if data[place : place + 8] == wanted and data[place // PAGE * PAGE] == index_leaf
    ]
    data[place + 7] ^= 1
    path.write_bytes(data)
    assert everything(SqliteFile(path, "bag.db3")) == in_time


@pytest.mark.parametrize("page", range(4, 20, 3))
def test_damaged_page_is_a_fault_at_its_time(path: Path, in_time, page: int) -> None:
    data = bytearray(path.read_bytes())
    data[page * PAGE : (page + 1) * PAGE] = bytes(PAGE)
    path.write_bytes(data)
    file = SqliteFile(path, "bag.db3")
    items = everything(file)
    messages = [item for item in items if isinstance(item, RecordedMessage)]
    faults = [item for item in items if isinstance(item, Fault)]
    assert [item.time_ns for item in items] == sorted(item.time_ns or 0 for item in items)
    assert set(messages) <= set(in_time)
    lost = len(in_time) - len(messages)
    assert sum(fault.lost for fault in faults) == lost
    middle = in_time[len(in_time) // 2].time_ns
    halves = [*file.messages(KINDS, 0, middle), *file.messages(KINDS, middle, FOREVER)]
    assert halves == items


def test_message_that_is_cut_off_is_a_fault_of_its_topic(tmp_path: Path, write_db3) -> None:
    big = [RecordedMessage("/image", 1000 + i, bytes([i]) * 20_000) for i in range(5)]
    path = write_db3(tmp_path / "bag.db3", big)
    data = bytearray(path.read_bytes())
    second = data.index(b"\1" * 3000, data.index(b"\1" * 3000) + 4096)  # its next page
    data[second // PAGE * PAGE : second // PAGE * PAGE + 4] = b"\xff" * 4
    path.write_bytes(data)
    items = everything(SqliteFile(path, "bag.db3"))
    fault = Fault("the database is damaged", "/image", 1001, 1)
    assert items == [big[0], fault, *big[2:]]


def test_wrong_time_does_not_make_the_file_years_long(path: Path, in_time) -> None:
    change(path, "UPDATE messages SET timestamp = 7 WHERE id = 100")
    file = SqliteFile(path, "bag.db3")
    assert (file.start_ns, file.stop_ns) == (in_time[0].time_ns, in_time[-1].time_ns + 1)
    assert len(everything(file)) == len(in_time) - 1
    assert file.faults == [Fault("bag.db3: times of messages are weeks from the others", lost=1)]


def test_lost_description_is_told_with_its_count(path: Path, in_time) -> None:
    change(path, "DELETE FROM topics WHERE name = '/imu'")
    file = SqliteFile(path, "bag.db3")
    assert file.faults == [Fault("bag.db3: the description of topic 2 is lost", lost=120)]
    assert everything(file) == [message for message in in_time if message.topic != "/imu"]


def test_topic_that_is_listed_twice_counts_once(path: Path, in_time) -> None:
    change(path, "INSERT INTO topics SELECT 9, name, type, 'cdr', '', '' FROM topics WHERE id = 1")
    change(path, "UPDATE messages SET topic_id = 9 WHERE topic_id = 1 AND id > 80")
    file = SqliteFile(path, "bag.db3")
    assert file.topics["/image"].count == 40
    assert everything(file) == in_time


def test_empty_recording_has_no_time(tmp_path: Path, write_db3) -> None:
    file = SqliteFile(write_db3(tmp_path / "empty.db3", []), "empty.db3")
    assert (file.start_ns, file.stop_ns, file.faults) == (0, 0, [])
    assert everything(file) == []


@pytest.mark.parametrize("content", [b"no database" * 500, b"SQLite format 3\0" + b"\1" * 90, b""])
def test_no_recording_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bag.db3").write_bytes(content)
    with pytest.raises(UnreadableError):
        SqliteFile(tmp_path / "bag.db3", "bag.db3")


@pytest.mark.parametrize("where", ["", " WHERE id = 4"], ids=["all", "one"])
def test_the_last_time_that_there_is_ends_no_reading(path: Path, where: str) -> None:
    change(path, f"UPDATE messages SET timestamp = 9223372036854775807{where}")
    file = SqliteFile(path, "bag.db3")
    assert file.stop_ns <= 2**63 - 1
    read = [item for item in everything(file) if isinstance(item, RecordedMessage)]
    assert len(read) == (0 if not where else sum(t.count or 0 for t in file.topics.values()) - 1)
    assert any("weeks from the others" in fault.reason for fault in file.faults)
