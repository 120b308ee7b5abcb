# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import pytest
from mcap.opcode import Opcode

from segnet_ros.bags.reading.byte_source import open_bytes
from segnet_ros.bags.reading.mcap_record_finder import RecordFinder
from segnet_ros.bags.reading.mcap_records import HEAD, MESSAGE
from segnet_ros.bags.recorded import RecordedMessage


def finder(path: Path, content: bytes) -> RecordFinder:
    path.write_bytes(content)
    return RecordFinder(open_bytes(str(path)))


@pytest.fixture
def content(tmp_path: Path, drive: list[RecordedMessage], write_mcap) -> bytes:
    return write_mcap(tmp_path / "whole.mcap", drive).read_bytes()


@pytest.fixture
def plain(tmp_path: Path, drive: list[RecordedMessage], write_mcap) -> bytes:
    """Without chunks."""
    return write_mcap(tmp_path / "plain.mcap", drive, use_chunking=False).read_bytes()


def opcodes(found: RecordFinder) -> list[int]:
    position, seen = 8, []
    while record := found.at(position):
        opcode, position = record
        seen.append(opcode)
    return seen


def test_every_record_of_a_file_is_one(tmp_path: Path, content: bytes) -> None:
    seen = opcodes(finder(tmp_path / "a", content))
    assert seen[:2] == [Opcode.HEADER, Opcode.CHUNK]
    assert seen[-1] == Opcode.FOOTER
    assert seen.count(Opcode.CHUNK) == seen.count(Opcode.CHUNK_INDEX) > 5


def test_private_records_are_passed_over(tmp_path: Path, content: bytes) -> None:
    header_end = 8 + HEAD.size + HEAD.unpack_from(content, 8)[1]
    private = HEAD.pack(0x90, 3) + b"own"
    changed = content[:header_end] + private + content[header_end:]
    assert opcodes(finder(tmp_path / "a", changed))[:3] == [Opcode.HEADER, 0x90, Opcode.CHUNK]


@pytest.mark.parametrize("opcode", [0, 3, 4, 5, 7, 0x0F, 2])
def test_senseless_content_is_no_record(tmp_path: Path, content: bytes, opcode: int) -> None:
    changed = content[:8] + HEAD.pack(opcode, 7) + b"\xff" * 7 + content[24:]
    assert finder(tmp_path / "a", changed).at(8) is None


def test_what_reaches_beyond_the_end_is_a_record_only_if_a_chunk_was_cut(
    tmp_path: Path, content: bytes
) -> None:
    chunk = finder(tmp_path / "a", content).after(8)
    assert chunk is not None
    cut = finder(tmp_path / "b", content[: chunk + 2000])
    assert cut.at(chunk) == (Opcode.CHUNK, chunk + 2000)
    longer = content[: chunk + 1] + (2**30).to_bytes(8, "little") + content[chunk + 9 :]
    assert finder(tmp_path / "c", longer).at(chunk) is None


def test_next_chunk_is_found_in_garbage(tmp_path: Path, content: bytes) -> None:
    whole = finder(tmp_path / "a", content)
    first = whole.after(8)
    assert first is not None
    index = whole.after(first + 1)
    assert index is not None
    record = whole.at(index)
    assert record is not None
    assert record[0] == Opcode.MESSAGE_INDEX
    garbage = b"\6" * 500 + bytes(3_000_000) + b"\5\7" * 500
    assert finder(tmp_path / "b", garbage + content[first:]).after(1) == len(garbage)


def test_message_is_found_only_in_a_file_without_chunks(
    tmp_path: Path, plain: bytes, drive: list[RecordedMessage]
) -> None:
    found = finder(tmp_path / "a", plain)
    place = plain.index(drive[10].cdr) - HEAD.size - MESSAGE.size
    before = place - 5
    found.channels, found.last_ns = {1, 2, 3}, drive[9].time_ns
    assert found.after(before) == place
    found.channels = set()
    assert found.after(before) != place
    found.channels, found.last_ns = {1, 2, 3}, 0
    assert found.after(before) != place
    found.last_ns, found.has_chunks = drive[9].time_ns, True
    assert found.after(before) != place


def test_end_of_the_data_is_found_only_with_what_follows_it(tmp_path: Path, plain: bytes) -> None:
    end = HEAD.pack(Opcode.DATA_END, 4) + bytes(4)
    place = plain.rindex(end)
    changed = plain[:100] + end + plain[100 + len(end) :]
    found = finder(tmp_path / "a", changed)
    found.has_chunks = True
    assert found.after(90) == place


def test_many_ends_that_lead_nowhere_are_looked_at_once(tmp_path: Path) -> None:
    """Else every one of them would go through all that follow: hours for a megabyte."""
    ends = (HEAD.pack(Opcode.DATA_END, 4) + bytes(4)) * 40_000
    assert finder(tmp_path / "a", b"\0" + ends).after(0) is None


def test_message_index_is_known_by_its_length(tmp_path: Path, content: bytes) -> None:
    found = finder(tmp_path / "a", content)
    place = next(at for at in range(8, len(content)) if (found.at(at) or (0,))[0] == 7)
    length = int.from_bytes(content[place + 1 : place + 9], "little")
    inner = (length - 6).to_bytes(4, "little")
    assert content[place + 11 : place + 15] == inner
    other = content[: place + 11] + (length - 7).to_bytes(4, "little") + content[place + 15 :]
    assert finder(tmp_path / "b", other).at(place) is None


def test_schema_of_megabytes_is_none(tmp_path: Path) -> None:
    length = (1 << 20) + 1
    text = bytes(2) + 3 * (0).to_bytes(4, "little") + bytes(length - 14)
    schema = HEAD.pack(Opcode.SCHEMA, length) + text
    assert finder(tmp_path / "a", schema + HEAD.pack(0x80, 0)).at(0) is None
