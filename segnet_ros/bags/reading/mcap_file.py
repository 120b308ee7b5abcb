# SPDX-License-Identifier: Apache-2.0
"""One mcap file of a recording."""

from __future__ import annotations

from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING

from segnet_ros.bags.reading.byte_source import ByteSource, UnreadableError
from segnet_ros.bags.reading.in_time import FAR_NS, Item, Source, merge, plausible_span, time_of
from segnet_ros.bags.reading.mcap_block import Block, Loss, read_block
from segnet_ros.bags.reading.mcap_scan import scan
from segnet_ros.bags.reading.mcap_summary import read_summary
from segnet_ros.bags.reading.mcap_topics import described_topics, topics_by_name
from segnet_ros.bags.recorded import Fault, RecordedMessage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mcap.records import Channel


class McapFile:
    """An mcap file, read chunk by chunk.

    Args:
        source: Its bytes; closed with the file.
        name: Stands before what is said about the file.

    Attributes:
        topics: By name.
        start_ns: When the first message was recorded, nanoseconds since 1970.
        stop_ns: Just after the last one; equal to `start_ns` if there is none.
        faults: What is wrong with the file, as far as it has no time.

    Raises:
        UnreadableError: there is nothing of an mcap file in it.

    """

    def __init__(self, source: ByteSource, name: str) -> None:
        self._source = source
        outline = read_summary(source) or scan(source)
        if outline.reasons and not outline.channels:
            raise UnreadableError(outline.reasons[0])
        self._blocks = sorted(outline.blocks, key=attrgetter("start_ns", "offset"))
        counts = outline.counts
        described = described_topics(outline.channels, outline.schemas)
        self._names = {number: topic.name for number, topic in described.items()}
        self._channels = {*outline.channels, *(counts or {})}
        self.topics = topics_by_name(described, counts)
        self.start_ns, self.stop_ns = self._span(outline.losses)
        self._faults = [self._fault(loss) for loss in outline.losses]
        self.faults = [Fault(f"{name}: {reason}") for reason in outline.reasons]
        self.faults += self._unnamed(name, counts or {}, outline.channels)
        self.faults += self._far(name)

    def _span(self, losses: Sequence[Loss]) -> tuple[int, int]:
        groups = [[loss.time_ns] for loss in losses] + [self._times(b) for b in self._blocks]
        if not groups:
            return 0, 0
        first, last = plausible_span(groups)
        return first, last + 1

    def _times(self, block: Block) -> list[int]:
        """The first and the last one; all of them where they are implausibly far apart."""
        if block.end_ns - block.start_ns <= FAR_NS:
            return [block.start_ns, block.end_ns]
        content = read_block(self._source, block, self._channels)
        return [entry[0] for entry in content.entries] or [block.start_ns]

    def _far(self, name: str) -> Iterator[Fault]:
        outside = [
            block
            for block in self._blocks
            if block.start_ns < self.start_ns or block.end_ns >= self.stop_ns
        ]
        if outside:
            lost = sum(self._count_outside(block) for block in outside)
            yield Fault(f"{name}: times of messages are weeks from the others", lost=lost)

    def _count_outside(self, block: Block) -> int:
        if block.end_ns < self.start_ns or block.start_ns >= self.stop_ns:
            return sum((block.counts or {}).values())
        return sum(not self.start_ns <= time_ns < self.stop_ns for time_ns in self._times(block))

    def _unnamed(
        self, name: str, counts: Mapping[int, int], channels: Mapping[int, Channel]
    ) -> Iterator[Fault]:
        for number in sorted(counts.keys() - self._names.keys()):
            if number in channels:
                reason, topic = "recorded with a second type", channels[number].topic
            else:
                reason, topic = f"the description of channel {number} is lost", ""
            yield Fault(f"{name}: {reason}", topic, lost=counts[number])

    def messages(self, kinds: Mapping[str, str], start_ns: int, stop_ns: int) -> Iterator[Item]:
        """Iterate over messages and faults in the order of their time.

        Args:
            kinds: Types of the wanted topics by name; others, also of another type, are left out.
            start_ns: The first ones have this time or a later one.
            stop_ns: The last ones have an earlier time.

        """
        start_ns, stop_ns = max(start_ns, self.start_ns), min(stop_ns, self.stop_ns)
        wanted = {
            number: name
            for number, name in self._names.items()
            if kinds.get(name) == self.topics[name].type
        }
        sources = [
            Source(block.start_ns, block.offset, self._items(block, wanted, start_ns, stop_ns))
            for block in self._blocks
            if block.start_ns < stop_ns and block.end_ns >= start_ns and _holds(block, wanted)
        ]
        names = {"", *wanted.values()}
        for order, fault in enumerate(self._faults, -len(self._faults)):
            if fault.topic in names and start_ns <= time_of(fault) < stop_ns:
                sources.append(Source(time_of(fault), order, [fault]))
        return merge(sorted(sources, key=itemgetter(0, 1)))

    def _items(
        self, block: Block, wanted: Mapping[int, str], start_ns: int, stop_ns: int
    ) -> Iterator[Item]:
        content = read_block(self._source, block, self._channels)
        messages: list[Item] = [
            RecordedMessage(wanted[channel], time_ns, bytes(content.data[begin:end]))
            for time_ns, channel, begin, end in content.entries
            if start_ns <= time_ns < stop_ns and channel in wanted
        ]
        faults: list[Item] = [
            self._fault(loss)
            for loss in content.losses
            if start_ns <= loss.time_ns < stop_ns and loss.channel in {None, *wanted}
        ]
        del content  # its memory may be used again
        yield from sorted(faults + messages, key=time_of) if faults else messages

    def _fault(self, loss: Loss) -> Fault:
        topic = "" if loss.channel is None else self._names.get(loss.channel, "")
        return Fault(loss.reason, topic, loss.time_ns, loss.count)

    def close(self) -> None:
        """Release the file."""
        self._source.close()


def _holds(block: Block, wanted: Mapping[int, str]) -> bool:
    counts = block.counts
    return block.doubtful or counts is None or not counts.keys().isdisjoint(wanted)
