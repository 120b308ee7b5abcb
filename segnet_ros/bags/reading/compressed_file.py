# SPDX-License-Identifier: Apache-2.0
"""Files and messages that rosbag2 compressed with zstd."""

from __future__ import annotations

import errno
import os
import shutil
from typing import TYPE_CHECKING, BinaryIO

import zstandard

from segnet_ros.bags.reading.bounded_data import (
    STEP,
    DamagedDataError,
    decompress_zstd,
    zstd_frame,
)
from segnet_ros.bags.reading.byte_source import ByteSource, UnreadableError, reason

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX = ".zstd"

MAGIC = b"\x28\xb5\x2f\xfd"
"""Begins whatever zstd compressed; no message does, for CDR begins with a zero."""

_LEAST_FREE = 256 << 20
_CHECK_EVERY = 64 << 20


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
    checked = 0
    for offset in range(0, source.size, STEP):  # what is lost around damage
        data = source.read(offset, STEP)
        while data:  # a file may consist of several frames
            frame = frame or zstd_frame()
            output.write(frame.decompress(data))
            if output.tell() > checked:
                _refuse_full_disk(output)
                checked = output.tell() + _CHECK_EVERY
            data = frame.unused_data
            frame = None if frame.eof else frame
    return frame is None


def unpack_message(data: bytes) -> bytes:
    """Decompress a message.

    Raises:
        UnreadableError: it is damaged.

    """
    try:
        return decompress_zstd(data)
    except (DamagedDataError, zstandard.ZstdError, MemoryError) as error:
        msg = f"the compressed message is damaged ({reason(error)})"
        raise UnreadableError(msg) from error


def _refuse_full_disk(output: BinaryIO) -> None:
    """A few bytes may stand for more than there is room: leave some for everybody else."""
    if shutil.disk_usage(output.name).free < _LEAST_FREE:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
