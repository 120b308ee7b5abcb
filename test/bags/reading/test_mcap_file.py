# SPDX-License-Identifier: Apache-2.0

import random
from collections import Counter
from pathlib import Path

import pytest
from mcap.writer import CompressionType, IndexType

from segnet_ros.bags.reading.byte_source import LocalBytes, UnreadableError
from segnet_ros.bags.reading.in_time import Item
from segnet_ros.bags.reading.mcap_file import McapFile
from segnet_ros.bags.recorded import Fault, RecordedMessage, Topic

FOREVER = 2**63
KINDS = {
    "/image": "sensor_msgs/msg/Image",
    "/imu": "sensor_msgs/msg/Imu",
    "/text": "std_msgs/msg/String",
}
LAYOUTS = {
    "zstd": {},
    "lz4": {"compression": CompressionType.LZ4},
    "none": {"compression": CompressionType.NONE},
    "unchunked": {"use_chunking": False},
    "no message indexes": {"index_types": IndexType.CHUNK},
    "no summary": {"index_types": IndexType.MESSAGE, "use_statistics": False},
}


class Counting(LocalBytes):
    """Knows what was read of it."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.total = 0

    def read(self, offset: int, length: int) -> bytes:
        data = super().read(offset, length)
        self.total += len(data)
        return data

    def borrow(self, offset: int, length: int) -> memoryview:
        self.total += length
        return super().borrow(offset, length)


def opened(path: Path) -> McapFile:
    return McapFile(LocalBytes(str(path)), path.name)


def everything(file: McapFile) -> list[Item]:
    return list(file.messages(KINDS, 0, FOREVER))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_messages_come_in_the_order_of_their_time(
    tmp_path: Path, drive: list[RecordedMessage], in_time, write_mcap, layout: str
) -> None:
    file = opened(write_mcap(tmp_path / "bag.mcap", drive, **LAYOUTS[layout]))
    assert everything(file) == in_time
    assert (file.start_ns, file.stop_ns) == (in_time[0].time_ns, in_time[-1].time_ns + 1)
    assert file.faults == []
    assert {name: topic.count for name, topic in file.topics.items()} == Counter(
        message.topic for message in drive
    )
    file.close()


def test_topics_are_as_recorded(tmp_path: Path, drive, write_mcap) -> None:
    kind = "sensor_msgs/msg/Image"
    file = opened(write_mcap(tmp_path / "bag.mcap", drive))
    assert file.topics["/image"] == Topic(
        "/image", kind, f"# {kind}", "ros2msg", f"RIHS01_{kind}", "- depth: 5", "cdr", 40
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_window_and_topic_can_be_asked_for(
    tmp_path: Path, drive, in_time, write_mcap, layout: str
) -> None:
    file = opened(write_mcap(tmp_path / "bag.mcap", drive, **LAYOUTS[layout]))
    start, stop = in_time[30].time_ns, in_time[90].time_ns
    wanted = [m for m in in_time if m.topic == "/imu" and start <= m.time_ns < stop]
    assert len(wanted) > 20
    assert list(file.messages({"/imu": KINDS["/imu"]}, start, stop)) == wanted
    assert list(file.messages({"/imu": "other_msgs/msg/Imu"}, start, stop)) == []
    assert list(file.messages({}, start, stop)) == []


def test_window_costs_its_own_chunks_only(tmp_path: Path, in_time, write_mcap) -> None:
    source = Counting(write_mcap(tmp_path / "bag.mcap", in_time))
    file = McapFile(source, "bag.mcap")
    assert source.total < source.size / 10
    source.total = 0
    start = in_time[80].time_ns
    assert len(list(file.messages(KINDS, start, start + 200_000_000))) > 5
    assert 0 < source.total < source.size / 5


def test_chunks_without_a_wanted_topic_are_not_read(tmp_path: Path, in_time, write_mcap) -> None:
    sorted_by_topic = sorted(in_time, key=lambda message: message.topic)
    source = Counting(write_mcap(tmp_path / "bag.mcap", sorted_by_topic))
    file = McapFile(source, "bag.mcap")
    source.total = 0
    assert len(list(file.messages({"/text": KINDS["/text"]}, 0, FOREVER))) == 8
    assert 0 < source.total < source.size / 5


def test_damaged_chunk_is_one_fault_for_each_topic(
    tmp_path: Path, drive, in_time, write_mcap
) -> None:
    path = write_mcap(tmp_path / "bag.mcap", drive)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    file = opened(path)
    items = everything(file)
    faults = [item for item in items if isinstance(item, Fault)]
    messages = [item for item in items if isinstance(item, RecordedMessage)]
    lost = [message for message in in_time if message not in messages]
    assert {fault.topic: fault.lost for fault in faults} == Counter(m.topic for m in lost)
    for fault in faults:
        assert fault.time_ns == min(m.time_ns for m in lost if m.topic == fault.topic)
    assert [item.time_ns for item in items] == sorted(item.time_ns or 0 for item in items)
    middle = faults[0].time_ns or 0
    halves = [*file.messages(KINDS, 0, middle), *file.messages(KINDS, middle, FOREVER)]
    assert halves == items
    images = list(file.messages({"/image": KINDS["/image"]}, 0, FOREVER))
    assert images == [item for item in items if item.topic == "/image"]


def test_lost_chunk_is_told_at_its_time(tmp_path: Path, drive, write_mcap) -> None:
    path = write_mcap(tmp_path / "bag.mcap", drive, index_types=IndexType.MESSAGE)
    data = bytearray(path.read_bytes())
    half = len(data) // 2
    data[half : half + 7000] = random.Random(1).randbytes(7000)
    path.write_bytes(data)
    file = opened(path)
    items = everything(file)
    faults = [item for item in items if isinstance(item, Fault)]
    assert faults
    assert all(file.start_ns <= (fault.time_ns or 0) < file.stop_ns for fault in faults)
    assert any("make no sense" in fault.reason for fault in faults)


def test_cut_file_is_told_without_a_time(tmp_path: Path, drive, in_time, write_mcap) -> None:
    path = write_mcap(tmp_path / "bag.mcap", drive)
    path.write_bytes(path.read_bytes()[:30_000])
    file = opened(path)
    (fault,) = file.faults
    assert fault.reason.startswith("bag.mcap: it has no end")
    items = everything(file)
    assert len(items) > 50
    assert all(item in in_time for item in items)


def test_wrong_time_does_not_make_the_file_years_long(
    tmp_path: Path, drive, in_time, write_mcap
) -> None:
    early = [RecordedMessage("/imu", 5, b"\0\1\0\0") for _ in range(400)]
    file = opened(write_mcap(tmp_path / "bag.mcap", [*early, *drive]))
    assert (file.start_ns, file.stop_ns) == (in_time[0].time_ns, in_time[-1].time_ns + 1)
    assert everything(file) == in_time
    assert file.faults == [Fault("bag.mcap: times of messages are weeks from the others", lost=400)]


def test_second_type_of_a_topic_is_left_out(tmp_path: Path) -> None:
    from mcap.writer import Writer

    path = tmp_path / "bag.mcap"
    writer = Writer(str(path))
    writer.start("ros2", "test")
    for number, kind in enumerate(["std_msgs/msg/String", "std_msgs/msg/Bool"]):
        schema = writer.register_schema(kind, "ros2msg", b"x")
        channel = writer.register_channel("/text", "cdr", schema)
        writer.add_message(channel, number, b"\0\1\0\0", number)
    writer.finish()
    file = opened(path)
    kinds = {"/text": "std_msgs/msg/String"}
    assert [message.time_ns for message in file.messages(kinds, 0, FOREVER)] == [0]
    assert file.faults == [Fault("bag.mcap: recorded with a second type", "/text", lost=1)]


def test_no_mcap_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "bag.mcap").write_bytes(b"no recording" * 50)
    with pytest.raises(UnreadableError, match="does not begin as an mcap file does"):
        opened(tmp_path / "bag.mcap")
