# SPDX-License-Identifier: Apache-2.0
"""SQLite files."""

import errno
import os
import sqlite3
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml
from rosbags.rosbag2 import StoragePlugin, Writer

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.recorded import RecordedMessage
from segnet_ros.bags.writing.new_topics import new_topic
from segnet_ros.bags.writing.sqlite_writer import SqliteWriter

TOPIC = new_topic("/chatter", "std_msgs/msg/String")
MESSAGES = [RecordedMessage("/chatter", 10 * index, bytes([index])) for index in range(1, 4)]


def write(folder: Path) -> Path:
    with SqliteWriter(folder, [TOPIC]) as writer:
        for message in MESSAGES:
            writer.write(message)
    part = writer.summary()
    assert (part.name, part.start_ns, part.stop_ns) == (f"{folder.name}.db3", 10, 31)
    assert part.counts == {"/chatter": 3}
    return folder / part.name


def rows(file: Path, query: str) -> list[Any]:
    connection = sqlite3.connect(file)
    found = connection.execute(query).fetchall()
    connection.close()
    return found


def test_the_tables_are_rosbag2s(tmp_path: Path) -> None:
    file = write(tmp_path / "bag")
    assert rows(file, "SELECT name, type, serialization_format FROM topics") == [
        ("/chatter", "std_msgs/msg/String", "cdr")
    ]
    assert rows(file, "SELECT topic_id, timestamp, data FROM messages ORDER BY id") == [
        (1, message.time_ns, message.cdr) for message in MESSAGES
    ]
    ((qos,),) = rows(file, "SELECT offered_qos_profiles FROM topics")
    assert yaml.safe_load(qos)[0]["durability"] == 2
    assert rows(file, "SELECT encoding, encoded_message_definition FROM message_definitions") == [
        ("ros2msg", "string data\n")
    ]


def test_what_jazzy_reads_of_a_bare_file_is_no_null(tmp_path: Path) -> None:
    ((text,),) = rows(write(tmp_path / "bag"), "SELECT metadata FROM metadata")
    metadata = yaml.safe_load(text)
    assert isinstance(metadata["custom_data"], dict)
    assert metadata["message_count"] == 3


def test_the_same_messages_give_the_same_bytes(tmp_path: Path) -> None:
    first = write(tmp_path / "a" / "bag")
    assert write(tmp_path / "b" / "bag").read_bytes() == first.read_bytes()


def fail_with(error: Exception) -> Any:
    def fail(*_: object) -> NoReturn:
        raise error

    return fail


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.OperationalError("database or disk is full"),
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
    ],
)
@pytest.mark.parametrize("method", ["write", "close"])
def test_a_full_disk_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, method: str
) -> None:
    storage = Writer.STORAGE_PLUGINS[StoragePlugin.SQLITE3]
    monkeypatch.setattr(storage, method, fail_with(error))
    with pytest.raises(BagError, match=r"bag cannot be written \(.*(full|No space)"):
        write(tmp_path / "bag")
