# SPDX-License-Identifier: Apache-2.0
"""What pictures look like: alike when they show the same, and not otherwise."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from segnet_ros.bags.mining.descriptor import SIZE, describe, differences
from segnet_ros.simulation.drive import StreetDrive

Pixels = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def street() -> Pixels:
    return StreetDrive(3, (480, 360)).frame(40)[0]


def _apart(a: Pixels, b: Pixels) -> float:
    (difference,) = differences(describe(a), describe(b)[None])
    return float(difference)


def test_a_grey_picture() -> None:
    found = describe(np.full((48, 64, 3), 50, np.uint8))
    assert found.shape == (SIZE,)
    assert found.dtype == np.uint8
    # Brightness is relative, 128 is no colour, and there are no edges.
    assert found.tolist() == [100] * 9 + [128] * 18 + [0] * 36


def test_a_black_picture_is_like_any_other() -> None:
    assert describe(np.zeros((48, 64, 3), np.uint8)).tolist() == [0] * 9 + [128] * 18 + [0] * 36


def test_edges_are_told_by_place_and_direction() -> None:
    image = np.full((90, 120, 3), 100, np.uint8)
    image[:, 10:30] = 200  # upright edges in the left cells
    upright = describe(image)[27:].reshape(4, 3, 3)
    assert (upright[0, :, 0] > 60).all()
    assert not upright[1:].any()
    assert not upright[:, :, 1:].any()
    image[:] = 100
    image[65:75] = 200  # level edges in the lower cells
    level = describe(image)[27:].reshape(4, 3, 3)
    assert (level[2, 2] > 60).all()
    assert not level[[0, 1, 3]].any()
    assert not level[:, :2].any()


@pytest.mark.parametrize(
    ("size", "bound"), [((240, 180), 1.0), ((1280, 720), 2.0), ((640, 480), 1.0)]
)
def test_size_does_not_matter(street: Pixels, size: tuple[int, int], bound: float) -> None:
    resized = np.asarray(cv2.resize(street, size, interpolation=cv2.INTER_AREA), np.uint8)
    assert _apart(street, resized) < bound


def test_exposure_and_compression_matter_little(street: Pixels) -> None:
    darker = (street * 0.75).astype(np.uint8)
    _, jpeg = cv2.imencode(".jpg", street, [cv2.IMWRITE_JPEG_QUALITY, 50])
    compressed = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)
    assert _apart(street, darker) < 1.5
    assert _apart(street, compressed) < 1.5


def test_neighbours_are_nearer_than_other_scenes() -> None:
    drive = StreetDrive(3, (480, 360))
    first, next_one, later = (drive.frame(k)[0] for k in (40, 43, 400))
    other = StreetDrive(9, (480, 360)).frame(40)[0]
    near = _apart(first, next_one)
    assert 0 < near < 6
    assert _apart(first, later) > 2 * near
    assert _apart(first, other) > 2 * near


def test_differences_are_means_of_bytes() -> None:
    one = np.zeros(SIZE, np.uint8)
    others = np.array([one, one + 255, one], np.uint8)
    others[2, :21] = 3
    assert differences(one, others).tolist() == [0, 255, 1]
    assert differences(others[1], others).tolist() == [255, 0, 254]
    assert differences(one, others[:0]).tolist() == []
