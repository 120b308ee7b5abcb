# SPDX-License-Identifier: Apache-2.0
"""Small JPEGs and PNGs of every kind, and changes that keep their outer form."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SIDES = (0, 1, 7, 8, 16, 1000, 8000, 8001, 65500, 65535, 2**16, 2**31 - 1, 2**31, 2**32 - 1)
_MAIN, _SCAN, _END = (0xC0, 0xC1, 0xC2), 0xDA, 0xD9
_ADAM7 = (
    (0, 0, 8, 8),
    (0, 4, 8, 8),
    (4, 0, 8, 4),
    (0, 2, 4, 4),
    (2, 0, 4, 2),
    (0, 1, 2, 2),
    (1, 0, 2, 1),
)
_CMYK = base64.b64decode(
    "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAbEhQXFBEbFxYXHhwbIChCKyglJShROj0wQmBVZWRfVV1baniZgWpxkHNbXYW1"
    "hpCeo6utq2eAvMm6pseZqKuk/8AAFAgACAAIBEMRAE0RAFkRAEsRAP/EABUAAQEAAAAAAAAAAAAAAAAAAAAB/8QAFxAA"
    "AwEAAAAAAAAAAAAAAAAAAAMFYv/aAA4EQwBNAFkASwAAPwAy7sMu7DLuyMu7P//Z"
)

Chunk = tuple[bytes, bytes]


def pictures() -> Sequence[bytes]:
    """Every kind of JPEG and PNG that cameras and tools write."""
    return [*_jpegs(), *_pngs()]


def _picture() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 255, (13, 11, 3), np.uint8)


def _jpegs() -> Sequence[bytes]:
    ways: Sequence[Sequence[int]] = (
        (cv2.IMWRITE_JPEG_QUALITY, 90),
        (cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        (cv2.IMWRITE_JPEG_RST_INTERVAL, 1),
        (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
    )
    colour = [cv2.imencode(".jpg", _picture(), way)[1].tobytes() for way in ways]
    grey = cv2.imencode(".jpg", _picture()[..., 0])[1].tobytes()
    return [*colour, grey, _with_exif(grey), _CMYK]


def _with_exif(jpeg: bytes) -> bytes:
    """Turned by 90 degrees, as a phone would tell."""
    body = b"Exif\0\0" + b"MM\0*\0\0\0\x08" + struct.pack(">HHHIHHI", 1, 0x112, 3, 1, 6, 0, 0)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def _pngs() -> Sequence[bytes]:
    rgb = _picture()
    grey = rgb[..., 0]
    palette = [(b"PLTE", bytes(range(48))), (b"tRNS", bytes(range(16)))]
    return [
        png(rgb, 2),
        png(grey, 0),
        png(np.dstack([rgb, grey]), 6),
        png(np.dstack([grey, grey]), 4),
        png(grey % 16, 3, extra=palette),
        png(rgb.repeat(2, 1).reshape(13, 11, 6), 2, depth=16),
        png(grey.repeat(2, 1).reshape(13, 11, 2), 0, depth=16),
        png(rgb, 2, interlaced=True),
        _animated(np.dstack([rgb, grey])),
        png(
            rgb,
            2,
            extra=[
                (b"eXIf", b"MM\0*\0\0\0\x08\0\0"),
                (b"tEXt", b"a\0b"),
                (b"gAMA", b"\0\0\xb1\x8f"),
            ],
        ),
    ]


def png(
    pixels: np.ndarray,
    colour: int,
    *,
    depth: int = 8,
    interlaced: bool = False,
    extra: Sequence[Chunk] = (),
) -> bytes:
    """Write a PNG.

    Args:
        pixels: Bytes [H, W] or [H, W, bytes of a pixel].
        colour: PNG's colour type.
        depth: Bits of a channel.
        interlaced: Adam7.
        extra: Chunks before the pixels.

    """
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    parts = (pixels[y::dy, x::dx] for y, x, dy, dx in passes)
    content = zlib.compress(b"".join(map(_lines, parts)))
    return joined([(b"IHDR", header), *extra, (b"IDAT", content), (b"IEND", b"")])


def _lines(pixels: np.ndarray) -> bytes:
    return b"".join(b"\0" + row.tobytes() for row in pixels) if pixels.size else b""


def _animated(pixels: np.ndarray) -> bytes:
    """Two frames, the second of which covers a part."""
    height, width = pixels.shape[:2]
    whole, part = zlib.compress(_lines(pixels)), zlib.compress(_lines(pixels[:4, :5]))
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return joined([
        (b"IHDR", header),
        (b"acTL", struct.pack(">II", 2, 0)),
        (b"fcTL", struct.pack(">IIIIIHHBB", 0, width, height, 0, 0, 1, 10, 0, 0)),
        (b"IDAT", whole),
        (b"fcTL", struct.pack(">IIIIIHHBB", 1, 5, 4, 2, 3, 1, 10, 1, 1)),
        (b"fdAT", struct.pack(">I", 2) + part),
        (b"IEND", b""),
    ])  # fmt: skip


def joined(chunks: Sequence[Chunk]) -> bytes:
    """A PNG of chunks, with right lengths and check sums."""
    return _SIGNATURE + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


def mutated_picture(content: bytes, rng: random.Random) -> bytes:
    """Change what is inside of chunks or segments; their frames stay right."""
    if content.startswith(_SIGNATURE):
        return joined(_changed_chunks(_chunks(content), rng))
    return b"\xff\xd8" + b"".join(_changed_segments(_segments(content), rng))


def _chunks(content: bytes) -> list[Chunk]:
    chunks, at = [], len(_SIGNATURE)
    while at + 8 <= len(content):
        size, name = struct.unpack_from(">I4s", content, at)
        chunks.append((name, content[at + 8 : at + 8 + size]))
        at += 12 + size
    return chunks


def _changed_chunks(chunks: list[Chunk], rng: random.Random) -> list[Chunk]:
    at = rng.randrange(len(chunks)) if chunks else 0
    name, body = chunks[at] if chunks else (b"IEND", b"")
    way = rng.randrange(6)
    if way == 0:
        return chunks[:at] + chunks[at + 1 :]
    if way == 1:
        to = rng.randrange(len(chunks) + 1)
        return chunks[:to] + [(name, body)] * rng.choice((1, 1, 40)) + chunks[to:]
    if way == 2 and name in (b"IDAT", b"fdAT"):
        return [*chunks[:at], (name, _recompressed(body, rng)), *chunks[at + 1 :]]
    if way == 3 and name in (b"IHDR", b"fcTL"):
        return [*chunks[:at], (name, _resized(body, name, rng)), *chunks[at + 1 :]]
    if way == 4:
        other = rng.choice(
            (b"PLTE", b"tRNS", b"iCCP", b"zTXt", b"iTXt", b"eXIf", b"acTL", b"fcTL", b"fdAT")
        )
        return [*chunks[:at], (other, rng.choice((body, rng.randbytes(20)))), *chunks[at:]]
    return [*chunks[:at], (name, _changed_bytes(body, rng)), *chunks[at + 1 :]]


def _recompressed(body: bytes, rng: random.Random) -> bytes:
    try:
        pixels = zlib.decompress(body)
    except zlib.error:
        return rng.randbytes(len(body))
    pixels = rng.choice((_changed_bytes(pixels, rng), pixels[: len(pixels) // 2], pixels * 40))
    return zlib.compress(pixels)


def _resized(body: bytes, name: bytes, rng: random.Random) -> bytes:
    at = rng.choice((0, 4)) if name == b"IHDR" else rng.choice((4, 8, 12, 16))
    return body[:at] + struct.pack(">I", rng.choice(_SIDES)) + body[at + 4 :]


def _changed_bytes(body: bytes, rng: random.Random) -> bytes:
    changed = bytearray(body)
    for _ in range(rng.randrange(1, 4)):
        if changed:
            changed[rng.randrange(len(changed))] = rng.choice((0, 1, 2, 3, 4, 6, 8, 16, 127, 255))
    return bytes(changed)


def _segments(content: bytes) -> list[bytes]:
    """Markers with what follows them up to the next one; a scan with its data."""
    segments, at = [], 2
    while at + 4 <= len(content):
        end = at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        if content[at + 1] == _SCAN:
            while end + 1 < len(content) and (
                content[end] != 0xFF or content[end + 1] < 0xC0 or 0xD0 <= content[end + 1] <= 0xD7
            ):
                end += 1
        segments.append(content[at:end])
        at = end
    return [*segments, content[at:]]


def _changed_segments(segments: list[bytes], rng: random.Random) -> list[bytes]:
    at = rng.randrange(len(segments))
    segment = segments[at]
    way = rng.randrange(5)
    if way == 0:
        return segments[:at] + segments[at + 1 :]
    if way == 1:
        to = rng.randrange(len(segments) + 1)
        return segments[:to] + [segment] * rng.choice((1, 1, 40)) + segments[to:]
    if way == 2 and len(segment) > 9 and segment[1] in _MAIN:
        side = struct.pack(">H", rng.choice(_SIDES) & 0xFFFF)
        where = rng.choice((5, 7))
        return [*segments[:at], segment[:where] + side + segment[where + 2 :], *segments[at + 1 :]]
    if way == 3:
        other = bytes(
            [0xFF, rng.choice((0xC0, 0xC2, 0xC4, 0xC9, 0xDA, 0xDB, 0xDC, 0xDD, 0xE1, 0xFE, 1))]
        )
        return [*segments[:at], other + segment[2:], *segments[at:]]
    return [*segments[:at], segment[:4] + _changed_bytes(segment[4:], rng), *segments[at + 1 :]]
