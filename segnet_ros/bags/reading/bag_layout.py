# SPDX-License-Identifier: Apache-2.0
"""Which files a recording consists of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.places import (
    METADATA_FILE,
    file_sizes,
    is_url,
    join,
    local_path,
    read_text,
)
from segnet_ros.bags.reading.bag_metadata import BagMetadata, MetadataError, parse_metadata
from segnet_ros.bags.reading.byte_source import reason
from segnet_ros.bags.reading.compressed_file import SUFFIX
from segnet_ros.bags.recorded import Fault
from segnet_ros.inference.excerpts import listed, plain
from segnet_ros.inference.yaml_document import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

STORAGES = (".mcap", ".db3")
"""What the names of recorded files end in, compressed ones before ".zstd"."""


@dataclass(frozen=True)
class Layout:
    """A recording on the disk.

    Attributes:
        files: Paths or URLs in the order of recording.
        metadata: What rosbag2 says about it; None without metadata.yaml, or if that is damaged.
        faults: What is wrong with metadata.yaml.

    """

    files: Sequence[str]
    metadata: BagMetadata | None = None
    faults: Sequence[Fault] = ()


def find_layout(location: str) -> Layout:
    """Find the files of a recording.

    Args:
        location: Folder or file, path or URL.

    Raises:
        BagError: there is none.

    """
    names = _names(location)
    if names is None:
        return Layout([location])
    stored = _stored(names)
    if METADATA_FILE not in names:
        return Layout(_joined(location, _some(location, names, stored)))
    try:
        metadata = parse_metadata(_text(join(location, METADATA_FILE)))
    except (MetadataError, OSError, UnicodeDecodeError) as error:
        fault = Fault(f"{METADATA_FILE} is damaged: {_cause(error)}")
        return Layout(_joined(location, _some(location, names, stored)), faults=[fault])
    return _described(location, metadata, names, stored)


def _described(
    location: str, metadata: BagMetadata, names: Collection[str], stored: Sequence[str]
) -> Layout:
    if metadata.foreign_compression:
        msg = (
            f"{location} is compressed with {plain(metadata.foreign_compression)}; expected zstd "
            "or none. Convert it with: ros2 bag convert"
        )
        raise BagError(msg)
    found = [_present(name, names) for name in metadata.files]
    faults = [
        Fault(f"{plain(name)} is missing, which {METADATA_FILE} names")
        for name, present in zip(metadata.files, found, strict=True)
        if present is None
    ]
    files = [name for name in found if name is not None]
    # A recorder that was killed has named none.
    files = files or [] if metadata.files else list(stored)
    if faults and not files:
        msg = (
            f"{location} has none of the files that {METADATA_FILE} names; expected "
            f"{listed(metadata.files)}. Copy them there"
        )
        raise BagError(msg)
    return Layout(_joined(location, files), metadata, faults)


def _names(location: str) -> list[str] | None:
    """Of a folder's files; None of what is no folder."""
    if is_url(location):
        return None if _has_suffix(location) else list(file_sizes(location))
    path = Path(local_path(location))
    if not path.exists():
        msg = (
            f"{location} does not exist; expected a rosbag2 recording: a folder, or a file ending "
            f"in {' or '.join(STORAGES)}"
        )
        raise BagError(msg)
    try:
        return [entry.name for entry in path.iterdir()] if path.is_dir() else None
    except OSError as error:
        msg = f"{location} cannot be read ({reason(error)}); expected a folder that may be read"
        raise BagError(msg) from error


def _text(location: str) -> str:
    if is_url(location):
        return read_text(location)
    with Path(local_path(location)).open("rb") as file:
        return file.read(MAX_BYTES + 1).decode()


def _cause(error: Exception) -> str:
    return str(error) if isinstance(error, MetadataError) else reason(error)


def _has_suffix(name: str) -> bool:
    return name.removesuffix(SUFFIX).endswith(STORAGES)


def _stored(names: Collection[str]) -> list[str]:
    """Recorded files in natural order; a compressed one only without its uncompressed copy."""
    found = [
        name
        for name in names
        if _has_suffix(name)
        and not name.startswith(".")
        and not (name.endswith(SUFFIX) and name.removesuffix(SUFFIX) in names)
    ]
    return sorted(found, key=_natural_order)


def _natural_order(name: str) -> tuple[list[int | str], str]:
    """Numbers inside names count by their value; re.split puts them at the odd places."""
    parts = re.split(r"(\d+)", name)
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], name


def _some(location: str, names: Collection[str], stored: Sequence[str]) -> Sequence[str]:
    if stored:
        return stored
    msg = (
        f"{location} holds {len(names)} entries, none of them recorded; expected a rosbag2 "
        f"recording: {METADATA_FILE} and files ending in {' or '.join(STORAGES)}"
    )
    raise BagError(msg)


def _present(name: str, names: Collection[str]) -> str | None:
    """The recorder may have been killed before or after it compressed the file."""
    for variant in (name, name.removesuffix(SUFFIX), name + SUFFIX):
        if variant in names:
            return variant
    return None


def _joined(location: str, names: Sequence[str]) -> list[str]:
    return [join(location, name) for name in names]
