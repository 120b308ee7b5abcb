# SPDX-License-Identifier: Apache-2.0
"""One file of a recording, whatever it is stored as."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.places import base_name, exists, is_url, local_path
from segnet_ros.bags.reading.byte_source import ByteSource, UnreadableError, open_bytes, reason
from segnet_ros.bags.reading.compressed_file import MAGIC as ZSTD_MAGIC
from segnet_ros.bags.reading.compressed_file import SUFFIX, unpack
from segnet_ros.bags.reading.mcap_file import McapFile
from segnet_ros.bags.reading.mcap_records import MAGIC as MCAP_MAGIC
from segnet_ros.bags.reading.sqlite_copy import MAGIC as SQLITE_MAGIC
from segnet_ros.bags.reading.sqlite_copy import SIDE_FILES, readable_database
from segnet_ros.bags.reading.sqlite_file import SqliteFile
from segnet_ros.bags.recorded import Fault, Topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from segnet_ros.bags.reading.in_time import Item

_ROS1_MAGIC = b"#ROSBAG V"
_LONGEST_MAGIC = 16
_STEP = 1 << 20


class StoredFile(Protocol):
    """A file of a recording; its topics have definitions only if it holds them."""

    start_ns: int
    stop_ns: int

    @property
    def topics(self) -> Mapping[str, Topic]:
        """By name."""
        ...

    @property
    def faults(self) -> Sequence[Fault]:
        """What is wrong with the file, as far as it has no time."""
        ...

    def messages(self, kinds: Mapping[str, str], start_ns: int, stop_ns: int) -> Iterator[Item]:
        """Iterate over messages and faults in the order of their time.

        Args:
            kinds: Types of the wanted topics by name; others, also of another type, are left out.
            start_ns: The first ones have this time or a later one.
            stop_ns: The last ones have an earlier time.

        """
        ...

    def close(self) -> None:
        """Release the file."""
        ...


def open_file(location: str, scratch: Callable[[], Path]) -> tuple[StoredFile, list[Fault]]:
    """Open a file.

    Args:
        location: Path or URL.
        scratch: Gives an empty folder, made for a copy, that goes away after the file was closed.

    Returns:
        The file, and what was wrong with its compression.

    Raises:
        UnreadableError: nothing of it can be read.
        BagError: it cannot be reached, or there is no room for a copy of it.

    """
    try:
        return _open(location, scratch)
    except OSError as error:
        msg = (
            f"{location} needs a copy in the temporary folder ({reason(error)}); expected room "
            "there. Set TMPDIR to a folder with more"
        )
        raise BagError(msg) from error


def _open(location: str, scratch: Callable[[], Path]) -> tuple[StoredFile, list[Fault]]:
    name = base_name(location)
    source = open_bytes(location)
    try:
        magic = _magic(source)
        if magic.startswith(MCAP_MAGIC) or (name.endswith(".mcap") and not _is_other(magic)):
            return McapFile(source, name), []
    except BaseException:
        source.close()
        raise
    with closing(source):
        if name.endswith(SUFFIX) or magic.startswith(ZSTD_MAGIC):
            path = scratch() / name.removesuffix(SUFFIX)
            faults = _unpacked(source, path)
            file, more = _open(str(path), scratch)
            return file, faults + more
        if magic.startswith(_ROS1_MAGIC):
            msg = "it is a ROS 1 recording"
            raise UnreadableError(msg)
        if not (magic.startswith(SQLITE_MAGIC) or name.endswith(".db3")):
            msg = "it is neither mcap nor sqlite3"
            raise UnreadableError(msg)
        path = _fetched(location, scratch) if is_url(location) else Path(local_path(location))
        return SqliteFile(readable_database(path, scratch), name), []


def _magic(source: ByteSource) -> bytes:
    magic = source.read(0, _LONGEST_MAGIC)
    if not magic:
        msg = "it is empty"
        raise UnreadableError(msg)
    return magic


def _is_other(magic: bytes) -> bool:
    """Whether the file is something else for certain; its first bytes may be damaged."""
    return magic.startswith((SQLITE_MAGIC, ZSTD_MAGIC, _ROS1_MAGIC))


def _unpacked(source: ByteSource, path: Path) -> list[Fault]:
    try:
        unpack(source, path)
    except UnreadableError as error:
        if not path.stat().st_size:
            raise
        return [Fault(f"{path.name}{SUFFIX}: {error}")]
    return []


def _fetched(location: str, scratch: Callable[[], Path]) -> Path:
    path = scratch() / base_name(location)
    for suffix in ("", *SIDE_FILES):
        if not suffix or exists(location + suffix):
            _fetch(location + suffix, path.with_name(path.name + suffix))
    return path


def _fetch(location: str, path: Path) -> None:
    with closing(open_bytes(location)) as source, path.open("wb") as copy:
        for offset in range(0, source.size, _STEP):
            copy.write(source.read(offset, _STEP))
