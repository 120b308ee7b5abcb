"""A recording: what is in it, and its messages in the order of their time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from rosbags.rosbag2 import Reader

from segnet_ros.bags.recorded import Fault, RecordedMessage, Topic


class Recording:
    """A rosbag2 recording, open for reading until the `with` block or `close()` ends it.

    Args:
        location: Folder, bare .mcap or .db3 file, or a URL of one that fsspec opens.

    Attributes:
        location: The one given.
        topics: By name.
        start_ns: When the first message was recorded, nanoseconds since 1970.
        stop_ns: Just after the last one.
        faults: What was found wrong on opening.

    Raises:
        BagError: there is no recording, or nothing of it can be read.
    """

    def __init__(self, location: str) -> None:
        self.location = location
        self._reader = Reader(Path(location))
        self._reader.open()
        self.topics: Mapping[str, Topic] = {
            name: Topic(name, info.msgtype or "", count=info.msgcount)
            for name, info in self._reader.topics.items()
        }
        self.start_ns = self._reader.start_time
        self.stop_ns = self._reader.end_time
        self.faults: Sequence[Fault] = ()

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
            Messages, and faults in place of those that cannot be read.
        """
        wanted = [c for c in self._reader.connections if topics is None or c.topic in topics]
        if wanted:
            for connection, time_ns, cdr in self._reader.messages(wanted, start_ns, stop_ns):
                yield RecordedMessage(connection.topic, time_ns, bytes(cdr))

    def close(self) -> None:
        """Release the files; harmless when they are closed already."""
        if self._reader.is_open:
            self._reader.close()

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
