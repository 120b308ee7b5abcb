# SPDX-License-Identifier: Apache-2.0
"""Small files that declare large pictures."""

import struct
import zlib
from collections.abc import Sequence


def png(width: int, height: int, color: int = 2) -> bytes:
    """A PNG whose header and first rows are in order; color 0 grey, 2 RGB, 3 palette."""
    header = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0)
    palette = [_chunk(b"PLTE", bytes(6))] if color == 3 else []
    rows = _chunk(b"IDAT", zlib.compress(bytes(100_000), 9))
    start = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header)
    return b"".join([start, *palette, rows, _chunk(b"IEND", b"")])


def _chunk(kind: bytes, data: bytes) -> bytes:
    checked = kind + data
    return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))


def jpeg(width: int, height: int) -> bytes:
    """Frame and scan headers of a JPEG, and its end."""
    comment = b"\xff\xfe\x00\x06size"
    frame = b"\xff\xc0\x00\x0b\x08" + struct.pack(">HH", height, width) + b"\x01\x01\x11\x00"
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
    return b"\xff\xd8" + comment + frame + scan + bytes(200) + b"\xff\xd9"


def bmp(width: int, height: int) -> bytes:
    """Headers of a BMP and a few pixels."""
    head = b"BM" + struct.pack("<IHHI", 1000, 0, 0, 54)
    return head + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, *6 * (0,)) + bytes(500)


def pgm(width: int, height: int) -> bytes:
    """Header of a PGM and a few pixels."""
    return f"P5 {width} {height} 255\n".encode() + bytes(300)


def tiff(width: int, height: int) -> bytes:
    """A TIFF of one strip, grey, with a few pixels."""
    tags = [
        (256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 200), (277, 1),
        (278, height), (279, 300),
    ]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(400)


def avi(width: int, height: int, frames: Sequence[bytes]) -> bytes:
    """A video of PNGs that declares a size of its own."""
    code = b"MPNG"
    main = struct.pack("<14I", 100_000, 0, 0, 16, len(frames), 0, 1, 0, width, height, *4 * (0,))
    stream = b"vids" + code + struct.pack("<9I", 0, 0, 0, 1, 10, 0, len(frames), 0, 2**32 - 1)
    picture = struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 24, code, *5 * (0,))
    one = _list(b"strl", _part(b"strh", stream + bytes(12)) + _part(b"strf", picture))
    head = _list(b"hdrl", _part(b"avih", main) + one)
    movie = _list(b"movi", b"".join(_part(b"00dc", frame) for frame in frames))
    return _part(b"RIFF", b"AVI " + head + movie)


def _part(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def _list(name: bytes, data: bytes) -> bytes:
    return _part(b"LIST", name + data)
