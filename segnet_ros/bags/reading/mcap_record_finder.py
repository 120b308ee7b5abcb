# SPDX-License-Identifier: Apache-2.0
"""Which bytes of an mcap file are records, where not all of them are."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from mcap.opcode import Opcode
from mcap.records import Channel, Schema

from segnet_ros.bags.reading.byte_source import ByteSource, UnreadableError
from segnet_ros.bags.reading.mcap_records import (
    CHUNK_HEAD_LENGTH,
    HEAD,
    MAGIC,
    MESSAGE,
    MESSAGE_INDEX_HEAD,
    is_message_index,
    parse,
    parse_chunk_head,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_STEP = 1 << 20
_VIEW = 1 << 16
_LENGTHS: Mapping[int, int] = {Opcode.FOOTER: 20, Opcode.DATA_END: 4}
_PRIVATE = 0x80
_LONGEST_PARSED = 1 << 20
_MOST_DEAD_ENDS = 1 << 20
_LONGEST = 1 << 40
_NEAR_NS = 24 * 3600 * 1_000_000_000
_CANDIDATE = re.compile(rb"(?s)(?=[\x05-\x07\x0f].{5}\x00{3})")  # no record has a terabyte


_PARSED: Mapping[int, Callable[[bytes], object]] = {
    Opcode.SCHEMA: partial(parse, Schema.read),
    Opcode.CHANNEL: partial(parse, Channel.read),
}


class _View:
    """Small pieces of a file, read in larger ones."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._data = b""
        self._begin = 0

    def get(self, offset: int, length: int) -> bytes:
        begin = offset - self._begin
        if begin < 0 or begin + length > len(self._data):
            self._data = self._source.read(offset, max(length, _VIEW))
            self._begin, begin = offset, 0
        return self._data[begin : begin + length]


class RecordFinder:
    """Finds the records of a file.

    Attributes:
        size: Of the file.
        channels: Numbers known so far.
        has_chunks: Whether chunks were found so far; what looks like a message then is in a damaged
            one, where no checksum protects it any more.
        last_ns: Time of the last message known so far.

    """

    def __init__(self, source: ByteSource) -> None:
        self.size = source.size
        self.channels: set[int] = set()
        self.last_ns: int | None = None
        self.has_chunks = False
        self._source = source
        self._view = _View(source)
        self._dead_ends: set[int] = set()
        self._is_cut = source.read(max(0, source.size - len(MAGIC)), len(MAGIC)) != MAGIC

    def content(self, begin: int, end: int) -> bytes:
        """Bytes of the file."""
        return self._view.get(begin, end - begin)

    def at(self, position: int, strict: bool = False) -> tuple[int, int] | None:
        """The opcode and the end of the record at a position; None if there is none.

        Args:
            position: In the file.
            strict: Whether it has to be one whose content proves it.

        """
        head = self._view.get(position, HEAD.size)
        if len(head) < HEAD.size:
            return None
        opcode, length = HEAD.unpack(head)
        end = position + HEAD.size + length
        try:
            good = self._is_record(opcode, position + HEAD.size, end, strict)
        except UnreadableError:
            return None
        return (opcode, min(end, self.size)) if good else None

    def _is_record(self, opcode: int, begin: int, end: int, strict: bool) -> bool:
        if opcode == Opcode.CHUNK:  # may be cut off, for what there is of it can be read
            if end > self.size and not self._is_cut:
                return False
            head = parse_chunk_head(self._view.get(begin, CHUNK_HEAD_LENGTH))
            return head.data_at + head.data_length == end - begin and head.start_ns <= head.end_ns
        if end > self.size or opcode == 0 or (strict and opcode not in self._proved()):
            return False
        if opcode in _LENGTHS:
            right = end - begin == _LENGTHS[opcode]
            return right and (not strict or self._leads_to_footer(end))
        if opcode == Opcode.MESSAGE:
            return self._is_message(begin, end, strict) and self._leads(end)
        makes_sense = self._makes_sense(opcode, begin, end)
        return makes_sense and (opcode == Opcode.MESSAGE_INDEX or self._leads(end))

    def _makes_sense(self, opcode: int, begin: int, end: int) -> bool:
        if opcode == Opcode.MESSAGE_INDEX:
            return is_message_index(self._view.get(begin, MESSAGE_INDEX_HEAD), end - begin)
        if opcode in _PARSED and end - begin <= _LONGEST_PARSED:
            _PARSED[opcode](self.content(begin, end))
        return opcode not in _PARSED or end - begin <= _LONGEST_PARSED

    def _proved(self) -> tuple[int, ...]:
        """Records that nothing else looks like."""
        proved = Opcode.MESSAGE_INDEX, Opcode.DATA_END
        return proved if self.has_chunks else (*proved, Opcode.MESSAGE)

    def _is_message(self, begin: int, end: int, strict: bool) -> bool:
        if end - begin < MESSAGE.size:
            return False
        if not strict:
            return True
        channel, _, time_ns, _ = MESSAGE.unpack(self._view.get(begin, MESSAGE.size))
        near = self.last_ns is None or abs(time_ns - self.last_ns) < _NEAR_NS
        return near and channel in self.channels

    def _leads(self, position: int) -> bool:
        """Whether another record may follow."""
        following = self._view.get(position, HEAD.size)
        if len(following) < HEAD.size:
            return position == self.size or self._is_cut
        opcode, length = HEAD.unpack(following)
        known = 0 < opcode <= max(Opcode) or opcode >= _PRIVATE
        longest = _LONGEST if self._is_cut else self.size - position
        return known and bool(length < longest)

    def _leads_to_footer(self, position: int) -> bool:
        """Dead ends are remembered, or many ends before the same records would take ages."""
        walked = []
        while position not in self._dead_ends and (record := self.at(position)):
            walked.append(position)
            opcode, position = record
            if opcode == Opcode.FOOTER:
                return True
        self._dead_ends.update(walked[: _MOST_DEAD_ENDS - len(self._dead_ends)])
        return False

    def after(self, position: int) -> int | None:
        """Where the next record is that proves itself; None if there is none."""
        for begin in range(position, self.size, _STEP):
            data = self._source.read(begin, _STEP + HEAD.size)
            for match in _CANDIDATE.finditer(data):
                if self.at(begin + match.start(), strict=True):
                    return begin + match.start()
        return None
