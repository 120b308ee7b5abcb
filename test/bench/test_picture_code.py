# SPDX-License-Identifier: Apache-2.0
"""What is drawn into a picture is read from the brightest channels, whatever the size."""

import numpy as np
import pytest
from picture_code import Code, draw, moment_of, read

STAMP = 1_700_000_123_456_789_000


def labels_of(camera: int, number: int, size: tuple[int, int] = (640, 480)) -> np.ndarray:
    """What a model of the brightest channel answers, uint8 [H, W]."""
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    draw(picture, camera, number, STAMP)
    return picture.argmax(2).astype(np.uint8)


@pytest.mark.parametrize("size", [(640, 480), (1920, 1080), (240, 180), (101, 67)])
@pytest.mark.parametrize(("camera", "number"), [(0, 0), (3, 531440), (8, 12345)])
def test_reads_what_was_drawn(camera: int, number: int, size: tuple[int, int]) -> None:
    assert read(labels_of(camera, number, size)) == Code(camera, number, moment_of(STAMP))


def test_a_moment_is_the_last_microseconds_of_a_stamp() -> None:
    assert moment_of(5_999) == 5
    assert moment_of(1000 * 3**18 + 7_000) == 7


def test_every_frame_of_every_camera_looks_different() -> None:
    seen = {
        labels_of(camera, number, (64, 48)).tobytes() for camera in range(3) for number in range(9)
    }
    assert len(seen) == 27


def test_a_block_of_two_pictures_is_no_code() -> None:
    torn = labels_of(camera=1, number=0)
    torn[180:] = labels_of(camera=1, number=364)[180:]  # 111111 to the base of 3
    assert read(torn) is None


def test_other_labels_are_no_code() -> None:
    assert read(np.full((480, 640), 5, np.uint8)) is None
    assert read(np.full((480, 640), 255, np.uint8)) is None
