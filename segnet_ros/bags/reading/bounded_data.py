# SPDX-License-Identifier: Apache-2.0
"""Decompression that stops where a hostile size would take all memory there is."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import lz4.frame  # type: ignore[import-untyped]
import zstandard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_BYTES = 256 << 20
"""Of a decompressed chunk or message; recorders cut their chunks after one MiB or a message."""

STEP = 1 << 11
"""Compressed bytes at once: two KiB of zstd give 64 MiB at most."""

_WINDOW = 1 << 27  # what zstd itself allows by default


class DamagedDataError(ValueError):
    """Compressed data end too early or hold too much; the text is the reason."""


def zstd_frame() -> zstandard.ZstdDecompressionObj:
    """A decompressor of one frame, of bounded memory."""
    return zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()


def decompress_zstd(data: bytes | memoryview) -> bytes:
    """Decompress one frame.

    Raises:
        DamagedDataError: it holds more than `MOST_BYTES`, or its end is missing.
        zstandard.ZstdError: it is damaged.

    """
    size = zstandard.frame_content_size(data)
    refuse_size(size)
    if size >= 0:
        with suppress(zstandard.ZstdError):
            return zstandard.ZstdDecompressor().decompress(data)
    frame = zstd_frame()  # also tells what is wrong
    content = b"".join(in_steps(frame.decompress, data))
    if not frame.eof:
        msg = "it is cut off"
        raise DamagedDataError(msg)
    return content


def decompress_lz4(data: bytes | memoryview) -> bytes:
    """Decompress one frame.

    Raises:
        DamagedDataError: it holds more than `MOST_BYTES`, or its end is missing.
        RuntimeError: it is damaged.

    """
    frame = lz4.frame.LZ4FrameDecompressor()
    content = bytes(frame.decompress(data, max_length=MOST_BYTES + 1))
    refuse_size(len(content))
    if not frame.eof:
        msg = "it is cut off"
        raise DamagedDataError(msg)
    return content


def in_steps(
    decompress: Callable[[memoryview], bytes], data: bytes | memoryview
) -> Iterator[bytes]:
    """Decompress in steps.

    Raises:
        DamagedDataError: there is more than `MOST_BYTES`.

    """
    view, size = memoryview(data), 0
    for begin in range(0, len(view), STEP):
        part = decompress(view[begin : begin + STEP])
        size += len(part)
        refuse_size(size)
        yield part


def refuse_size(size: int) -> None:
    """Raise DamagedDataError for more than `MOST_BYTES`."""
    if size > MOST_BYTES:
        msg = f"it holds more than {MOST_BYTES} bytes"
        raise DamagedDataError(msg)
