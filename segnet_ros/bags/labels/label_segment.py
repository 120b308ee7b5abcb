# SPDX-License-Identifier: Apache-2.0
"""The file of a window's labels."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from segnet_ros.bags.labels.provenance import RECORD
from segnet_ros.bags.recorded import Fault, RecordedMessage, Topic
from segnet_ros.bags.writing.segment_file import SegmentSummary, SegmentWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

Segment = SegmentSummary | None
"""A written file; None if a window holds nothing."""


@dataclass(frozen=True)
class LabelledFrame:
    """All messages that are written of a frame."""

    messages: Sequence[RecordedMessage]


LabelItem = LabelledFrame | RecordedMessage | Fault
"""A frame, a copied message, or what cannot be read."""


class LabelSegment:
    """A file that is begun with its first message: a window without any has none.

    Appears whole when the `with` block ends well, else not at all.

    Args:
        location: Path or URL of the file.
        topics: All that it lists.
        made_by: From `provenance`.
        compressed: Whether it is, for messages that are no pictures of JPEG or PNG.
        infos: The messages at its beginning, which make it complete in itself; called with the
            time of its first message, nanoseconds since 1970.

    """

    def __init__(
        self,
        location: str,
        topics: Sequence[Topic],
        made_by: Mapping[str, str],
        compressed: bool,
        infos: Callable[[int], Sequence[RecordedMessage]],
    ) -> None:
        self._location = location
        self._topics = topics
        self._made_by = made_by
        self._compressed = compressed
        self._infos = infos
        self._writing = ExitStack()
        self._writer: SegmentWriter | None = None

    def put(self, item: LabelItem) -> LabelItem:
        """Write what there is to write of an item.

        Returns:
            The item.

        Raises:
            BagError: the file cannot be written.

        """
        for message in _messages(item):
            writer = self._writer or self._begin(message.time_ns)
            writer.write(message)
        return item

    def summary(self) -> Segment:
        """What was written; complete once the `with` block has ended well."""
        return self._writer.summary() if self._writer else None

    def __enter__(self) -> LabelSegment:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writing.__exit__(kind, error, trace)

    def _begin(self, time_ns: int) -> SegmentWriter:
        made_by = {RECORD: self._made_by}
        writer = SegmentWriter(self._location, self._topics, made_by, self._compressed)
        self._writer = self._writing.enter_context(writer)
        for message in self._infos(time_ns):
            writer.write(message)
        return writer


def _messages(item: LabelItem) -> Sequence[RecordedMessage]:
    if isinstance(item, Fault):
        return ()
    return item.messages if isinstance(item, LabelledFrame) else (item,)
