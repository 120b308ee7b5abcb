# SPDX-License-Identifier: Apache-2.0

import random
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import fsspec
import pytest
import yaml
from mcap.writer import CompressionType, IndexType
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.message_types import typestore
from segnet_ros.bags.recorded import Fault, RecordedMessage, Topic
from segnet_ros.bags.recording import Recording

TYPES = {
    "/image": "sensor_msgs/msg/Image",
    "/imu": "sensor_msgs/msg/Imu",
    "/text": "std_msgs/msg/String",
}
SECOND = 1_000_000_000
PLUGINS = {"mcap": StoragePlugin.MCAP, "db3": StoragePlugin.SQLITE3}
Items = list[RecordedMessage | Fault]


def read(location: Path | str) -> tuple[Items, list[Fault]]:
    with Recording(str(location)) as recording:
        return list(recording.messages()), list(recording.faults)


def write_bag(
    folder: Path, messages: list[RecordedMessage], storage: str = "mcap",
    mode: CompressionMode = CompressionMode.NONE, version: int = 9,
) -> Path:  # fmt: skip
    writer = Writer(folder, version=version, storage_plugin=PLUGINS[storage])  # type: ignore[arg-type]
    writer.set_compression(mode, CompressionFormat.ZSTD)
    with writer:
        connections = {
            topic: writer.add_connection(topic, kind, typestore=typestore())
            for topic, kind in TYPES.items()
        }
        for message in messages:
            writer.write(connections[message.topic], message.time_ns, message.cdr)
    return folder


def change_metadata(folder: Path, **changes: Any) -> dict[str, Any]:
    path = folder / "metadata.yaml"
    metadata = yaml.safe_load(path.read_text())
    metadata["rosbag2_bagfile_information"] |= changes
    path.write_text(yaml.safe_dump(metadata))
    information: dict[str, Any] = metadata["rosbag2_bagfile_information"]
    return information


def split(folder: Path, in_time: list[RecordedMessage], write_mcap: Any) -> Path:
    """A recording of eleven files without metadata."""
    folder.mkdir()
    for number in range(11):
        write_mcap(folder / f"bag_{number}.mcap", in_time[number * 15 :][: 15 + number // 10 * 99])
    return folder


MODES = [CompressionMode.NONE, CompressionMode.FILE, CompressionMode.MESSAGE]


# Of the two, only MCAP compresses by itself.
@pytest.mark.parametrize(
    ("storage", "mode"),
    [*((plugin, mode) for plugin in PLUGINS for mode in MODES), ("mcap", CompressionMode.STORAGE)],
)
@pytest.mark.parametrize("version", [8, 9])
@pytest.mark.parametrize("bare", [False, True])
def test_recording_of_rosbags_is_read(
    tmp_path: Path, drive, in_time, storage: str, mode: CompressionMode, version: int, bare: bool
) -> None:
    folder = write_bag(tmp_path / "bag", drive, storage, mode, version)
    file = next(file for file in folder.iterdir() if file.name != "metadata.yaml")
    assert read(file if bare else folder) == (in_time, [])


def test_topics_can_be_copied_to_another_recording(tmp_path: Path, drive, write_mcap) -> None:
    with Recording(str(write_mcap(tmp_path / "bag.mcap", drive))) as recording:
        kind = TYPES["/image"]
        assert recording.topics["/image"] == Topic(
            "/image", kind, f"# {kind}", "ros2msg", f"RIHS01_{kind}", "- depth: 5", "cdr", 40
        )
        assert recording.location == str(tmp_path / "bag.mcap")


def test_definitions_that_were_not_recorded_are_known(tmp_path: Path, drive, write_db3) -> None:
    path = write_db3(tmp_path / "bag.db3", drive)
    database = sqlite3.connect(path)
    database.execute("DROP TABLE message_definitions")
    database.execute("ALTER TABLE topics DROP COLUMN type_description_hash")
    database.close()
    with Recording(str(path)) as recording:
        topic = recording.topics["/image"]
    assert topic.definition.startswith("std_msgs/Header header\n")
    assert "MSG: std_msgs/Header\n" in topic.definition
    assert topic.definition_format == "ros2msg"
    assert topic.type_hash.startswith("RIHS01_d31d41a9")


def test_qos_is_that_of_the_metadata_if_the_file_has_none(tmp_path: Path, drive, write_db3) -> None:
    folder = write_bag(tmp_path / "bag", drive, "db3")
    database = sqlite3.connect(folder / "bag.db3")
    database.execute("UPDATE topics SET offered_qos_profiles = ''")
    database.commit()
    database.close()
    topics = change_metadata(folder)["topics_with_message_count"]
    topics[0]["topic_metadata"]["offered_qos_profiles"] = [{"depth": 7}]
    change_metadata(folder, topics_with_message_count=topics)
    with Recording(str(folder)) as recording:
        assert recording.topics["/image"].qos == "- depth: 7\n"


def test_windows_give_everything_once(tmp_path: Path, drive, in_time, write_mcap) -> None:
    with Recording(str(write_mcap(tmp_path / "bag.mcap", drive))) as recording:
        start, stop = recording.start_ns, recording.stop_ns
        assert (start, stop) == (in_time[0].time_ns, in_time[-1].time_ns + 1)
        found = []
        for begin in range(start, stop, SECOND // 3):
            found += list(recording.messages(None, begin, begin + SECOND // 3))
        assert found == in_time
        images = list(recording.messages(["/image"], start + SECOND))
        assert images == [
            message
            for message in in_time
            if message.topic == "/image" and message.time_ns >= start + SECOND
        ]
        assert list(recording.messages(["/nothing"])) == []
        assert list(recording.messages([])) == []
        assert list(recording.messages(None, stop)) == []


def test_iterations_do_not_disturb_each_other(tmp_path: Path, drive, in_time, write_mcap) -> None:
    path = write_mcap(tmp_path / "bag.mcap", drive, compression=CompressionType.NONE)
    with Recording(str(path)) as recording:
        both = list(zip(recording.messages(), recording.messages(), strict=True))
    assert both == list(zip(in_time, in_time, strict=True))


def test_files_without_metadata_come_in_natural_order(tmp_path: Path, in_time, write_mcap) -> None:
    folder = split(tmp_path / "bag", in_time, write_mcap)
    assert read(folder) == (in_time, [])


def test_files_that_overlap_in_time_are_merged(tmp_path: Path, drive, in_time, write_mcap) -> None:
    write_mcap(tmp_path / "bag_0.mcap", drive[::2])
    write_mcap(tmp_path / "bag_1.mcap", drive[1::2])
    items, faults = read(tmp_path)
    assert Counter(items) == Counter(in_time)
    assert [item.time_ns for item in items] == [message.time_ns for message in in_time]
    assert faults == []


def test_storages_may_be_mixed(tmp_path: Path, in_time, write_mcap, write_db3) -> None:
    write_mcap(tmp_path / "bag_0.mcap", in_time[:80])
    write_db3(tmp_path / "bag_1.db3", in_time[80:])
    assert read(tmp_path) == (in_time, [])


@pytest.mark.parametrize("storage", PLUGINS)
def test_recording_in_a_store_is_read(tmp_path: Path, drive, in_time, storage: str) -> None:
    folder = write_bag(tmp_path / "bag", drive, storage)
    files = fsspec.filesystem("memory")
    for file in folder.iterdir():
        files.pipe_file(f"/recorded/{storage}/{file.name}", file.read_bytes())
    assert read(f"memory://recorded/{storage}") == (in_time, [])
    assert read(f"memory://recorded/{storage}/bag.{storage}") == (in_time, [])
    assert read(f"file://{folder}") == (in_time, [])


def test_missing_file_is_a_fault_with_its_counts(tmp_path: Path, in_time, write_mcap) -> None:
    folder = write_bag(tmp_path / "bag", in_time)
    change_metadata(folder, relative_file_paths=["bag_0.mcap", "bag_1.mcap"])
    (folder / "bag.mcap").unlink()
    write_mcap(folder / "bag_0.mcap", in_time[:100])
    items, faults = read(folder)
    assert items == in_time[:100]
    lost = Counter(message.topic for message in in_time[100:])
    assert faults[0] == Fault("bag_1.mcap is missing, which metadata.yaml names")
    assert {fault.topic: fault.lost for fault in faults[1:]} == lost


def test_empty_file_among_others_is_a_fault(tmp_path: Path, in_time, write_mcap) -> None:
    write_mcap(tmp_path / "bag_0.mcap", in_time)
    (tmp_path / "bag_1.mcap").touch()
    assert read(tmp_path) == (in_time, [Fault("bag_1.mcap cannot be read: it is empty")])


def test_damaged_metadata_is_a_fault(tmp_path: Path, drive, in_time) -> None:
    folder = write_bag(tmp_path / "bag", drive)
    (folder / "metadata.yaml").write_text("{")
    items, (fault,) = read(folder)
    assert items == in_time
    assert fault.reason.startswith("metadata.yaml is damaged: it is no YAML")


def test_second_type_of_a_topic_is_left_out(tmp_path: Path, in_time, write_mcap) -> None:
    write_mcap(tmp_path / "bag_0.mcap", in_time[:100])
    other = TYPES | {"/text": "std_msgs/msg/Bool"}
    write_mcap(tmp_path / "bag_1.mcap", in_time[100:], other)
    items, faults = read(tmp_path)
    left_out = [message for message in in_time[100:] if message.topic == "/text"]
    assert items == [message for message in in_time if message not in left_out]
    reason = "also recorded as std_msgs/msg/Bool, not only as std_msgs/msg/String"
    assert faults == [Fault(reason, "/text", lost=len(left_out))]


def test_message_whose_compression_is_damaged_is_a_fault(tmp_path: Path, in_time) -> None:
    folder = write_bag(tmp_path / "bag", in_time, "db3", CompressionMode.MESSAGE)
    database = sqlite3.connect(folder / "bag.db3")
    database.execute("UPDATE messages SET data = substr(data, 1, 20) WHERE id = 10")
    database.commit()
    database.close()
    items, _ = read(folder)
    lost = in_time[9]
    fault = Fault("the compressed message is damaged (it is cut off)", lost.topic, lost.time_ns, 1)
    assert [item for item in items if isinstance(item, Fault)] == [fault]
    assert len(items) == len(in_time)


def test_empty_recording_has_no_time(tmp_path: Path, write_mcap) -> None:
    with Recording(str(write_mcap(tmp_path / "bag.mcap", []))) as recording:
        assert (recording.start_ns, recording.stop_ns) == (0, 0)
        assert list(recording.messages()) == []
        assert {topic.count for topic in recording.topics.values()} == {0}


def test_nothing_is_left_behind(tmp_path: Path, drive, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = write_bag(tmp_path / "bag", drive, "db3", CompressionMode.FILE)
    recording = Recording(str(folder))
    next(recording.messages())
    assert len(list(tmp_path.iterdir())) == 2
    recording.close()
    recording.close()
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("bag.mcap", b"", "it is empty"),
        ("bag.mcap", b"no recording" * 99, "it does not begin as an mcap file does"),
        ("bag.mcap", b"\x89MCAP0\r\n", "it has no end"),
        ("bag.db3", b"no recording" * 99, "file is not a database"),
        ("bag.bag", b"#ROSBAG V2.0\n", "it is a ROS 1 recording"),
        ("bag.txt", b"no recording", "it is neither mcap nor sqlite3"),
        ("bag.mcap.zstd", b"no recording", "compressed data are damaged"),
    ],
)
def test_what_cannot_be_read_at_all_is_refused(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BagError, match=rf"{name} cannot be read .*{reason}.*; expected .*Repair"):
        Recording(str(tmp_path / name))


def test_wrong_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BagError, match="nowhere does not exist; expected"):
        Recording(str(tmp_path / "nowhere"))
    with pytest.raises(BagError, match="holds 0 entries, none of them recorded; expected"):
        Recording(str(tmp_path))


LAYOUTS: dict[str, dict[str, Any]] = {
    "zstd": {},
    "lz4": {"compression": CompressionType.LZ4},
    "none": {"compression": CompressionType.NONE},
    "no indexes": {"index_types": IndexType.NONE},
    "no message indexes": {"index_types": IndexType.CHUNK},
    "no channels": {"repeat_channels": False, "repeat_schemas": False},
    "no checksums": {"compression": CompressionType.NONE, "enable_crcs": False},
    "no chunks": {"use_chunking": False},
    "db3": {},
}
CHECKED = LAYOUTS.keys() - {"no checksums", "no chunks", "db3"}


def damaged(content: bytes, numbers: random.Random) -> bytes:
    """Content that was cut, or of which some bits or bytes are changed, gone or too many."""
    data = bytearray(content)
    begin = numbers.randrange(len(data))
    length = numbers.choice([1, 9, 500, 5000])
    change = numbers.randrange(6)
    if change == 0:
        del data[begin:]
    elif change == 1:
        data[begin] ^= 1 << numbers.randrange(8)
    elif change == 2:
        data[begin : begin + length] = bytes(len(data[begin : begin + length]))
    elif change == 3:
        data[begin : begin + length] = numbers.randbytes(len(data[begin : begin + length]))
    elif change == 4:
        data[begin:begin] = numbers.randbytes(length)
    else:
        del data[begin : begin + length]
    return bytes(data)


def assert_told(recording: Recording, items: Items, originals: Counter[RecordedMessage]) -> None:
    """Whatever is not what was recorded is told."""
    messages = Counter(item for item in items if isinstance(item, RecordedMessage))
    assert not messages - originals, "a message was altered"
    assert messages == originals or recording.faults or len(items) > messages.total()


def assert_windows_agree(recording: Recording, items: Items) -> None:
    found: Items = []
    for begin in range(recording.start_ns, recording.stop_ns, SECOND):
        found += list(recording.messages(None, begin, begin + SECOND))
    assert found == items
    images = [item for item in recording.messages(["/image"]) if item.topic == "/image"]
    assert images == [item for item in items if item.topic == "/image"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_damage_is_told_and_the_rest_is_read(
    tmp_path: Path, drive, write_mcap, write_db3, layout: str
) -> None:
    path = tmp_path / f"bag.{'db3' if layout == 'db3' else 'mcap'}"
    write = write_db3 if layout == "db3" else write_mcap
    content = write(path, drive, **LAYOUTS[layout]).read_bytes()
    originals = Counter(drive)
    opened = 0
    for seed in range(40):
        path.write_bytes(damaged(content, random.Random(f"{layout} {seed}")))
        try:
            recording = Recording(str(path))
        except BagError:
            continue
        with recording:
            opened += 1
            items = list(recording.messages())
            assert [item.time_ns for item in items] == sorted(item.time_ns or 0 for item in items)
            assert all(fault.time_ns is None for fault in recording.faults)
            if layout in CHECKED:
                assert_told(recording, items, originals)
            if recording.stop_ns - recording.start_ns < 100 * SECOND:
                assert_windows_agree(recording, items)
    assert opened > 25


@pytest.mark.parametrize("layout", LAYOUTS)
def test_cut_recording_is_read_up_to_the_cut(
    tmp_path: Path, drive, write_mcap, write_db3, layout: str
) -> None:
    path = tmp_path / f"bag.{'db3' if layout == 'db3' else 'mcap'}"
    write = write_db3 if layout == "db3" else write_mcap
    content = write(path, drive, **LAYOUTS[layout]).read_bytes()
    originals = Counter(drive)
    shares = []
    for size in range(0, len(content), 2711):
        path.write_bytes(content[:size])
        try:
            recording = Recording(str(path))
        except BagError:
            shares.append(0.0)
            continue
        with recording:
            items = list(recording.messages())
            assert_told(recording, items, originals)
            shares.append(sum(isinstance(item, RecordedMessage) for item in items) / len(drive))
    assert shares == sorted(shares)
    assert sum(shares) / len(shares) > (0.3 if layout == "db3" else 0.4)  # its topics take half
