# SPDX-License-Identifier: Apache-2.0

import struct
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from mcap.writer import CompressionType

from segnet_ros.bags.reading.byte_source import UnreadableError, open_bytes
from segnet_ros.bags.reading.mcap_block import (
    Block,
    Content,
    Kind,
    Loss,
    block_data,
    message_indexes,
    pack_counts,
    read_block,
)
from segnet_ros.bags.reading.mcap_summary import read_summary
from segnet_ros.bags.recorded import RecordedMessage

CHANNELS = {1, 2, 3}
_CRC_AT = 9 + 24
_DATA_AT = 9 + 44


def block_of(path: Path) -> Block:
    """A chunk in the middle of a file."""
    outline = read_summary(open_bytes(str(path)))
    assert outline is not None
    return outline.blocks[3]


def read(path: Path, block: Block) -> Content:
    return read_block(open_bytes(str(path)), block, CHANNELS)


def damage(path: Path, place: int, content: bytes) -> None:
    data = bytearray(path.read_bytes())
    data[place : place + len(content)] = content
    path.write_bytes(data)


@pytest.fixture
def checked(tmp_path: Path, drive: list[RecordedMessage], write_mcap) -> Path:
    return write_mcap(tmp_path / "checked.mcap", drive)


@pytest.fixture
def unchecked(tmp_path: Path, drive: list[RecordedMessage], write_mcap) -> Path:
    """Without checksums and compression."""
    options = {"enable_crcs": False, "compression": CompressionType.NONE}
    return write_mcap(tmp_path / "unchecked.mcap", drive, **options)


def test_counts_survive_packing() -> None:
    block = Block(Kind.CHUNK, 0, 0, 0, 0, packed_counts=pack_counts({1: 5, 700: 2**31}))
    assert block.counts == {1: 5, 700: 2**31}
    assert replace(block, packed_counts=None).counts is None


def test_messages_come_in_the_order_of_their_time(
    checked: Path, drive: list[RecordedMessage]
) -> None:
    block = block_of(checked)
    content = read(checked, block)
    times = [entry[0] for entry in content.entries]
    assert times == sorted(times)
    assert (times[0], times[-1]) == (block.start_ns, block.end_ns)
    assert Counter(entry[1] for entry in content.entries) == block.counts
    found = {bytes(content.data[begin:end]) for _, _, begin, end in content.entries}
    assert len(found) == len(times)
    assert found <= {message.cdr for message in drive}
    assert content.losses == ()


def test_indexes_of_a_chunk_tell_its_messages(checked: Path) -> None:
    block = block_of(checked)
    indexes = message_indexes(open_bytes(str(checked)), block)
    assert {index.channel: len(index.entries) for index in indexes} == block.counts


@pytest.mark.parametrize(
    ("place", "content", "reason"),
    [
        (_CRC_AT, b"\1\2\3\4", "the chunk's checksum is wrong"),
        (_DATA_AT, b"\xff" * 8, "the chunk cannot be decompressed"),
        (0, b"\5", "there is no chunk where one should be"),
        (_DATA_AT - 8, b"\1", "there is no chunk where one should be"),
    ],
)
def test_damaged_chunk_is_lost_with_its_topics_times_and_counts(
    checked: Path, place: int, content: bytes, reason: str
) -> None:
    block = block_of(checked)
    before = read(checked, block)
    damage(checked, block.offset + place, content)
    after = read(checked, block)
    assert list(after.entries) == []
    assert {loss.channel: loss.count for loss in after.losses} == block.counts
    for loss in after.losses:
        assert reason in loss.reason
        assert loss.time_ns == min(t for t, c, _, _ in before.entries if c == loss.channel)


def test_counts_are_unknown_if_the_file_does_not_tell(checked: Path) -> None:
    block = replace(block_of(checked), packed_counts=None)
    damage(checked, block.offset + _CRC_AT, b"\1\2\3\4")
    (loss,) = read(checked, block).losses
    assert (loss.channel, loss.count, loss.time_ns) == (None, 0, block.start_ns)


def test_one_damaged_message_of_an_unchecked_chunk_is_lost(unchecked: Path) -> None:
    block = block_of(unchecked)
    before = read(unchecked, block)
    lost = before.entries[5]
    head = block.offset + 9 + 40 + lost[2] - 22
    damage(unchecked, head + 6, struct.pack("<Q", 7))
    after = read(unchecked, block)
    assert list(after.entries) == [entry for entry in before.entries if entry != lost]
    reason = "a message in it has a wrong length, time or topic"
    assert list(after.losses) == [Loss(reason, lost[0], lost[1], 1)]


def test_swallowed_message_is_missed(unchecked: Path) -> None:
    """A length that reaches exactly to the end of the next message makes sense by itself."""
    block = block_of(unchecked)
    before = sorted(read(unchecked, block).entries, key=lambda entry: entry[2])
    first, second = before[4:6]
    head = block.offset + 9 + 40 + first[2] - 31
    damage(unchecked, head + 1, struct.pack("<Q", second[3] - first[2] + 22))
    after = read(unchecked, block)
    assert sorted(after.entries) == sorted(entry for entry in before if entry != first)
    assert [(loss.time_ns, loss.count) for loss in after.losses] == [(first[0], 1)]


def test_block_beyond_the_end_is_lost(checked: Path) -> None:
    block = block_of(checked)
    checked.write_bytes(checked.read_bytes()[: block.offset + 100])
    assert {loss.reason for loss in read(checked, block).losses} == {"the file ends before it"}


def test_records_of_a_cut_chunk_end_where_they_end(unchecked: Path) -> None:
    block = block_of(unchecked)
    whole = read(unchecked, block)
    unchecked.write_bytes(unchecked.read_bytes()[: block.offset + 3000])
    content = read(unchecked, replace(block, kind=Kind.CUT_CHUNK, length=3000))
    assert 0 < len(content.entries) < len(whole.entries)
    assert set(content.entries) <= set(whole.entries)


def test_data_of_a_chunk_say_whether_they_are_checked(checked: Path, unchecked: Path) -> None:
    data, is_checked = block_data(open_bytes(str(checked)), block_of(checked))
    assert (bytes(data[:1]), is_checked) == (b"\5", True)
    assert block_data(open_bytes(str(unchecked)), block_of(unchecked))[1] is False
    with pytest.raises(UnreadableError):
        block_data(open_bytes(str(checked)), Block(Kind.CHUNK, 8, 50, 0, 0))
