# SPDX-License-Identifier: Apache-2.0
"""MCAP files: whole or absent, playable by themselves, the same bytes each time."""

import errno
import hashlib
import os
import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest
import yaml
from mcap.reader import make_reader
from rosbags.rosbag2 import Reader

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.recorded import RecordedMessage, Topic
from segnet_ros.bags.writing.new_topics import new_topic
from segnet_ros.bags.writing.segment_file import SegmentSummary, SegmentWriter

STRING = new_topic("/chatter", "std_msgs/msg/String")
LATCHED = new_topic("/info", "std_msgs/msg/String", latched=True)
UNKNOWN = Topic("/odd", "odd_msgs/msg/Odd")
TOPICS = [STRING, LATCHED, UNKNOWN]
METADATA = {"segnet_ros": {"model": "light", "sha256": "00ff"}}


def messages(count: int = 5, size: int = 1000) -> list[RecordedMessage]:
    return [
        RecordedMessage("/chatter", 100 + 10 * index, os.urandom(size)) for index in range(count)
    ]


def write(path: Path | str, items: Sequence[RecordedMessage]) -> SegmentSummary:
    with SegmentWriter(path, TOPICS, METADATA) as writer:
        for message in items:
            writer.write(message)
    return writer.summary()


def test_the_summary_tells_what_the_file_is(tmp_path: Path) -> None:
    summary = write(tmp_path / "a_0.mcap", messages())
    content = (tmp_path / "a_0.mcap").read_bytes()
    assert summary == SegmentSummary(
        "a_0.mcap",
        hashlib.sha256(content).hexdigest(),
        len(content),
        100,
        141,
        {"/chatter": 5, "/info": 0, "/odd": 0},
    )
    assert pickle.loads(pickle.dumps(summary)) == summary


def test_messages_come_back(tmp_path: Path) -> None:
    items = [*messages(), RecordedMessage("/odd", 150, b"\x00\x01\x00\x00x")]
    write(tmp_path / "a.mcap", items)
    with Reader(tmp_path / "a.mcap") as reader:
        found = [
            RecordedMessage(connection.topic, time, bytes(cdr))
            for connection, time, cdr in reader.messages()
        ]
        assert (reader.start_time, reader.end_time) == (100, 151)
    assert found == items


def test_large_files_have_several_chunks_whose_crcs_hold(tmp_path: Path) -> None:
    items = messages(9, 400_000)
    write(tmp_path / "a.mcap", items)
    with (tmp_path / "a.mcap").open("rb") as file:
        reader = make_reader(file, validate_crcs=True)
        assert [message.data for _, _, message in reader.iter_messages()] == [
            message.cdr for message in items
        ]
        summary = reader.get_summary()
    assert summary is not None
    assert len(summary.chunk_indexes) == 3
    assert {index.compression for index in summary.chunk_indexes} == {""}


def test_chunks_may_be_compressed(tmp_path: Path) -> None:
    items = [replace(message, cdr=bytes(400_000)) for message in messages(9)]
    plain, packed = tmp_path / "plain" / "a.mcap", tmp_path / "packed" / "a.mcap"
    for path, compressed in ((plain, False), (packed, True)):
        path.parent.mkdir()
        with SegmentWriter(path, TOPICS, {}, compressed) as writer:
            for message in items:
                writer.write(message)
    assert packed.stat().st_size < plain.stat().st_size / 10
    with Reader(plain) as left, Reader(packed) as right:
        assert [m[1:] for m in left.messages()] == [m[1:] for m in right.messages()]


def test_header_schemas_and_channels_are_rosbag2s(tmp_path: Path) -> None:
    write(tmp_path / "a.mcap", messages())
    with (tmp_path / "a.mcap").open("rb") as file:
        reader = make_reader(file)
        header, summary = reader.get_header(), reader.get_summary()
    assert (header.profile, header.library) == ("ros2", "segnet_ros")
    assert summary is not None
    schemas = [(item.name, item.encoding, item.data) for item in summary.schemas.values()]
    assert schemas == [
        ("std_msgs/msg/String", "ros2msg", b"string data\n"),
        ("odd_msgs/msg/Odd", "", b""),
    ]
    chatter, info, odd = summary.channels.values()
    assert (chatter.topic, chatter.message_encoding) == ("/chatter", "cdr")
    assert chatter.schema_id == info.schema_id != odd.schema_id
    assert chatter.metadata["topic_type_hash"] == STRING.type_hash
    assert yaml.safe_load(info.metadata["offered_qos_profiles"])[0]["durability"] == 1
    assert odd.metadata == {"offered_qos_profiles": "", "topic_type_hash": ""}


def test_metadata_records(tmp_path: Path) -> None:
    write(tmp_path / "a.mcap", messages())
    with (tmp_path / "a.mcap").open("rb") as file:
        records = {item.name: item.metadata for item in make_reader(file).iter_metadata()}
    assert records["segnet_ros"] == METADATA["segnet_ros"]
    description = yaml.safe_load(records["rosbag2"]["serialized_metadata"])
    assert description["message_count"] == 5
    assert description["duration"] == {"nanoseconds": 40}


def test_the_same_messages_give_the_same_bytes_under_any_name(tmp_path: Path) -> None:
    items = messages(5, 500_000)
    first = write(tmp_path / "a.mcap", items)
    second = write(str(tmp_path / "b.mcap"), items)
    assert first.sha256 == second.sha256
    assert write(tmp_path / "c.mcap", items[:-1]).sha256 != first.sha256


def test_a_file_without_messages_opens(tmp_path: Path) -> None:
    summary = write(tmp_path / "a.mcap", [])
    assert (summary.start_ns, summary.stop_ns) == (0, 0)
    with Reader(tmp_path / "a.mcap") as reader:
        assert reader.message_count == 0
        assert sorted(reader.topics) == ["/chatter", "/info", "/odd"]


def fail_midway(path: Path, items: Sequence[RecordedMessage]) -> None:
    with SegmentWriter(path, TOPICS, {}) as writer:
        for message in items:
            writer.write(message)
        assert list(path.parent.iterdir()) != []
        raise ZeroDivisionError


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        fail_midway(tmp_path / "a.mcap", messages())
    assert list(tmp_path.iterdir()) == []


def test_nothing_shows_before_the_end(tmp_path: Path) -> None:
    with SegmentWriter(tmp_path / "a.mcap", TOPICS, {}) as writer:
        for message in messages(5, 500_000):
            writer.write(message)
        assert not (tmp_path / "a.mcap").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a.mcap"]


def test_files_have_the_rights_of_other_files(tmp_path: Path) -> None:
    write(tmp_path / "a.mcap", [])
    (tmp_path / "b").touch()
    assert (tmp_path / "a.mcap").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_the_file_reaches_the_disk_before_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    monkeypatch.setattr(os, "fsync", lambda _: synced.append((tmp_path / "a.mcap").exists()))
    write(tmp_path / "a.mcap", messages())
    assert synced == [False]


def test_a_full_disk_is_one_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BagError, match=r"a\.mcap cannot be written \(No space left on device\)"):
        write(tmp_path / "a.mcap", messages())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_gone_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(BagError, match=r"a\.mcap cannot be written \(No such file or directory\)"):
        SegmentWriter(tmp_path / "none" / "a.mcap", TOPICS, {})


def test_an_unknown_topic_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BagError, match=r"message on /none; expected one of /chatter, /info, /odd"):
        write(tmp_path / "a.mcap", [RecordedMessage("/none", 1, b"")])
    assert list(tmp_path.iterdir()) == []


def test_a_url_gets_the_finished_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "local"))
    (tmp_path / "local").mkdir()
    items = messages()
    summary = write("memory://segment_file/a.mcap", items)
    assert summary == write(tmp_path / "a.mcap", items)
    stored = fsspec.filesystem("memory").cat_file("/segment_file/a.mcap")
    assert stored == (tmp_path / "a.mcap").read_bytes()
    assert list((tmp_path / "local").iterdir()) == []


def test_a_store_that_does_not_answer_is_one_error() -> None:
    with pytest.raises(BagError, match=r"nosuch://x/a\.mcap cannot be reached"):
        write("nosuch://x/a.mcap", messages())
