# SPDX-License-Identifier: Apache-2.0
"""The records of an mcap file, as bytes."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError

from segnet_ros.bags.reading.byte_source import UnreadableError, reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAGIC = b"\x89MCAP0\r\n"

HEAD = struct.Struct("<BQ")
"""Opcode and length of what follows."""

MESSAGE = struct.Struct("<HIQQ")
"""Channel, sequence number, log time and publish time; the message itself follows."""

Entry = tuple[int, int, int, int]
"""A message among some bytes: log time, channel, and where it begins and ends."""

_CHUNK_TIMES = struct.Struct("<QQQI")
_INDEX = struct.Struct("<HI")
_INDEX_ENTRY = struct.Struct("<QQ")

Parsed = TypeVar("Parsed")


class ChunkHead(NamedTuple):
    """What stands before a chunk's data.

    Attributes:
        start_ns: Time of the first message.
        end_ns: Time of the last one.
        size: Of the decompressed data.
        crc: Of the decompressed data; 0 if it was not computed.
        compression: "", "lz4" or "zstd".
        data_at: Where the data begin, from the begin of the record's content.
        data_length: Bytes of the compressed data.

    """

    start_ns: int
    end_ns: int
    size: int
    crc: int
    compression: str
    data_at: int
    data_length: int


CHUNK_HEAD_LENGTH = 64
"""Enough bytes for every `ChunkHead`."""


def records(data: bytes | memoryview) -> Iterator[tuple[int, int, int]]:
    """Iterate over the records that some bytes consist of.

    Yields:
        Opcode, and where the content begins and ends.

    Raises:
        UnreadableError: one reaches beyond the end, or is none: zeros, of which little zstd makes
            millions.

    """
    position = 0
    while position < len(data):
        if position + HEAD.size > len(data):
            msg = "a record in it is cut off"
            raise UnreadableError(msg)
        opcode, length = HEAD.unpack_from(data, position)
        begin = position + HEAD.size
        position = begin + length
        if position > len(data):
            msg = "a record in it reaches beyond its end"
            raise UnreadableError(msg)
        if not opcode:
            msg = "a record in it has no kind"
            raise UnreadableError(msg)
        yield opcode, begin, position


def parse(read: Callable[[ReadDataStream], Parsed], content: bytes) -> Parsed:
    """Parse a record's content with the mcap library, `Channel.read` for instance.

    Raises:
        UnreadableError: the content makes no sense.

    """
    try:
        return read(ReadDataStream(BytesIO(content)))
    except (McapError, struct.error, ValueError) as error:
        msg = f"a record makes no sense ({reason(error)})"
        raise UnreadableError(msg) from error


def parse_chunk_head(content: bytes) -> ChunkHead:
    """Parse the first bytes of a chunk's content.

    Raises:
        UnreadableError: they make no sense.

    """
    try:
        start_ns, end_ns, size, crc = _CHUNK_TIMES.unpack_from(content)
        position = _CHUNK_TIMES.size
        (length,) = struct.unpack_from("<I", content, position)
        position += 4
        compression = content[position : position + length].decode("ascii")
        (data_length,) = struct.unpack_from("<Q", content, position + length)
    except (struct.error, UnicodeDecodeError) as error:
        msg = "a chunk's head makes no sense"
        raise UnreadableError(msg) from error
    data_at = position + length + 8
    return ChunkHead(start_ns, end_ns, size, crc, compression, data_at, data_length)


class MessageIndex(NamedTuple):
    """The messages that a chunk has of a channel.

    Attributes:
        channel: Its number.
        entries: Log time, and place among the chunk's decompressed data.

    """

    channel: int
    entries: list[tuple[int, int]]


MESSAGE_INDEX_HEAD = _INDEX.size
"""Bytes that `is_message_index` looks at."""


def is_message_index(head: bytes, length: int) -> bool:
    """Whether a record of that length can be a message index, by its first bytes."""
    _, entries = _INDEX.unpack_from(head.ljust(_INDEX.size, b"\0"))
    return bool(entries == length - _INDEX.size and entries % _INDEX_ENTRY.size == 0)


def parse_message_index(content: bytes) -> MessageIndex:
    """Parse a record's content.

    Raises:
        UnreadableError: it makes no sense.

    """
    try:
        channel, length = _INDEX.unpack_from(content)
        entries = content[_INDEX.size :]
        if length != len(entries):
            msg = "a message index has a wrong length"
            raise UnreadableError(msg)
        return MessageIndex(channel, list(_INDEX_ENTRY.iter_unpack(entries)))
    except struct.error as error:
        msg = "a message index makes no sense"
        raise UnreadableError(msg) from error
