# SPDX-License-Identifier: Apache-2.0
"""Decompression of an mcap chunk."""

from __future__ import annotations

import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

import lz4.frame  # type: ignore[import-untyped]
import zstandard

from segnet_ros.bags.reading.bounded_data import (
    DamagedDataError,
    decompress_lz4,
    decompress_zstd,
    in_steps,
    zstd_frame,
)
from segnet_ros.bags.reading.byte_source import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from segnet_ros.bags.reading.mcap_records import ChunkHead

_UNKNOWN = -1


def decompress(head: ChunkHead, data: memoryview) -> tuple[memoryview, bool]:
    """Decompress a whole chunk.

    Returns:
        The records in it, and whether a checksum says that they are what was recorded.

    Raises:
        UnreadableError: the data are damaged.

    """
    try:
        content = _decompress(head, data)
    except (DamagedDataError, zstandard.ZstdError, RuntimeError, MemoryError) as error:
        msg = f"the chunk cannot be decompressed ({error})"
        raise UnreadableError(msg) from error
    if head.crc and zlib.crc32(content) != head.crc:
        msg = "the chunk's checksum is wrong"
        raise UnreadableError(msg)
    return memoryview(content), head.crc != 0


def _decompress(head: ChunkHead, data: memoryview) -> bytes | memoryview:
    if head.compression == "zstd":
        if zstandard.frame_content_size(data) not in (_UNKNOWN, head.size):
            msg = "the chunk's size is wrong"
            raise UnreadableError(msg)
        return decompress_zstd(data)
    if head.compression == "lz4":
        return decompress_lz4(data)
    if head.compression:
        msg = f"the chunk is compressed with {head.compression!r}, not zstd or lz4"
        raise UnreadableError(msg)
    return data


def decompress_cut(head: ChunkHead, data: memoryview) -> memoryview:
    """Decompress what there is of a chunk whose end is missing."""
    if head.compression == "zstd":
        return _what_there_is(zstd_frame().decompress, data)
    if head.compression == "lz4":
        return _what_there_is(lz4.frame.LZ4FrameDecompressor().decompress, data)
    return memoryview(b"") if head.compression else data


def _what_there_is(decompress: Callable[[memoryview], bytes], data: memoryview) -> memoryview:
    parts: list[bytes] = []
    with suppress(DamagedDataError, zstandard.ZstdError, RuntimeError, EOFError, MemoryError):
        for part in in_steps(decompress, data):
            parts.append(part)  # noqa: PERF402 - what came before the damage counts
    return memoryview(b"".join(parts))
