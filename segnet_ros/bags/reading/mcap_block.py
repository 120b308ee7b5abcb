# SPDX-License-Identifier: Apache-2.0
"""Messages that an mcap file keeps together: a chunk, or a run of messages outside of chunks."""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from operator import itemgetter
from typing import TYPE_CHECKING

from mcap.opcode import Opcode

from segnet_ros.bags.reading.byte_source import ByteSource, UnreadableError
from segnet_ros.bags.reading.mcap_chunk_data import decompress, decompress_cut
from segnet_ros.bags.reading.mcap_records import (
    CHUNK_HEAD_LENGTH,
    HEAD,
    MESSAGE,
    Entry,
    MessageIndex,
    parse_chunk_head,
    parse_message_index,
    records,
)
from segnet_ros.bags.reading.mcap_salvage import take_found, take_indexed

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

_COUNT = struct.Struct("<HI")


class Kind(Enum):
    """What a block is."""

    CHUNK = "chunk"
    CUT_CHUNK = "chunk at the end of a file that was cut off"
    RUN = "messages outside of chunks"


@dataclass(frozen=True, slots=True)
class Block:
    """Where messages are; there may be a hundred thousand of these.

    Attributes:
        kind: What it is.
        offset: Of its first record in the file.
        length: Of its records, with their heads.
        start_ns: Time of the first message.
        end_ns: Time of the last one.
        index_length: Of the message indexes behind it.
        packed_counts: See `counts`.
        doubtful: Whether there may be more in it than is counted.

    """

    kind: Kind
    offset: int
    length: int
    start_ns: int
    end_ns: int
    index_length: int = 0
    packed_counts: bytes | None = None
    doubtful: bool = False

    @property
    def counts(self) -> dict[int, int] | None:
        """Messages by channel; None if the file does not tell."""
        if self.packed_counts is None:
            return None
        return dict(_COUNT.iter_unpack(self.packed_counts))


def pack_counts(counts: Mapping[int, int]) -> bytes:
    """Store counts in little memory."""
    return b"".join(_COUNT.pack(channel, count) for channel, count in counts.items())


@dataclass(frozen=True)
class Loss:
    """Messages of a block that cannot be read.

    Attributes:
        reason: One sentence.
        time_ns: Of the first one, or when the block begins.
        channel: None if it is unknown.
        count: 0 if it is unknown.

    """

    reason: str
    time_ns: int
    channel: int | None = None
    count: int = 0


@dataclass(frozen=True)
class Content:
    """A block's messages.

    Attributes:
        data: What `entries` point into.
        entries: In the order of their time; equal times keep the file's order.
        losses: What is missing.

    """

    data: memoryview
    entries: Sequence[Entry]
    losses: Sequence[Loss] = ()


def read_block(source: ByteSource, block: Block, channels: Container[int]) -> Content:
    """Read whatever can be read of a block.

    Args:
        source: The file.
        block: Its place.
        channels: Those that the file has; others show that a message is damaged.

    """
    try:
        data, checked = block_data(source, block)
    except UnreadableError as error:
        return Content(memoryview(b""), (), list(_losses(source, block, (), str(error))))
    entries, reason = _plain_entries(data, block, channels)
    if reason or not (checked or _is_complete(entries, block)):
        reason = reason or "messages are missing in it"
        entries = _salvaged(source, block, data, channels)
    entries.sort(key=itemgetter(0))
    losses = list(_losses(source, block, entries, reason)) if reason else ()
    return Content(data, entries, losses)


def block_data(source: ByteSource, block: Block) -> tuple[memoryview, bool]:
    """The records inside a block, decompressed.

    Returns:
        The records, to be used before another block is read, and whether a checksum says that
        they are what was recorded.

    Raises:
        UnreadableError: they cannot be had.

    """
    content = source.borrow(block.offset, block.length)
    if block.kind is Kind.RUN:
        return content, False
    opcode, length = HEAD.unpack_from(content)
    head = parse_chunk_head(bytes(content[HEAD.size : HEAD.size + CHUNK_HEAD_LENGTH]))
    if opcode != Opcode.CHUNK or head.data_at + head.data_length != length:
        msg = "there is no chunk where one should be"
        raise UnreadableError(msg)
    begin = HEAD.size + head.data_at
    data = content[begin : begin + head.data_length]
    if block.kind is Kind.CUT_CHUNK:
        return decompress_cut(head, data), False
    return decompress(head, data)


def _plain_entries(
    data: memoryview, block: Block, channels: Container[int]
) -> tuple[list[Entry], str]:
    """The messages in the order of the file, up to the first that makes no sense and why."""
    entries: list[Entry] = []
    try:
        for opcode, begin, end in records(data):
            if opcode != Opcode.MESSAGE:
                continue
            content = begin + MESSAGE.size
            channel, _, time_ns, _ = MESSAGE.unpack_from(data, begin)
            entry = time_ns, channel, content, end
            if content > end or not _is_plausible(entry, block, channels):
                return entries, "a message in it has a wrong length, time or topic"
            entries.append(entry)
    except (UnreadableError, struct.error) as error:
        return entries, "" if block.kind is Kind.CUT_CHUNK else str(error)
    return entries, ""


def _is_plausible(entry: Entry, block: Block, channels: Container[int]) -> bool:
    return block.start_ns <= entry[0] <= block.end_ns and entry[1] in channels


def _is_complete(entries: Sequence[Entry], block: Block) -> bool:
    counts = block.counts
    return counts is None or counts == Counter(entry[1] for entry in entries)


def _salvaged(
    source: ByteSource, block: Block, data: memoryview, channels: Container[int]
) -> list[Entry]:
    def is_plausible(entry: Entry) -> bool:
        return _is_plausible(entry, block, channels)

    indexes = message_indexes(source, block)
    if block.counts == {index.channel: len(index.entries) for index in indexes}:
        return [entry for entry in take_indexed(data, indexes) if is_plausible(entry)]
    return take_found(data, is_plausible)


def _losses(
    source: ByteSource, block: Block, entries: Sequence[Entry], reason: str
) -> Iterator[Loss]:
    counts = block.counts
    if counts is None:
        yield Loss(reason, block.start_ns)
        return
    found = {(entry[1], entry[0]) for entry in entries}
    tally = Counter(entry[1] for entry in entries)
    times = {
        index.channel: [t for t, _ in index.entries if (index.channel, t) not in found]
        for index in message_indexes(source, block)
    }
    for channel, count in counts.items():
        if (lost := count - tally[channel]) > 0:
            first = min(times.get(channel) or (block.start_ns,))
            inside = block.start_ns <= first <= block.end_ns
            yield Loss(reason, first if inside else block.start_ns, channel, lost)


def message_indexes(source: ByteSource, block: Block) -> list[MessageIndex]:
    """The message indexes behind a chunk, as far as they can be read."""
    indexes = []
    try:
        data = source.read(block.offset + block.length, block.index_length)
        for opcode, begin, end in records(data):
            if opcode == Opcode.MESSAGE_INDEX:
                indexes.append(parse_message_index(data[begin:end]))
    except UnreadableError:
        pass
    return indexes
