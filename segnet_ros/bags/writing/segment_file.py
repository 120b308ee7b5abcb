# SPDX-License-Identifier: Apache-2.0
"""A file of a recording that is being written: MCAP, complete and playable by itself."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from mcap.writer import CompressionType, Writer

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.places import base_name, disk_errors, is_url, local_path, put_file, unused_path
from segnet_ros.bags.writing.bag_description import Tally, file_metadata, qos_in_numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from segnet_ros.bags.recorded import RecordedMessage, Topic

_PROFILE = "ros2"
_LIBRARY = "segnet_ros"


@dataclass(frozen=True)
class SegmentSummary:
    """What a finished file holds. Can be pickled.

    Attributes:
        name: File name.
        sha256: Of its bytes, hexadecimal.
        size: Bytes.
        start_ns: Time of its first message, nanoseconds since 1970.
        stop_ns: Just after its last message; equal to `start_ns` if it has none.
        counts: Messages by topic, also of topics without any.

    """

    name: str
    sha256: str
    size: int
    start_ns: int
    stop_ns: int
    counts: Mapping[str, int]


@dataclass
class _HashedFile:
    """What `Writer` needs of a file; says what its bytes are without reading them again."""

    file: BinaryIO
    size: int = 0
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.size += self.file.write(data)
        return len(data)

    def tell(self) -> int:
        return self.size


class SegmentWriter:
    """Writes one MCAP file: it appears whole when the `with` block ends well, else not at all.

    The same arguments and messages give the same bytes. Topics of which no definition was
    recorded get a schema without text.

    Args:
        location: Path or URL of the file. For a URL it is written to the machine's temporary
            folder and copied in the end.
        topics: All that the file shall list, also those without messages.
        metadata: MCAP metadata records by name.
        compressed: Whether chunks are compressed with zstd, which gains nothing on JPEG and PNG.

    Raises:
        BagError: the file cannot be written, by this or by any other method.

    """

    def __init__(
        self,
        location: str | Path,
        topics: Sequence[Topic],
        metadata: Mapping[str, Mapping[str, str]],
        compressed: bool = False,
    ) -> None:
        self._location = str(location)
        self._topics = topics
        self._tally = Tally(base_name(self._location), {topic.name: 0 for topic in topics})
        self._partial = _partial_path(self._location)
        with disk_errors(self._location):
            self._file = self._partial.open("xb")
        self._output = _HashedFile(self._file)
        compression = CompressionType.ZSTD if compressed else CompressionType.NONE
        self._writer = Writer(self._output, compression=compression)  # type: ignore[arg-type]
        try:
            with disk_errors(self._location):
                self._start(metadata)
        except BaseException:
            self._discard()
            raise

    def _start(self, metadata: Mapping[str, Mapping[str, str]]) -> None:
        self._writer.start(_PROFILE, _LIBRARY)
        for name, record in metadata.items():
            self._writer.add_metadata(name, dict(record))
        schemas: dict[tuple[str, str, str], int] = {}
        self._channels = {topic.name: self._register(topic, schemas) for topic in self._topics}

    def _register(self, topic: Topic, schemas: dict[tuple[str, str, str], int]) -> int:
        schema = (topic.type, topic.definition_format, topic.definition)
        if schema not in schemas:
            name, encoding, text = schema
            schemas[schema] = self._writer.register_schema(name, encoding, text.encode())
        metadata = {
            "offered_qos_profiles": qos_in_numbers(topic.qos),
            "topic_type_hash": topic.type_hash,
        }
        return self._writer.register_channel(
            topic.name, topic.serialization, schemas[schema], metadata
        )

    def write(self, message: RecordedMessage) -> None:
        """Add a message; those of a file should come in the order of their time.

        Raises:
            BagError: the disk is full, or the topic is none of those given.

        """
        if message.topic not in self._channels:
            msg = (
                f"{self._location} gets a message on {message.topic}; expected one of "
                f"{', '.join(self._channels)}"
            )
            raise BagError(msg)
        channel, time = self._channels[message.topic], message.time_ns
        with disk_errors(self._location):
            self._writer.add_message(channel, time, message.cdr, time)
        self._tally.add(message)

    def summary(self) -> SegmentSummary:
        """What was written; complete once the `with` block has ended well."""
        tally = self._tally
        return SegmentSummary(
            name=tally.name,
            sha256=self._output.digest.hexdigest(),
            size=self._output.size,
            start_ns=tally.start_ns,
            stop_ns=tally.stop_ns,
            counts=dict(tally.counts),
        )

    def __enter__(self) -> SegmentWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                with disk_errors(self._location):
                    self._finish()
        finally:
            self._discard()

    def _finish(self) -> None:
        description = file_metadata(self._topics, self._tally)
        self._writer.add_metadata("rosbag2", {"serialized_metadata": description})
        self._writer.finish()  # type: ignore[no-untyped-call]
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        if is_url(self._location):
            put_file(self._partial, self._location)
        else:
            self._partial.replace(local_path(self._location))

    def _discard(self) -> None:
        """Leave nothing of an incomplete file; harmless after `_finish`."""
        with suppress(OSError):  # closing writes what is left in the buffer to the full disk
            self._file.close()
        self._partial.unlink(missing_ok=True)


def _partial_path(location: str) -> Path:
    folder = tempfile.gettempdir() if is_url(location) else Path(local_path(location)).parent
    return unused_path(Path(folder), base_name(location))
