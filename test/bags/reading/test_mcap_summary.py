# SPDX-License-Identifier: Apache-2.0

import struct
from collections import Counter
from pathlib import Path

import pytest
from mcap.writer import IndexType

from segnet_ros.bags.reading.byte_source import open_bytes
from segnet_ros.bags.reading.mcap_outline import Outline
from segnet_ros.bags.reading.mcap_summary import read_summary
from segnet_ros.bags.recorded import RecordedMessage


def summary(path: Path) -> Outline | None:
    return read_summary(open_bytes(str(path)))


def test_summary_tells_everything(tmp_path: Path, drive: list[RecordedMessage], write_mcap) -> None:
    outline = summary(write_mcap(tmp_path / "bag.mcap", drive))
    assert outline is not None
    topics = {number: channel.topic for number, channel in outline.channels.items()}
    assert sorted(topics.values()) == ["/image", "/imu", "/text"]
    assert outline.counts is not None
    counts = {topics[number]: count for number, count in outline.counts.items()}
    assert counts == Counter(message.topic for message in drive)
    assert len(outline.blocks) > 5
    assert min(b.start_ns for b in outline.blocks) == min(m.time_ns for m in drive)
    assert max(b.end_ns for b in outline.blocks) == max(m.time_ns for m in drive)
    assert outline.reasons == []


def test_counts_are_those_of_the_statistics_if_chunks_have_none(
    tmp_path: Path, drive: list[RecordedMessage], write_mcap
) -> None:
    outline = summary(write_mcap(tmp_path / "bag.mcap", drive, index_types=IndexType.CHUNK))
    assert outline is not None
    assert all(block.counts is None for block in outline.blocks)
    assert sum((outline.counts or {}).values()) == len(drive)


@pytest.mark.parametrize(
    "options",
    [
        {"index_types": IndexType.NONE, "use_statistics": False, "use_summary_offsets": False,
         "repeat_channels": False, "repeat_schemas": False},
        {"index_types": IndexType.NONE},
        {"index_types": IndexType.MESSAGE},
        {"repeat_channels": False},
        {"repeat_schemas": False},
        {"use_chunking": False},
    ],
    ids=str,
)  # fmt: skip
def test_incomplete_summary_is_not_used(
    tmp_path: Path, drive: list[RecordedMessage], write_mcap, options
) -> None:
    assert summary(write_mcap(tmp_path / "bag.mcap", drive, **options)) is None


def test_summary_of_an_empty_file_is_complete(tmp_path: Path, write_mcap) -> None:
    outline = summary(write_mcap(tmp_path / "bag.mcap", []))
    assert outline is not None
    assert (outline.blocks, len(outline.channels)) == ([], 3)


@pytest.mark.parametrize("place", [-1, -20, -28, -36, -300, -1000])
def test_damaged_summary_is_not_used(
    tmp_path: Path, drive: list[RecordedMessage], write_mcap, place: int
) -> None:
    path = write_mcap(tmp_path / "bag.mcap", drive)
    data = bytearray(path.read_bytes())
    data[place] ^= 0x10
    path.write_bytes(data)
    assert summary(path) is None


@pytest.mark.parametrize("size", [0, 8, 36, 37, 100, -1, -30, -500])
def test_file_that_ends_early_has_none(
    tmp_path: Path, drive: list[RecordedMessage], write_mcap, size: int
) -> None:
    path = write_mcap(tmp_path / "bag.mcap", drive)
    path.write_bytes(path.read_bytes()[:size])
    assert summary(path) is None


def test_summary_that_begins_elsewhere_is_not_used(
    tmp_path: Path, drive: list[RecordedMessage], write_mcap
) -> None:
    path = write_mcap(tmp_path / "bag.mcap", drive, enable_crcs=False)
    data = path.read_bytes()
    for start in (8, 2**40, len(data) - 60):
        path.write_bytes(data[:-28] + struct.pack("<Q", start) + data[-20:])
        assert summary(path) is None
