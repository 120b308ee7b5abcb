# SPDX-License-Identifier: Apache-2.0
"""Recordings: MCAP, SQLite, either packed with zstd, and metadata.yaml."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from io import BytesIO
from typing import TYPE_CHECKING, Any

import yaml
import zstandard
from bag_mutation import mutated_db3, mutated_mcap, mutated_zstd
from mcap.writer import CompressionType, Writer
from target import Target
from value_mutation import mutated_yaml
from workplace import workplace

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.reading.bag_metadata import MetadataError, parse_metadata
from segnet_ros.bags.recorded import Fault, RecordedMessage
from segnet_ros.bags.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NEEDS = ("mcap", "zstandard", "lz4")

_START_NS = 1_700_000_000_000_000_000
_LONGEST_REASON = 2000
_TOPICS = {"/image": "sensor_msgs/msg/Image", "/imu": "sensor_msgs/msg/Imu"}
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


def _messages() -> Sequence[tuple[str, int, bytes]]:
    return [
        (
            topic,
            _START_NS + 50_000_000 * step,
            b"\0\1\0\0" + bytes([step]) * (10 if topic == "/imu" else 90),
        )
        for step in range(12)
        for topic in _TOPICS
    ]


def mcap_file(**options: Any) -> bytes:
    """Two topics in a few chunks."""
    target = BytesIO()
    writer = Writer(target, **{"chunk_size": 500, **options})
    writer.start("ros2", "test")
    channels = {}
    for topic, kind in _TOPICS.items():
        schema = writer.register_schema(kind, "ros2msg", b"uint8 x")
        channels[topic] = writer.register_channel(
            topic, "cdr", schema, {"offered_qos_profiles": "- depth: 5"}
        )
    for number, (topic, time_ns, content) in enumerate(_messages()):
        writer.add_message(channels[topic], time_ns, content, time_ns, number)
    writer.finish()
    return target.getvalue()


def db3_file() -> bytes:
    """The same as rosbag2 has kept it since Iron."""
    path = workplace("seed_db3") / "seed.db3"
    path.unlink(missing_ok=True)
    numbers = {topic: number for number, topic in enumerate(_TOPICS, 1)}
    with closing(sqlite3.connect(path)) as database:
        database.executescript(_TABLES)
        for topic, kind in _TOPICS.items():
            row = (numbers[topic], topic, kind, "cdr", "- depth: 5", "RIHS01_x")
            database.execute("INSERT INTO topics VALUES (?, ?, ?, ?, ?, ?)", row)
            definition = (numbers[topic], kind, "ros2msg", "uint8 x", "RIHS01_x")
            database.execute("INSERT INTO message_definitions VALUES (?, ?, ?, ?, ?)", definition)
        for topic, time_ns, content in _messages():
            row = (numbers[topic], time_ns, content)
            database.execute(
                "INSERT INTO messages (topic_id, timestamp, data) VALUES (?, ?, ?)", row
            )
        database.commit()
    return path.read_bytes()


def _read(location: Path) -> None:
    with Recording(str(location)) as recording:
        assert recording.start_ns <= recording.stop_ns
        before = recording.start_ns
        items = [*recording.faults, *recording.messages()]
        for item in items:
            if isinstance(item, Fault):
                assert len(item.reason.splitlines()) == 1, item.reason[:300]
                assert len(item.reason) < _LONGEST_REASON, item.reason[:300]
            if isinstance(item, RecordedMessage):
                assert item.topic in recording.topics
                assert before <= item.time_ns < recording.stop_ns
                before = item.time_ns


def _read_file(name: str, case: bytes) -> None:
    path = workplace(name.replace(".", "_")) / name
    path.write_bytes(case)
    _read(path)


def _read_folder(case: bytes) -> None:
    folder = workplace("bag")
    if not (folder / "bag_0.mcap.zstd").exists():
        (folder / "bag_0.mcap.zstd").write_bytes(zstandard.compress(mcap_file()))
        (folder / "bag_1.mcap").write_bytes(mcap_file())
    (folder / "metadata.yaml").write_bytes(case)
    _read(folder)
    try:
        parse_metadata(case.decode())
    except (MetadataError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise BagError(reason) from error  # the recording is read without it


def _metadata() -> Sequence[bytes]:
    stop_ns = max(time_ns for _, time_ns, _ in _messages())
    times = {
        "starting_time": {"nanoseconds_since_epoch": _START_NS},
        "duration": {"nanoseconds": stop_ns - _START_NS},
        "message_count": len(_messages()),
    }
    topics = [
        {
            "topic_metadata": {
                "name": name,
                "type": kind,
                "serialization_format": "cdr",
                "offered_qos_profiles": [],
            },
            "message_count": 2 * len(_messages()) // len(_TOPICS),
        }
        for name, kind in _TOPICS.items()
    ]
    names = ["bag_0.mcap.zstd", "bag_1.mcap"]
    facts = {
        "version": 9,
        "storage_identifier": "mcap",
        **times,
        "message_count": 2 * len(_messages()),
        "topics_with_message_count": topics,
        "compression_format": "zstd",
        "compression_mode": "FILE",
        "relative_file_paths": names,
        "files": [{"path": name, **times} for name in names],
    }
    return [yaml.safe_dump({"rosbag2_bagfile_information": facts}).encode()]


def _mcaps() -> Sequence[bytes]:
    return [
        mcap_file(),
        mcap_file(compression=CompressionType.LZ4),
        mcap_file(compression=CompressionType.NONE),
        mcap_file(use_chunking=False),
        mcap_file(use_summary_offsets=False, use_statistics=False),
    ]


def _packed() -> Sequence[bytes]:
    return [zstandard.compress(mcap_file()), zstandard.compress(db3_file())]


_REFUSALS = (BagError,)
# A chunk or message of `bounded_data.MOST_BYTES`, and a copy of it.
_MEMORY = 768 * 2**20

TARGETS = [
    Target(
        "bag_mcap",
        lambda case: _read_file("case.mcap", case),
        _REFUSALS,
        _mcaps,
        _MEMORY,
        mutate=mutated_mcap,
    ),
    Target(
        "bag_db3",
        lambda case: _read_file("case.db3", case),
        _REFUSALS,
        lambda: [db3_file()],
        _MEMORY,
        mutate=mutated_db3,
    ),
    Target(
        "bag_zstd",
        lambda case: _read_file("case.mcap.zstd", case),
        _REFUSALS,
        _packed,
        _MEMORY,
        mutate=mutated_zstd,
    ),
    Target("bag_metadata", _read_folder, _REFUSALS, _metadata, _MEMORY, mutate=mutated_yaml),
]
