# SPDX-License-Identifier: Apache-2.0
"""A compressed file of a recording that is unpacked only while it is read."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from segnet_ros.bags.places import METADATA_FILE, base_name
from segnet_ros.bags.reading.byte_source import UnreadableError
from segnet_ros.bags.reading.stored_file import StoredFile, open_file
from segnet_ros.bags.recorded import Fault, Topic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from segnet_ros.bags.reading.bag_metadata import FileSpan
    from segnet_ros.bags.reading.in_time import Item


class PackedFile:
    """A compressed file; what is wrong with it is known when it is read.

    Unpacking a file removes what was unpacked of the others, unless somebody reads it.

    Args:
        location: Path or URL.
        span: From metadata.yaml; messages at other times are left out.
        unpacked: Shared by the files of a recording: those that are unpacked at the moment.

    Attributes:
        start_ns: When the first message was recorded, nanoseconds since 1970.
        stop_ns: Just after the last one.
        faults: None, see above.
        found: What is wrong with it, once it was unpacked.

    """

    faults: tuple[Fault, ...] = ()

    def __init__(self, location: str, span: FileSpan, unpacked: list[PackedFile]) -> None:
        self.start_ns, self.stop_ns = span.start_ns, span.stop_ns
        self._location = location
        self._count = span.count
        self._unpacked = unpacked
        self._file: StoredFile | None = None
        self.found: list[Fault] = []
        self._held = ExitStack()
        self._readers = 0

    @property
    def topics(self) -> Mapping[str, Topic]:
        """By name; empty if nothing of the file can be read. Unpacks it."""
        self._unpack()
        return self._file.topics if self._file else {}

    def messages(self, kinds: Mapping[str, str], start_ns: int, stop_ns: int) -> Iterator[Item]:
        """See `StoredFile.messages`. Faults without a time of their own have the file's."""
        self._readers += 1
        try:
            self._unpack()
            if start_ns <= self.start_ns < stop_ns:
                yield from (fault for fault in self.found if fault.topic in {"", *kinds})
            if self._file:
                start_ns, stop_ns = max(start_ns, self.start_ns), min(stop_ns, self.stop_ns)
                yield from self._file.messages(kinds, start_ns, stop_ns)
        finally:
            self._readers -= 1

    def _unpack(self) -> None:
        if self in self._unpacked:
            return
        idle = [file for file in self._unpacked if not file._readers]  # noqa: SLF001  # our own class
        for other in idle:
            other.close()
        self._unpacked.append(self)
        self.found = [replace(fault, time_ns=self.start_ns) for fault in self._open()]

    def _open(self) -> Iterator[Fault]:
        name = base_name(self._location)
        try:
            self._file, faults = open_file(self._location, self._scratch)
        except UnreadableError as error:
            yield Fault(f"{name} cannot be read: {error}", lost=self._count)
            return
        self._held.callback(self._file.close)
        yield from faults
        yield from self._file.faults
        if self._file.start_ns < self.start_ns or self._file.stop_ns > self.stop_ns:
            yield Fault(f"{name} has messages outside of the time that {METADATA_FILE} tells")

    def _scratch(self) -> Path:
        return Path(self._held.enter_context(TemporaryDirectory(prefix="segnet-")))

    def close(self) -> None:
        """Remove what is unpacked; the file can be read again all the same."""
        self._held.close()
        self._file = None
        if self in self._unpacked:
            self._unpacked.remove(self)
