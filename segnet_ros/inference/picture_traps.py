# SPDX-License-Identifier: Apache-2.0
"""Pictures that decoders waste gigabytes and minutes on, or crash at, found before decoding."""

from collections.abc import Iterator

from segnet_ros.inference.picture_header import (
    JPEG_SIGNATURE,
    MAX_PIXELS,
    PNG_SIGNATURE,
    declared_size,
    jpeg_segments,
)

MAX_SCAN_PIXELS = 16 * MAX_PIXELS
"""Pixels of a JPEG times its scans: a scan of some 30 bytes can change every pixel once more."""

_SCAN = b"\xff\xda"
_PROGRESSIVE = b"\xc2\xc6\xca\xce"
_ANIMATION = (b"acTL", b"fcTL", b"fdAT")
_PNG_FRAME = 12  # bytes of a chunk's length, name and check sum


def trap(content: bytes) -> str:
    """What is dangerous about a JPEG or PNG, and what was expected; empty if nothing.

    Args:
        content: A whole picture whose size is within bounds.

    """
    if content.startswith(PNG_SIGNATURE):
        return _png_trap(content)
    return _jpeg_trap(content) if content.startswith(JPEG_SIGNATURE) else ""


def _png_trap(content: bytes) -> str:
    names = set()
    for name, end in _chunks(content):
        names.add(name)
        if end > len(content):  # OpenCV allocates a chunk before reading it: 58 bytes can cost 3 GB
            return f"is corrupt or cut short: a chunk ends at byte {end}, expected a whole picture"
        if name in _ANIMATION:  # OpenCV 4.14 writes outside of its memory where frames do not fit
            return "is an animated PNG, expected a single picture"
    if b"IDAT" not in names:  # OpenCV looks for pixels behind the end, where nothing was checked
        return "is corrupt or cut short: it ends before its pixels, expected a whole picture"
    return ""


def _chunks(content: bytes) -> Iterator[tuple[bytes, int]]:
    start, name = len(PNG_SIGNATURE), b""
    while start + 8 <= len(content) and name != b"IEND":
        end = start + _PNG_FRAME + int.from_bytes(content[start : start + 4], "big")
        name = content[start + 4 : start + 8]
        yield name, end
        start = end


def _jpeg_trap(content: bytes) -> str:
    declared = declared_size(content)
    if declared is None or not _may_have_scans(content, declared.start):
        return ""
    scans, pixels = content.count(_SCAN), declared.height * declared.width
    if scans * pixels <= MAX_SCAN_PIXELS:
        return ""
    return f"has {scans} scans, expected at most {MAX_SCAN_PIXELS // pixels} for its size"


def _may_have_scans(content: bytes, frame: int) -> bool:
    """Whether a decoder goes on after the first scan; counting them takes time, and few do.

    Args:
        content: A JPEG.
        frame: Start of its frame header, after the marker.

    """
    starts = (start for marker, start in jpeg_segments(content) if marker == _SCAN[1])
    scan = next(starts, 0)
    all_at_once = content[scan + 2 : scan + 3] == content[frame + 7 : frame + 8]
    return content[frame - 1] in _PROGRESSIVE or not all_at_once
