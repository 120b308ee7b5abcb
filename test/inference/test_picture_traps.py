# SPDX-License-Identifier: Apache-2.0
"""Pictures that fuzzing found to cost OpenCV gigabytes, minutes or its life."""

import struct
import zlib

import cv2
import numpy as np
import pytest

from segnet_ros.inference.picture_traps import MAX_SCAN_PIXELS, trap

PICTURE = np.random.default_rng(3).integers(0, 255, (16, 24, 3), np.uint8)
PNG = cv2.imencode(".png", PICTURE)[1].tobytes()
JPEG = cv2.imencode(".jpg", PICTURE)[1].tobytes()
PROGRESSIVE = cv2.imencode(".jpg", PICTURE, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
SCAN = b"\xff\xda\0\x08\1\1\0\1\x05\2\x7f\xfe"


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def behind_header(inserted: bytes) -> bytes:
    """The PNG with something behind its first chunk."""
    return PNG[:33] + inserted + PNG[33:]


def resized(jpeg: bytes, height: int, width: int) -> bytes:
    """A JPEG that declares another size."""
    start = max(jpeg.find(b"\xff\xc0"), jpeg.find(b"\xff\xc2"))
    return jpeg[: start + 5] + struct.pack(">HH", height, width) + jpeg[start + 9 :]


@pytest.mark.parametrize("picture", [PNG, JPEG, PROGRESSIVE, b"", b"BM", PNG + b"trailing bytes"])
def test_ordinary_pictures_are_no_traps(picture: bytes) -> None:
    assert trap(picture) == ""


@pytest.mark.parametrize("declared", [2**32 - 1, 0xB7000000, len(PNG)])
def test_a_chunk_longer_than_the_png(declared: int) -> None:
    inserted = struct.pack(">I", declared) + b"IDAT"
    assert trap(behind_header(inserted)) == (
        f"is corrupt or cut short: a chunk ends at byte {33 + 12 + declared}, expected a whole "
        "picture"
    )


def test_an_end_before_the_pixels() -> None:
    hidden = struct.pack(">I", 2**31 - 1) + b"IDAT"
    assert trap(behind_header(chunk(b"IEND", b"") + hidden)) == (
        "is corrupt or cut short: it ends before its pixels, expected a whole picture"
    )


@pytest.mark.parametrize("name", [b"acTL", b"fcTL", b"fdAT"])
def test_an_animated_png(name: bytes) -> None:
    animated = behind_header(chunk(name, bytes(26)))
    assert trap(animated) == "is an animated PNG, expected a single picture"


@pytest.mark.parametrize("jpeg", [JPEG, PROGRESSIVE])
def test_scans_without_end(jpeg: bytes) -> None:
    """Each costs a decoder all pixels: 95 bytes take 25 ms of 8000 x 8000."""
    one_channel_first = jpeg.replace(b"\xff\xda\0\x0c\3", b"\xff\xda\0\x0c\1", 1)
    picture = resized(one_channel_first, 8000, 8000)
    scans = picture.count(b"\xff\xda")
    fitting = picture[:-2] + SCAN * (MAX_SCAN_PIXELS // 64_000_000 - scans) + picture[-2:]
    assert trap(fitting) == ""
    assert trap(fitting[:-2] + SCAN + fitting[-2:]) == (
        "has 17 scans, expected at most 16 for its size"
    )


def test_scans_of_a_small_picture_are_cheap() -> None:
    assert trap(PROGRESSIVE[:-2] + SCAN * 1000 + PROGRESSIVE[-2:]) == ""
