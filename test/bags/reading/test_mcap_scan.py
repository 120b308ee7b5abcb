# SPDX-License-Identifier: Apache-2.0

import random
from pathlib import Path

import pytest
from mcap.writer import CompressionType, IndexType

from segnet_ros.bags.reading.byte_source import open_bytes
from segnet_ros.bags.reading.mcap_block import Kind
from segnet_ros.bags.reading.mcap_outline import Outline
from segnet_ros.bags.reading.mcap_scan import scan
from segnet_ros.bags.reading.mcap_summary import read_summary
from segnet_ros.bags.recorded import RecordedMessage

NO_SUMMARY = {
    "index_types": IndexType.NONE,
    "repeat_channels": False,
    "repeat_schemas": False,
    "use_statistics": False,
    "use_summary_offsets": False,
}


def outline_of(path: Path) -> Outline:
    return scan(open_bytes(str(path)))


@pytest.fixture
def path(tmp_path: Path, drive: list[RecordedMessage], write_mcap) -> Path:
    return write_mcap(tmp_path / "bag.mcap", drive)


def cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def damage(path: Path, begin: int, end: int) -> None:
    data = bytearray(path.read_bytes())
    data[begin:end] = random.Random(1).randbytes(end - begin)
    path.write_bytes(data)


def test_scan_finds_what_the_summary_tells(path: Path) -> None:
    told, found = read_summary(open_bytes(str(path))), outline_of(path)
    assert told is not None
    assert found.blocks == told.blocks
    assert found.channels == told.channels
    assert found.schemas == told.schemas
    assert (found.losses, found.reasons) == ([], [])


def test_chunks_without_indexes_are_looked_into(
    tmp_path: Path, path: Path, drive: list[RecordedMessage], write_mcap
) -> None:
    plain = outline_of(write_mcap(tmp_path / "plain.mcap", drive, **NO_SUMMARY))
    full = outline_of(path)
    assert [block.counts for block in plain.blocks] == [block.counts for block in full.blocks]
    assert [block.start_ns for block in plain.blocks] == [block.start_ns for block in full.blocks]
    assert plain.channels == full.channels
    assert plain.reasons == []


def test_messages_outside_of_chunks_are_taken_together(
    tmp_path: Path, drive: list[RecordedMessage], write_mcap
) -> None:
    outline = outline_of(write_mcap(tmp_path / "plain.mcap", drive, use_chunking=False))
    assert {block.kind for block in outline.blocks} == {Kind.RUN}
    assert len(outline.blocks) < 5
    assert sum((outline.counts or {}).values()) == len(drive)
    assert min(block.start_ns for block in outline.blocks) == min(m.time_ns for m in drive)
    assert outline.reasons == []


def test_cut_file_has_the_chunks_before_the_cut_and_the_begin_of_the_last(path: Path) -> None:
    whole = outline_of(path)
    block = whole.blocks[4]
    cut(path, block.offset + block.length - 10)
    outline = outline_of(path)
    assert outline.blocks[:4] == whole.blocks[:4]
    assert len(outline.blocks) <= 5
    assert "it has no end" in outline.reasons[0]


def test_cut_behind_a_chunk_costs_its_indexes_only(path: Path) -> None:
    whole = outline_of(path)
    block = whole.blocks[4]
    cut(path, block.offset + block.length + 5)
    last = outline_of(path).blocks[-1]
    assert last.counts == block.counts
    assert (last.start_ns, last.end_ns) == (block.start_ns, block.end_ns)


def test_cut_summary_costs_nothing(path: Path) -> None:
    whole = outline_of(path)
    cut(path, -1)
    outline = outline_of(path)
    assert outline.blocks == whole.blocks
    assert outline.reasons == []


def test_indexes_of_a_lost_chunk_tell_what_is_lost(path: Path) -> None:
    whole = outline_of(path)
    block = whole.blocks[2]
    damage(path, block.offset, block.offset + block.length)
    outline = outline_of(path)
    assert [b.offset for b in outline.blocks] == [b.offset for b in whole.blocks if b != block]
    assert {loss.channel: loss.count for loss in outline.losses} == block.counts
    assert min(loss.time_ns for loss in outline.losses) == block.start_ns
    assert f"{block.length} bytes at byte {block.offset} of the file" in outline.losses[0].reason


def test_loss_without_indexes_is_told_at_the_time_before_it(path: Path) -> None:
    whole = outline_of(path)
    block, following = whole.blocks[2:4]
    damage(path, block.offset, following.offset)
    outline = outline_of(path)
    assert [b.offset for b in outline.blocks] == [b.offset for b in whole.blocks if b != block]
    (loss,) = outline.losses
    assert (loss.time_ns, loss.channel, loss.count) == (whole.blocks[1].end_ns, None, 0)


def test_damage_before_the_first_chunk_has_no_time(path: Path) -> None:
    damage(path, 0, 20)
    outline = outline_of(path)
    assert outline.reasons[0] == "it does not begin as an mcap file does"
    assert outline.losses == []
    assert sum((outline.counts or {}).values()) > 0


def test_wrong_times_of_a_chunk_are_corrected(path: Path) -> None:
    whole = outline_of(path)
    data = bytearray(path.read_bytes())
    data[whole.blocks[2].offset + 9 + 15] ^= 0x40  # the highest byte of its end
    path.write_bytes(data)
    assert outline_of(path).blocks == whole.blocks


def test_message_inside_a_damaged_chunk_is_not_taken_for_one_outside(
    tmp_path: Path, drive: list[RecordedMessage], write_mcap
) -> None:
    options = {**NO_SUMMARY, "compression": CompressionType.NONE}
    path = write_mcap(tmp_path / "plain.mcap", drive, **options)
    block = outline_of(path).blocks[2]
    damage(path, block.offset, block.offset + 30)
    assert {b.kind for b in outline_of(path).blocks} == {Kind.CHUNK}


def test_next_message_outside_of_chunks_is_found(
    tmp_path: Path, drive: list[RecordedMessage], write_mcap
) -> None:
    path = write_mcap(tmp_path / "plain.mcap", drive, use_chunking=False)
    data = path.read_bytes()
    place = data.index(drive[20].cdr) - 31
    path.write_bytes(data[: place + 1] + b"\xff" * 8 + data[place + 9 :])
    outline = outline_of(path)
    # The message before is not taken, for its length may be the one that is wrong.
    assert sum((outline.counts or {}).values()) == len(drive) - 2
    assert [loss.time_ns for loss in outline.losses] == [drive[18].time_ns]


@pytest.mark.parametrize("content", [b"", b"\x89MCAP0\r\n", b"\0" * 5000, b"no recording" * 500])
def test_nothing_gives_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "nothing.mcap"
    path.write_bytes(content)
    outline = outline_of(path)
    assert (outline.blocks, outline.channels) == ([], {})
    assert outline.reasons
