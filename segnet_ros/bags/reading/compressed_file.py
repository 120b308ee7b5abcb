# SPDX-License-Identifier: Apache-2.0
"""Files and messages that rosbag2 compressed with zstd."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import zstandard

from segnet_ros.bags.reading.byte_source import ByteSource, UnreadableError

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX = ".zstd"

MAGIC = b"\x28\xb5\x2f\xfd"
"""Begins whatever zstd compressed; no message does, for CDR begins with a zero."""

_STEP = 1 << 15  # what is lost around damage


def unpack(source: ByteSource, target: Path) -> None:
    """Decompress a file.

    Raises:
        UnreadableError: it is damaged; `target` holds what comes before the damage.
        OSError: `target` cannot be written.

    """
    with target.open("wb") as output:
        try:
            complete = _unpack(source, output)
        except zstandard.ZstdError as error:
            msg = f"its compressed data are damaged ({error})"
            raise UnreadableError(msg) from error
    if not complete:
        msg = "its compressed data are cut off"
        raise UnreadableError(msg)


def _unpack(source: ByteSource, output: BinaryIO) -> bool:
    frame = None
    for offset in range(0, source.size, _STEP):
        data = source.read(offset, _STEP)
        while data:  # a file may consist of several frames
            frame = frame or zstandard.ZstdDecompressor().decompressobj()
            output.write(frame.decompress(data))
            data = frame.unused_data
            frame = None if frame.eof else frame
    return frame is None


def unpack_message(data: bytes) -> bytes:
    """Decompress a message.

    Raises:
        UnreadableError: it is damaged.

    """
    frame = zstandard.ZstdDecompressor().decompressobj()
    try:
        message = frame.decompress(data)
    except zstandard.ZstdError as error:
        msg = f"the compressed message is damaged ({error})"
        raise UnreadableError(msg) from error
    if not frame.eof:
        msg = "the compressed message is cut off"
        raise UnreadableError(msg)
    return message
