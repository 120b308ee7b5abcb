# SPDX-License-Identifier: Apache-2.0
"""An mcap file's outline from its records, where there is no summary to rely on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mcap.opcode import Opcode
from mcap.records import Channel, Schema

from segnet_ros.bags.reading.byte_source import ByteSource, UnreadableError
from segnet_ros.bags.reading.mcap_block import Block, Kind, Loss, block_data, pack_counts
from segnet_ros.bags.reading.mcap_outline import Outline
from segnet_ros.bags.reading.mcap_record_finder import RecordFinder
from segnet_ros.bags.reading.mcap_records import (
    CHUNK_HEAD_LENGTH,
    HEAD,
    MAGIC,
    MESSAGE,
    MessageIndex,
    parse,
    parse_chunk_head,
    parse_message_index,
    records,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_RUN_LENGTH = 1 << 20


def scan(source: ByteSource) -> Outline:
    """Go through a file from record to record; chunks are decompressed only if need be.

    Where the records make no sense, the next one is looked for that does.
    """
    return _Scan(source).outline()


@dataclass
class _Tally:
    """Of some messages: counts by channel, and the times of the first and the last one."""

    counts: Counter[int]
    start_ns: int
    end_ns: int

    @property
    def span(self) -> tuple[int, int]:
        return self.start_ns, self.end_ns


def _tally(messages: Iterable[tuple[int, int]]) -> _Tally | None:
    """Of channels and times; None if there are none."""
    found = list(messages)
    if not found:
        return None
    times = [time_ns for _, time_ns in found]
    return _Tally(Counter(channel for channel, _ in found), min(times), max(times))


class _Scan:
    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._finder = RecordFinder(source)
        self._outline = Outline()
        self._chunk: tuple[int, int] | None = None
        self._indexes: list[MessageIndex] = []
        self._index_length = 0
        self._run: Block | None = None
        self._run_counts: Counter[int] = Counter()
        self._gap = ""

    def outline(self) -> Outline:
        """Do it."""
        begins_well = self._finder.content(0, len(MAGIC)) == MAGIC
        if not begins_well:
            self._outline.reasons.append("it does not begin as an mcap file does")
        ended = self._go_through(len(MAGIC) if begins_well else 0)
        if not ended:
            self._outline.reasons.append(
                "it has no end: it was cut off, or its recorder was stopped before it had written "
                "everything"
            )
        self._end_block(certain=ended)
        return self._outline

    def _go_through(self, position: int) -> bool:
        """Returns whether the end of the data was found."""
        while position < self._finder.size:
            record = self._finder.at(position)
            if record is None:
                following = self._finder.after(position + 1)
                if following is None:
                    return False
                self._leave_out(position, following)
                position = following
                continue
            opcode, end = record
            if opcode in (Opcode.DATA_END, Opcode.FOOTER):
                self._read_descriptions(end)
                return True
            self._take(opcode, position, end)
            position = end
        return False

    def _leave_out(self, begin: int, end: int) -> None:
        """Message indexes right behind the gap may be those of the chunk before it."""
        if self._gap or self._indexes or self._run:
            self._end_block(certain=False)
        self._gap = f"{end - begin} bytes at byte {begin} of the file make no sense"

    def _take(self, opcode: int, position: int, end: int) -> None:
        content = position + HEAD.size
        if opcode == Opcode.MESSAGE_INDEX:
            self._indexes.append(parse_message_index(self._finder.content(content, end)))
            self._index_length += end - position
        elif opcode == Opcode.CHUNK:
            self._end_block()
            self._chunk = position, end
            self._finder.has_chunks = True
        elif opcode == Opcode.MESSAGE:
            self._take_message(position, end)
        elif opcode in (Opcode.SCHEMA, Opcode.CHANNEL):
            self._describe(opcode, self._finder.content(content, end))

    def _take_message(self, position: int, end: int) -> None:
        head = self._finder.content(position + HEAD.size, position + HEAD.size + MESSAGE.size)
        channel, _, time_ns, _ = MESSAGE.unpack(head)
        run = self._run
        if run is None or run.offset + run.length != position or run.length > _RUN_LENGTH:
            self._end_block()
            run = Block(Kind.RUN, position, 0, time_ns, time_ns)
        start_ns, end_ns = min(run.start_ns, time_ns), max(run.end_ns, time_ns)
        self._run = Block(Kind.RUN, run.offset, end - run.offset, start_ns, end_ns)
        self._run_counts[channel] += 1
        self._finder.last_ns = time_ns

    def _describe(self, opcode: int, content: bytes) -> None:
        """The first description counts; they are repeated in the summary."""
        if opcode == Opcode.SCHEMA:
            schema = parse(Schema.read, content)
            self._outline.schemas.setdefault(schema.id, schema)
        else:
            channel = parse(Channel.read, content)
            self._outline.channels.setdefault(channel.id, channel)
            self._finder.channels.add(channel.id)

    def _read_descriptions(self, position: int) -> None:
        """From what there is of the summary."""
        while record := self._finder.at(position):
            opcode, end = record
            if opcode in (Opcode.SCHEMA, Opcode.CHANNEL):
                self._describe(opcode, self._finder.content(position + HEAD.size, end))
            position = end

    def _end_block(self, certain: bool = True) -> None:
        """Note what came before the current record.

        Args:
            certain: Whether all message indexes of a chunk were seen.

        """
        strange = self._indexes
        if self._chunk:
            strange = self._end_chunk(*self._chunk, certain and not self._gap)
        elif self._outline.blocks:
            strange = [index for index in strange if not _is_of(index, self._outline.blocks[-1])]
        if self._run:
            counts = pack_counts(self._run_counts)
            self._outline.blocks.append(replace(self._run, packed_counts=counts))
        if self._gap:
            self._end_gap(strange)
        self._chunk, self._run, self._gap = None, None, ""
        self._index_length = 0
        self._indexes = []
        self._run_counts.clear()

    def _end_chunk(self, begin: int, end: int, certain: bool) -> list[MessageIndex]:
        """Note a chunk; returns the message indexes that are not its own."""
        content = begin + HEAD.size
        head = parse_chunk_head(self._finder.content(content, content + CHUNK_HEAD_LENGTH))
        kind = Kind.CHUNK if content + head.data_at + head.data_length == end else Kind.CUT_CHUNK
        index_length = 0 if self._gap else self._index_length
        block = Block(kind, begin, end - begin, head.start_ns, head.end_ns, index_length)
        block = replace(block, doubtful=not certain)
        told = _tally(_indexed(self._indexes))
        if certain and self._tells_all(told, block):
            return self._note(block, told)
        try:
            found = self._look_into(block)
        except UnreadableError:
            return self._note(block, told)
        if found:
            self._note(block, found)
        return [
            index
            for index in self._indexes
            if not (found and _is_of(index, self._outline.blocks[-1]))
        ]

    def _tells_all(self, tally: _Tally | None, block: Block) -> bool:
        """Whether message indexes agree with their chunk's head, and its channels are known."""
        return (
            tally is not None
            and tally.counts.keys() <= self._finder.channels
            and tally.span == (block.start_ns, block.end_ns)
        )

    def _note(self, block: Block, tally: _Tally | None) -> list[MessageIndex]:
        if tally:
            counts = pack_counts(tally.counts)
            start_ns, end_ns = tally.span
            block = replace(block, start_ns=start_ns, end_ns=end_ns, packed_counts=counts)
        self._outline.blocks.append(block)
        self._finder.last_ns = block.end_ns
        return []

    def _look_into(self, block: Block) -> _Tally | None:
        data, _ = block_data(self._source, block)
        messages: list[tuple[int, int]] = []
        try:
            messages.extend(self._messages(data))  # keeps what came before an error
        except UnreadableError:
            if block.kind is not Kind.CUT_CHUNK:
                raise
        return _tally(messages)

    def _messages(self, data: memoryview) -> Iterator[tuple[int, int]]:
        """Channels and times; takes descriptions on the way."""
        for opcode, begin, end in records(data):
            if opcode == Opcode.MESSAGE and end - begin >= MESSAGE.size:
                channel, _, time_ns, _ = MESSAGE.unpack_from(data, begin)
                yield channel, time_ns
            elif opcode in (Opcode.SCHEMA, Opcode.CHANNEL):
                self._describe(opcode, bytes(data[begin:end]))

    def _end_gap(self, lost: Sequence[MessageIndex]) -> None:
        """Message indexes whose chunk is lost tell what was in it."""
        for index in lost:
            if index.entries:
                first = min(time_ns for time_ns, _ in index.entries)
                count = len(index.entries)
                self._outline.losses.append(Loss(self._gap, first, index.channel, count))
        last_ns = self._finder.last_ns
        if not lost and last_ns is None:
            self._outline.reasons.append(self._gap)
        elif not lost and last_ns is not None:
            self._outline.losses.append(Loss(self._gap, last_ns))


def _indexed(indexes: Sequence[MessageIndex]) -> Iterator[tuple[int, int]]:
    return ((index.channel, time_ns) for index in indexes for time_ns, _ in index.entries)


def _is_of(index: MessageIndex, block: Block) -> bool:
    counts = block.counts or {}
    return counts.get(index.channel) == len(index.entries) and all(
        block.start_ns <= time_ns <= block.end_ns for time_ns, _ in index.entries
    )
