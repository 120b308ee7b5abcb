# SPDX-License-Identifier: Apache-2.0
"""Recordings that the tests of reading share."""

import random
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from mcap.writer import Writer

from segnet_ros.bags.recorded import RecordedMessage

START_NS = 1_700_000_000_000_000_000
TYPES = {
    "/image": "sensor_msgs/msg/Image",
    "/imu": "sensor_msgs/msg/Imu",
    "/text": "std_msgs/msg/String",
}
WriteMcap = Callable[..., Path]
WriteDb3 = Callable[[Path, Sequence[RecordedMessage]], Path]

_TABLES = """
CREATE TABLE schema(schema_version INTEGER PRIMARY KEY, ros_distro TEXT NOT NULL);
CREATE TABLE metadata(id INTEGER PRIMARY KEY, metadata_version INTEGER, metadata TEXT);
CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT, type TEXT, serialization_format TEXT,
  offered_qos_profiles TEXT, type_description_hash TEXT);
CREATE TABLE message_definitions(id INTEGER PRIMARY KEY, topic_type TEXT, encoding TEXT,
  encoded_message_definition TEXT, type_description_hash TEXT);
CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, timestamp INTEGER, data BLOB);
CREATE INDEX timestamp_idx ON messages (timestamp ASC);
"""


@pytest.fixture(scope="session")
def drive() -> list[RecordedMessage]:
    """Four seconds on three topics in the order of recording, which is not quite that of time."""
    numbers = random.Random(1)

    def message(topic: str, time_ns: int, size: int) -> RecordedMessage:
        return RecordedMessage(topic, time_ns, b"\0\1\0\0" + numbers.randbytes(size))

    messages = []
    for index in range(40):
        time_ns = START_NS + index * 100_000_000
        messages.append(message("/image", time_ns, 1000))
        messages += [
            message("/imu", time_ns + step + numbers.randrange(10**8), 40)
            for step in (0, 30_000_000, 60_000_000)
        ]
        if index % 5 == 0:
            messages.append(message("/text", time_ns, 20))
    return messages


@pytest.fixture(scope="session")
def in_time(drive: list[RecordedMessage]) -> list[RecordedMessage]:
    """The same in the order of time; equal times keep the order of recording."""
    return sorted(drive, key=lambda message: message.time_ns)


@pytest.fixture
def write_mcap() -> WriteMcap:
    """Writes an mcap file with chunks of about twenty messages; takes the options of `Writer`."""

    def write(
        path: Path,
        messages: Sequence[RecordedMessage],
        kinds: Mapping[str, str] = TYPES,
        **options: Any,
    ) -> Path:
        writer = Writer(str(path), **{"chunk_size": 6000, **options})
        writer.start("ros2", "test")
        channels = {}
        for topic, kind in kinds.items():
            schema = writer.register_schema(kind, "ros2msg", f"# {kind}".encode())
            metadata = {"offered_qos_profiles": "- depth: 5", "topic_type_hash": f"RIHS01_{kind}"}
            channels[topic] = writer.register_channel(topic, "cdr", schema, metadata)
        for number, message in enumerate(messages):
            time_ns = message.time_ns
            writer.add_message(channels[message.topic], time_ns, message.cdr, time_ns, number)
        writer.finish()
        return path

    return write


@pytest.fixture
def write_db3() -> WriteDb3:
    """Writes a sqlite3 file of the layout that rosbag2 has had since Iron."""

    def write(path: Path, messages: Sequence[RecordedMessage]) -> Path:
        database = sqlite3.connect(path)
        database.executescript(_TABLES)
        numbers = {topic: number for number, topic in enumerate(TYPES, 1)}
        for topic, kind in TYPES.items():
            row = (numbers[topic], topic, kind, "cdr", "- depth: 5", f"RIHS01_{kind}")
            database.execute("INSERT INTO topics VALUES (?, ?, ?, ?, ?, ?)", row)
            definition = (numbers[topic], kind, "ros2msg", f"# {kind}", f"RIHS01_{kind}")
            database.execute("INSERT INTO message_definitions VALUES (?, ?, ?, ?, ?)", definition)
        for message in messages:
            database.execute(
                "INSERT INTO messages (topic_id, timestamp, data) VALUES (?, ?, ?)",
                (numbers[message.topic], message.time_ns, message.cdr),
            )
        database.commit()
        database.close()
        return path

    return write
