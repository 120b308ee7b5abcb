# SPDX-License-Identifier: Apache-2.0
"""What a picture declares about its size, read before anything of that size is allocated."""

import re
from collections.abc import Iterator
from typing import NamedTuple

MAX_PIXELS = 64_000_000
"""Largest picture that is decoded, from a message or a file: 192 MB as RGB."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_SIGNATURE = b"\xff\xd8\xff"

_JPEG_SEGMENT = re.compile(rb"\xff([\xc0-\xcf\xda-\xfe])")  # markers followed by a length
_JPEG_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class Declared(NamedTuple):
    """The size in a picture's header.

    Attributes:
        height: Pixels.
        width: Pixels.
        start: Of the header, bytes from the beginning of the picture.

    """

    height: int
    width: int
    start: int


def declared_size(content: bytes) -> Declared | None:
    """What the header of a JPEG or PNG declares; None if there is no such header."""
    if content.startswith(PNG_SIGNATURE):
        return _png_size(content)
    return _jpeg_size(content) if content.startswith(JPEG_SIGNATURE) else None


def _png_size(content: bytes) -> Declared | None:
    if content[12:16] != b"IHDR":
        return None
    width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
    return Declared(height, width, 16)


def _jpeg_size(content: bytes) -> Declared | None:
    for marker, start in jpeg_segments(content):
        if marker in _JPEG_FRAME:
            height, width = (
                int.from_bytes(content[at : at + 2], "big") for at in (start + 3, start + 5)
            )
            return Declared(height, width, start)
    return None


def jpeg_segments(content: bytes) -> Iterator[tuple[int, int]]:
    """Go through a JPEG's segments as decoders do; behind the first scan they are picture data.

    Args:
        content: A JPEG.

    Yields:
        Marker, and start of what follows it, bytes from the beginning of the picture.

    """
    segment = _JPEG_SEGMENT.search(content, 2)
    while segment:
        start = segment.end()
        yield segment[1][0], start
        length = int.from_bytes(content[start : start + 2], "big")
        segment = _JPEG_SEGMENT.search(content, start + length)
