# SPDX-License-Identifier: Apache-2.0
"""An mcap file's outline from the summary at its end."""

from __future__ import annotations

import struct
import zlib
from itertools import pairwise

from mcap.opcode import Opcode
from mcap.records import Channel, Footer, Schema, Statistics

from segnet_ros.bags.reading.byte_source import ByteSource, UnreadableError
from segnet_ros.bags.reading.mcap_block import Block, Kind, pack_counts
from segnet_ros.bags.reading.mcap_outline import Outline, total_counts
from segnet_ros.bags.reading.mcap_records import HEAD, MAGIC, parse, records

_FOOTER_LENGTH = 20
_LONGEST = 1 << 30
_TAIL = HEAD.size + _FOOTER_LENGTH + len(MAGIC)
_CHUNK_INDEX = struct.Struct("<QQQQI")
_INDEX_PLACE = struct.Struct("<HQ")
_INDEX_HEAD = HEAD.size + 6
_INDEX_ENTRY = 16


def read_summary(source: ByteSource) -> Outline | None:
    """Read a file's summary.

    Returns:
        None if there is none, or if it does not tell everything or is damaged: then the file has
        to be scanned.

    """
    try:
        return _read(source)
    except UnreadableError:
        return None


def _read(source: ByteSource) -> Outline | None:
    tail = source.read(source.size - _TAIL, _TAIL) if source.size > _TAIL else b""
    if not tail.endswith(MAGIC) or HEAD.unpack_from(tail) != (Opcode.FOOTER, _FOOTER_LENGTH):
        return None
    footer = parse(Footer.read, tail[HEAD.size :])
    length = source.size - _TAIL - footer.summary_start
    if not footer.summary_start or not 0 <= length < _LONGEST:
        return None
    data = source.read(footer.summary_start, length)
    checked = data + tail[: HEAD.size + _FOOTER_LENGTH - 4]
    if footer.summary_crc and zlib.crc32(checked) != footer.summary_crc:
        return None
    outline, statistics = _parse(data)
    outline.stated = statistics.channel_message_counts if statistics else None
    return outline if _tells_everything(outline, statistics, footer.summary_start) else None


def _parse(data: bytes) -> tuple[Outline, Statistics | None]:
    outline = Outline()
    statistics = None
    for opcode, begin, end in records(data):
        content = data[begin:end]
        if opcode == Opcode.SCHEMA:
            schema = parse(Schema.read, content)
            outline.schemas[schema.id] = schema
        elif opcode == Opcode.CHANNEL:
            channel = parse(Channel.read, content)
            outline.channels[channel.id] = channel
        elif opcode == Opcode.CHUNK_INDEX:
            outline.blocks.append(_block(content))
        elif opcode == Opcode.STATISTICS:
            statistics = parse(Statistics.read, content)
    outline.blocks.sort(key=lambda block: block.offset)
    return outline, statistics


def _block(content: bytes) -> Block:
    """The mcap library takes ten times as long for this record, of which there are many."""
    try:
        start_ns, end_ns, offset, length, places_length = _CHUNK_INDEX.unpack_from(content)
        places_end = _CHUNK_INDEX.size + places_length
        places = list(_INDEX_PLACE.iter_unpack(content[_CHUNK_INDEX.size : places_end]))
        (index_length,) = struct.unpack_from("<Q", content, places_end)
        counts = _counts(places, offset + length + index_length)
        return Block(Kind.CHUNK, offset, length, start_ns, end_ns, index_length, counts)
    except struct.error as error:
        msg = "a chunk index makes no sense"
        raise UnreadableError(msg) from error


def _counts(places: list[tuple[int, int]], end: int) -> bytes | None:
    """From the lengths of the message indexes, which lie one behind the other."""
    if not places:
        return None
    ordered = sorted((offset, channel) for channel, offset in places)
    stops = [offset for offset, _ in ordered[1:]] + [end]
    counts = {}
    for (offset, channel), stop in zip(ordered, stops, strict=True):
        counts[channel], rest = divmod(stop - offset - _INDEX_HEAD, _INDEX_ENTRY)
        if rest:
            msg = "a message index has an impossible length"
            raise UnreadableError(msg)
    return pack_counts(counts)


def _tells_everything(outline: Outline, statistics: Statistics | None, data_end: int) -> bool:
    if not _are_described(outline) or not _are_apart(outline.blocks, data_end):
        return False
    counts = total_counts(outline.blocks)
    if statistics is None:
        return bool(outline.blocks)
    return statistics.chunk_count == len(outline.blocks) and (
        counts is None or sum(counts.values()) == statistics.message_count
    )


def _are_described(outline: Outline) -> bool:
    counts = total_counts(outline.blocks) or {}
    if outline.blocks and not outline.channels:
        return False
    return counts.keys() <= outline.channels.keys() and all(
        channel.schema_id == 0 or channel.schema_id in outline.schemas
        for channel in outline.channels.values()
    )


def _are_apart(blocks: list[Block], data_end: int) -> bool:
    spans = [(block.offset, block.offset + block.length + block.index_length) for block in blocks]
    spans = [(0, len(MAGIC)), *spans, (data_end, data_end)]
    return all(end <= begin for (_, end), (begin, _) in pairwise(spans)) and all(
        block.start_ns <= block.end_ns for block in blocks
    )
