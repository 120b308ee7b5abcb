# SPDX-License-Identifier: Apache-2.0
"""What headers declare, and where they begin."""

import cv2
import numpy as np
import pytest

from segnet_ros.inference.picture_header import Declared, declared_size, jpeg_segments

PIXELS = np.zeros((9, 300, 3), np.uint8)
PNG = cv2.imencode(".png", PIXELS)[1].tobytes()
JPEG = cv2.imencode(".jpg", PIXELS)[1].tobytes()


def test_a_png_declares_its_size_behind_the_first_chunk_s_name() -> None:
    assert declared_size(PNG) == Declared(height=9, width=300, start=16)


def test_a_jpeg_declares_its_size_behind_the_frame_s_marker() -> None:
    start = JPEG.index(b"\xff\xc0") + 2
    assert declared_size(JPEG) == Declared(height=9, width=300, start=start)


@pytest.mark.parametrize(
    "content", [b"", PNG[:12], JPEG[:3], PNG[1:], JPEG[1:], b"GIF" + JPEG, PNG[:12] + PNG[16:]]
)
def test_nothing_is_declared_elsewhere(content: bytes) -> None:
    assert declared_size(content) is None


def test_the_segments_of_a_jpeg() -> None:
    found = list(jpeg_segments(JPEG[: JPEG.index(b"\xff\xda") + 4]))
    assert all(JPEG[start - 2] == 0xFF and JPEG[start - 1] == marker for marker, start in found)
    markers = [marker for marker, _ in found]
    assert markers[0] == 0xE0
    assert markers.count(0xC0) == 1
    assert markers[-1] == 0xDA
