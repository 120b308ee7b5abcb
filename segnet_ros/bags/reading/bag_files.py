# SPDX-License-Identifier: Apache-2.0
"""The files of a recording, opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.places import base_name
from segnet_ros.bags.reading.bag_layout import STORAGES, Layout
from segnet_ros.bags.reading.byte_source import UnreadableError
from segnet_ros.bags.reading.compressed_file import SUFFIX
from segnet_ros.bags.reading.packed_file import PackedFile
from segnet_ros.bags.reading.stored_file import StoredFile, open_file
from segnet_ros.bags.recorded import Fault, Topic

if TYPE_CHECKING:
    from contextlib import ExitStack

Opened = tuple[StoredFile, Sequence[Fault]]


def open_files(
    layout: Layout, location: str, held: ExitStack
) -> tuple[list[StoredFile], list[Fault]]:
    """Open the files of a recording.

    Compressed files are unpacked when they are read, if metadata.yaml tells their times, and else
    at once.

    Args:
        layout: Which they are.
        location: The recording, for errors.
        held: Closes them, and removes what was unpacked.

    Returns:
        The files in the order of recording, and what is wrong with them, as far as it has no time.

    Raises:
        BagError: nothing of them can be read.

    """
    open_one = _opener(layout, held)
    files: list[StoredFile] = []
    faults = list(layout.faults)
    reasons = []
    for place in layout.files:
        try:
            file, more = open_one(place)
        except UnreadableError as error:
            reasons.append(str(error))
            faults.append(Fault(f"{base_name(place)} cannot be read: {error}"))
        else:
            held.callback(file.close)
            files.append(file)
            faults += more
    if reasons and not files:
        raise BagError(_refusal(location, reasons[0]))
    return files, faults


def _opener(layout: Layout, held: ExitStack) -> Callable[[str], Opened]:
    unpacked: list[PackedFile] = []

    def scratch() -> Path:
        return Path(held.enter_context(TemporaryDirectory(prefix="segnet-")))

    def open_one(place: str) -> Opened:
        name = base_name(place)
        span = layout.metadata and layout.metadata.spans.get(name.removesuffix(SUFFIX))
        if span and name.endswith(SUFFIX):
            return PackedFile(place, span, unpacked), []
        file, faults = open_file(place, scratch)
        return file, [*faults, *file.faults]

    return open_one


def described_topics(files: Sequence[StoredFile], location: str) -> list[Mapping[str, Topic]]:
    """The topics of the files; of compressed ones only those of the first that can be read.

    Args:
        files: Of a recording.
        location: The recording, for errors.

    Raises:
        BagError: none can be read.

    """
    packed = [file for file in files if isinstance(file, PackedFile)]
    if not packed:
        return [file.topics for file in files]
    for file in packed:
        if topics := file.topics:
            return [topics]
    raise BagError(_refusal(location, packed[0].found[0].reason))


def _refusal(location: str, reason: str) -> str:
    return (
        f"{location} cannot be read as a rosbag2 recording ({reason}); expected "
        f"{' or '.join(STORAGES)} of ROS 2. Repair a damaged one with mcap recover or ros2 bag "
        "reindex, convert one of ROS 1 with rosbags-convert"
    )
