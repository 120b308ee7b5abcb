# SPDX-License-Identifier: Apache-2.0
"""Decompression of an mcap chunk."""

from __future__ import annotations

import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

import lz4.frame  # type: ignore[import-untyped]
import zstandard

from segnet_ros.bags.reading.byte_source import UnreadableError

if TYPE_CHECKING:
    from segnet_ros.bags.reading.mcap_records import ChunkHead

_STEP = 1 << 16


def decompress(head: ChunkHead, data: memoryview) -> tuple[memoryview, bool]:
    """Decompress a whole chunk.

    Returns:
        The records in it, and whether a checksum says that they are what was recorded.

    Raises:
        UnreadableError: the data are damaged.

    """
    try:
        content = _decompress(head, data)
    except (zstandard.ZstdError, RuntimeError, MemoryError) as error:
        msg = f"the chunk cannot be decompressed ({error})"
        raise UnreadableError(msg) from error
    if head.crc and zlib.crc32(content) != head.crc:
        msg = "the chunk's checksum is wrong"
        raise UnreadableError(msg)
    return memoryview(content), head.crc != 0


def _decompress(head: ChunkHead, data: memoryview) -> bytes | memoryview:
    if head.compression == "zstd":
        return _decompress_zstd(head, data)
    if head.compression == "lz4":
        return bytes(lz4.frame.decompress(data))
    if head.compression:
        msg = f"the chunk is compressed with {head.compression!r}, not zstd or lz4"
        raise UnreadableError(msg)
    return data


def _decompress_zstd(head: ChunkHead, data: memoryview) -> bytes:
    """A damaged size may not make us ask for all memory there is."""
    size = zstandard.frame_content_size(data)
    if size == -1:  # unknown
        return zstandard.ZstdDecompressor().decompressobj().decompress(data)
    if size != head.size:
        msg = "the chunk's size is wrong"
        raise UnreadableError(msg)
    return zstandard.ZstdDecompressor().decompress(data)


def decompress_cut(head: ChunkHead, data: memoryview) -> memoryview:
    """Decompress what there is of a chunk whose end is missing."""
    if head.compression == "zstd":
        return _in_steps(zstandard.ZstdDecompressor().decompressobj(), data)
    if head.compression == "lz4":
        return _in_steps(lz4.frame.LZ4FrameDecompressor(), data)
    return memoryview(b"") if head.compression else data


def _in_steps(
    decompressor: zstandard.ZstdDecompressionObj | lz4.frame.LZ4FrameDecompressor, data: memoryview
) -> memoryview:
    parts = []
    with suppress(zstandard.ZstdError, RuntimeError, EOFError, MemoryError):
        for begin in range(0, len(data), _STEP):
            parts.append(decompressor.decompress(data[begin : begin + _STEP]))
    return memoryview(b"".join(parts))
