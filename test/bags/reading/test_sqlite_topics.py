# SPDX-License-Identifier: Apache-2.0

import sqlite3
from contextlib import closing
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


_ENDLESS = "WITH RECURSIVE r(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM r) SELECT id"
_TOPICS = "CREATE TABLE topics(id, name, type)"
_MESSAGES = "CREATE TABLE messages(id, topic_id, timestamp, data)"


@pytest.mark.parametrize(
    "statements",
    [
        (_TOPICS, f"CREATE VIEW Messages AS {_ENDLESS}, 1 topic_id, 1 timestamp, 1 data FROM r"),
        (_MESSAGES, f"CREATE VIEW topics AS {_ENDLESS}, 'a' AS name, 'b' AS type FROM r"),
        (_TOPICS, f"{_MESSAGES[:-1]}, more AS (zeroblob(1000000000)))"),
        (_MESSAGES, "CREATE TABLE topics(id, name)"),
        (_TOPICS, "CREATE TABLE messages(id, topic_id, data)"),
        (_MESSAGES, "CREATE VIRTUAL TABLE topics USING fts5(id, name, type)"),
    ],
)
def test_what_is_no_plain_table_is_refused(tmp_path: Path, statements: tuple[str, ...]) -> None:
    database = sqlite3.connect(tmp_path / "bag.db3")
    for statement in statements:
        database.execute(statement)
    with pytest.raises(UnreadableError, match="it has no tables of a recording"):
        read_topics(database)


def test_definitions_in_a_view_are_not_read(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "bag.db3")
    columns = "'t' topic_type, 'ros2msg' encoding, 'x' encoded_message_definition"
    for statement in (
        _TOPICS,
        _MESSAGES,
        f"CREATE VIEW message_definitions AS {_ENDLESS}, {columns} FROM r",
        "INSERT INTO topics VALUES (1, '/a', 't')",
    ):
        database.execute(statement)
    assert read_topics(database) == {1: Topic("/a", "t")}


def test_damaged_names_of_columns_are_told(tmp_path: Path) -> None:
    path = tmp_path / "bag.db3"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE topics(id, name, type, offered_qos_profiles)")
        database.execute(_MESSAGES)
        database.execute("INSERT INTO topics VALUES (1, '/a', 't', '')")
        database.commit()
    path.write_bytes(path.read_bytes().replace(b"offered_qos_pr", b"offered_qos_p\x88"))
    with pytest.raises(UnreadableError, match="can't decode byte 0x88"):
        read_topics(sqlite3.connect(path))
