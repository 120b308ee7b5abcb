# SPDX-License-Identifier: Apache-2.0
"""A file of a recording that is being written: SQLite, which every rosbag2 reads by itself."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.rosbag2.metadata import parse_qos

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.places import disk_errors
from segnet_ros.bags.writing.bag_description import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from rosbags.interfaces import Connection

    from segnet_ros.bags.recorded import RecordedMessage, Topic

_LAYOUT: Literal[8] = 8
"""Of the tables: the last one in which QoS profiles are numbers, as Humble reads them."""


class SqliteWriter:
    """Writes the .db3 file of a new folder, in a `with` block that clears up nothing.

    Args:
        folder: Must not exist.
        topics: With their definitions.

    Raises:
        BagError: the file cannot be written, by this or by any other method.

    """

    def __init__(self, folder: Path, topics: Sequence[Topic]) -> None:
        self._folder = folder
        self._tally = Tally(f"{folder.name}.db3", {topic.name: 0 for topic in topics})
        self._writer = Writer(folder, version=_LAYOUT, storage_plugin=StoragePlugin.SQLITE3)
        # rosbags writes null where there is none, which rosbag2 of Jazzy refuses.
        self._writer.set_custom_data("written_by", "segnet_ros")
        with self._database_errors():
            self._writer.open()
            self._connections = {topic.name: self._connect(topic) for topic in topics}

    def _connect(self, topic: Topic) -> Connection:
        return self._writer.add_connection(
            topic.name,
            topic.type,
            msgdef=topic.definition,
            rihs01=topic.type_hash,
            serialization_format=topic.serialization,
            offered_qos_profiles=parse_qos(topic.qos),
        )

    def write(self, message: RecordedMessage) -> None:
        """Add a message; they should come in the order of their time."""
        with self._database_errors():
            self._writer.write(self._connections[message.topic], message.time_ns, message.cdr)
        self._tally.add(message)

    def summary(self) -> Tally:
        """What was written."""
        return self._tally

    def __enter__(self) -> SqliteWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._database_errors():
            self._writer.__exit__(kind, error, trace)

    @contextmanager
    def _database_errors(self) -> Iterator[None]:
        try:
            with disk_errors(self._folder):
                yield
        except sqlite3.Error as error:
            msg = (
                f"{self._folder} cannot be written ({error}); expected room and the right to "
                "write. Make room, or choose another place"
            )
            raise BagError(msg) from error
