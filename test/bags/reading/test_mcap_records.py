# SPDX-License-Identifier: Apache-2.0

import struct

import pytest
from mcap.data_stream import RecordBuilder
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk
from mcap.records import MessageIndex as WrittenIndex

from segnet_ros.bags.reading.byte_source import UnreadableError
from segnet_ros.bags.reading.mcap_records import (
    HEAD,
    ChunkHead,
    MessageIndex,
    parse,
    parse_chunk_head,
    parse_message_index,
    records,
)


def content(record: Channel | Chunk | WrittenIndex) -> bytes:
    builder = RecordBuilder()
    record.write(builder)
    return bytes(builder.end())[HEAD.size :]


def test_records_are_found_one_behind_the_other() -> None:
    data = HEAD.pack(5, 3) + b"abc" + HEAD.pack(9, 0) + HEAD.pack(7, 1) + b"d"
    found = [(opcode, data[begin:end]) for opcode, begin, end in records(data)]
    assert found == [(5, b"abc"), (9, b""), (7, b"d")]


@pytest.mark.parametrize(
    ("tail", "reason"),
    [(b"\x05\x00", "is cut off"), (HEAD.pack(5, 4) + b"abc", "beyond"), (b"\xff" * 9, "beyond")],
)
def test_incomplete_record_is_told_after_the_whole_ones(tail: bytes, reason: str) -> None:
    found = records(HEAD.pack(5, 3) + b"abc" + tail)
    assert next(found) == (5, 9, 12)
    with pytest.raises(UnreadableError, match=reason):
        next(found)


def test_library_parses_what_it_wrote() -> None:
    channel = Channel(3, "/image", "cdr", {"offered_qos_profiles": ""}, 2)
    assert parse(Channel.read, content(channel)) == channel
    assert Opcode.CHANNEL == 4


@pytest.mark.parametrize(
    "damaged", [b"", b"\1", b"\3\0\2\0\xff\xff\xff\xff", b"\0" * 4 + b"\2\0\0\0\xff\xff"]
)
def test_senseless_record_is_told(damaged: bytes) -> None:
    with pytest.raises(UnreadableError, match="a record makes no sense"):
        parse(Channel.read, damaged)


def test_chunk_head_says_where_the_data_are() -> None:
    chunk = content(Chunk("zstd", b"packed", 20, 10, 77, 1234))
    head = parse_chunk_head(chunk)
    assert head == ChunkHead(10, 20, 1234, 77, "zstd", 44, 6)
    assert chunk[head.data_at :] == b"packed"


@pytest.mark.parametrize("damaged", [b"", b"\0" * 30, b"\0" * 28 + b"\xff" * 30])
def test_senseless_chunk_head_is_told(damaged: bytes) -> None:
    with pytest.raises(UnreadableError, match="chunk's head makes no sense"):
        parse_chunk_head(damaged)


def test_message_index_gives_times_and_places() -> None:
    written = content(WrittenIndex(3, [(10, 0), (20, 99)]))
    assert parse_message_index(written) == MessageIndex(3, [(10, 0), (20, 99)])
    for damaged in (written[:-1], written[:3], struct.pack("<HI", 3, 15) + b"\0" * 15):
        with pytest.raises(UnreadableError, match="a message index"):
            parse_message_index(damaged)


@pytest.mark.parametrize("data", [bytes(9), b"\x00\x01" + bytes(8)])
def test_zeros_are_no_records(data: bytes) -> None:
    with pytest.raises(UnreadableError, match="a record in it has no kind"):
        list(records(data + b"\x05" + bytes(8)))
