# SPDX-License-Identifier: Apache-2.0
"""A recording: what is in it, and its messages in the order of their time."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from segnet_ros.bags.reading.bag_files import described_topics, open_files
from segnet_ros.bags.reading.bag_layout import Layout, find_layout
from segnet_ros.bags.reading.byte_source import UnreadableError
from segnet_ros.bags.reading.compressed_file import MAGIC, unpack_message
from segnet_ros.bags.reading.in_time import Item, Source, merge
from segnet_ros.bags.reading.packed_file import PackedFile
from segnet_ros.bags.reading.topics import merge_topics, missing_messages, recount, second_types
from segnet_ros.bags.recorded import Fault, RecordedMessage, Topic

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from types import TracebackType


class Recording:
    """A rosbag2 recording, open for reading until the `with` block or `close()` ends it.

    Whatever can be read of a damaged one is read; the rest are faults. It is read by one thread at
    a time.

    Args:
        location: Folder, bare .mcap or .db3 file (also with .zstd), or a URL of one that fsspec
            opens. A folder needs no metadata.yaml.

    Attributes:
        location: The one given.
        topics: By name.
        start_ns: When the first message was recorded, nanoseconds since 1970.
        stop_ns: Just after the last one; equal to `start_ns` if there is none.
        faults: What was found wrong on opening, as far as it has no time. Everything else comes
            from `messages`.

    Raises:
        BagError: there is no recording, or nothing of it can be read.

    """

    def __init__(self, location: str) -> None:
        self.location = location
        self._held = ExitStack()
        try:
            layout = find_layout(location)
            self._files, faults = open_files(layout, location, self._held)
            self._describe(layout, faults)
        except BaseException:
            self.close()
            raise

    def _describe(self, layout: Layout, faults: Sequence[Fault]) -> None:
        told = layout.metadata.topics if layout.metadata else {}
        described = described_topics(self._files, self.location)
        topics = merge_topics(described, told)
        if any(isinstance(file, PackedFile) for file in self._files):
            topics = recount(topics, told)
        else:
            faults = [*faults, *missing_messages(topics, told, faults)]
        self.topics: Mapping[str, Topic] = topics
        self.faults: Sequence[Fault] = [*faults, *second_types(described, topics)]
        filled = [file for file in self._files if file.stop_ns > file.start_ns]
        self._filled = sorted(enumerate(filled), key=lambda place: place[1].start_ns)
        self.start_ns = min((file.start_ns for file in filled), default=0)
        self.stop_ns = max((file.stop_ns for file in filled), default=0)

    def messages(
        self,
        topics: Collection[str] | None = None,
        start_ns: int | None = None,
        stop_ns: int | None = None,
    ) -> Iterator[RecordedMessage | Fault]:
        """Iterate over messages in the order of their time; equal times keep the file's order.

        Args:
            topics: Names; None for all.
            start_ns: The first ones have this time or a later one.
            stop_ns: The last ones have an earlier time.

        Yields:
            Messages, and faults in place of those that cannot be read. A fault belongs to its
            time, as messages do, so the windows of a recording give each fault once.

        Raises:
            BagError: the object store does not answer any more.

        """
        start = self.start_ns if start_ns is None else max(start_ns, self.start_ns)
        stop = self.stop_ns if stop_ns is None else min(stop_ns, self.stop_ns)
        kinds = {
            name: topic.type
            for name, topic in self.topics.items()
            if topics is None or name in topics
        }
        sources = [
            Source(file.start_ns, order, file.messages(kinds, start, stop))
            for order, file in self._filled
            if file.start_ns < stop and file.stop_ns > start
        ]
        for item in merge(sources):
            if isinstance(item, RecordedMessage) and item.cdr.startswith(MAGIC):
                yield _unpacked(item)
            else:
                yield item

    def close(self) -> None:
        """Release the files; harmless when they are closed already."""
        self._held.close()

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _unpacked(message: RecordedMessage) -> Item:
    """Undo rosbag2's compression of single messages."""
    try:
        return replace(message, cdr=unpack_message(message.cdr))
    except UnreadableError as error:
        return Fault(str(error), message.topic, message.time_ns, 1)
