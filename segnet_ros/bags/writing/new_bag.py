# SPDX-License-Identifier: Apache-2.0
"""A recording that is written at once: it appears whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.places import METADATA_FILE, disk_errors
from segnet_ros.bags.recorded import RecordedMessage, Topic
from segnet_ros.bags.writing.bag_description import bag_metadata
from segnet_ros.bags.writing.bag_folder import segment_name
from segnet_ros.bags.writing.output_folder import OutputFolder
from segnet_ros.bags.writing.segment_file import SegmentWriter
from segnet_ros.bags.writing.sqlite_writer import SqliteWriter

STORAGES = ("mcap", "sqlite3")

Write = Callable[[RecordedMessage], None]


@contextmanager
def new_bag(folder: Path, topics: Sequence[Topic], storage: str) -> Iterator[Write]:
    """Write a rosbag2 folder of one file.

    The same messages give the same bytes.

    Args:
        folder: Must not exist.
        topics: With their definitions.
        storage: One of `STORAGES`.

    Yields:
        The function that adds a message; they should come in the order of their time.

    Raises:
        BagError: the folder exists, is being written by another run, or cannot be written.

    """
    place = OutputFolder(folder)
    with closing(place):
        unfinished = _prepare(place, folder)
        with _open_file(unfinished, topics, storage) as file:
            yield file.write
        text = bag_metadata(topics, [file.summary()], storage)
        with disk_errors(folder):
            (unfinished / METADATA_FILE).write_text(text, encoding="utf-8")
            place.adopt(unfinished)


def _prepare(place: OutputFolder, folder: Path) -> Path:
    with disk_errors(folder):
        place.open()
    if place.exists():
        msg = f"{folder} exists; expected a new place. Remove it, or write to another place"
        raise BagError(msg)
    return Path(place.staging, folder.resolve().name)


def _open_file(folder: Path, topics: Sequence[Topic], storage: str) -> SegmentWriter | SqliteWriter:
    if storage == "sqlite3":
        return SqliteWriter(folder, topics)
    with disk_errors(folder):
        folder.mkdir()
    return SegmentWriter(folder / segment_name(str(folder), 0), topics, {})
