# SPDX-License-Identifier: Apache-2.0

import sqlite3
from pathlib import Path

import pytest

from segnet_ros.bags.reading.byte_source import UnreadableError
from segnet_ros.bags.reading.sqlite_topics import read_topics
from segnet_ros.bags.recorded import Topic

KIND = "sensor_msgs/msg/Image"


def test_topics_are_as_recorded(tmp_path: Path, write_db3) -> None:
    topics = read_topics(sqlite3.connect(write_db3(tmp_path / "bag.db3", [])))
    assert list(topics) == [1, 2, 3]
    assert topics[1] == Topic(
        "/image", KIND, f"# {KIND}", "ros2msg", f"RIHS01_{KIND}", "- depth: 5", "cdr"
    )


@pytest.mark.parametrize(
    ("columns", "row", "topic"),
    [
        ("", (), Topic("/image", KIND)),
        (", offered_qos_profiles TEXT", ("- depth: 1",), Topic("/image", KIND, qos="- depth: 1")),
    ],
)
def test_older_layouts_tell_less(
    tmp_path: Path, columns: str, row: tuple[str, ...], topic: Topic
) -> None:
    database = sqlite3.connect(tmp_path / "bag.db3")
    database.execute(f"CREATE TABLE topics(id, name, type, serialization_format{columns})")
    database.execute("CREATE TABLE messages(id, topic_id, timestamp, data)")
    marks = ", ".join("?" * (4 + len(row)))
    database.execute(f"INSERT INTO topics VALUES ({marks})", (7, "/image", KIND, "cdr", *row))
    assert read_topics(database) == {7: topic}


def test_other_database_is_refused(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "bag.db3")
    database.execute("CREATE TABLE holidays(id)")
    with pytest.raises(UnreadableError, match="it has no tables of a recording"):
        read_topics(database)


def test_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bag.db3").write_bytes(b"no database" * 500)
    with pytest.raises(UnreadableError, match="file is not a database"):
        read_topics(sqlite3.connect(tmp_path / "bag.db3"))
