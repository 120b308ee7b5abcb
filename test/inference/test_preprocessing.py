# SPDX-License-Identifier: Apache-2.0
"""Pictures at the network's size: the sampling convention, to the value."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.preprocessing import resize_image

Pixels = npt.NDArray[np.uint8]


def _row(*values: int) -> Pixels:
    """A picture of one row with three different channels."""
    gray = np.array([values], np.uint8)
    return np.stack([gray, gray // 2, 255 - gray], axis=2)


def _bilinear(image: Pixels, size: tuple[int, int]) -> npt.NDArray[np.float64]:
    """The convention, spelt out: pixel centres at half integers, edges repeated."""
    result = image.astype(np.float64)
    for axis, target in ((0, size[1]), (1, size[0])):
        length = result.shape[axis]
        place = np.clip((np.arange(target) + 0.5) * length / target - 0.5, 0, length - 1)
        low = np.floor(place).astype(int)
        shape = [-1 if axis == other else 1 for other in range(3)]
        weight = (place - low).reshape(shape)
        high = np.minimum(low + 1, length - 1)
        result = result.take(low, axis) * (1 - weight) + result.take(high, axis) * weight
    return result


def _assert_within_rounding(got: Pixels, expected: npt.NDArray[np.float64]) -> None:
    np.testing.assert_allclose(got, expected, rtol=0, atol=1.0)


def test_fitting_picture_is_not_copied() -> None:
    image = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    assert resize_image(image, (5, 4)) is image


def test_padded_rows_become_contiguous() -> None:
    padded = np.arange(4 * 8 * 3, dtype=np.uint8).reshape(4, 8, 3)
    image = padded[:, :5]
    resized = resize_image(image, (5, 4))
    assert resized.flags.c_contiguous
    np.testing.assert_array_equal(resized, image)
    np.testing.assert_array_equal(
        resize_image(image, (7, 9)), resize_image(np.ascontiguousarray(image), (7, 9))
    )


@pytest.mark.parametrize(
    ("values", "width", "expected"),
    [
        ((0, 100), 4, (0, 25, 75, 100)),
        ((10, 20, 30, 50), 2, (15, 40)),
        ((0, 100, 200), 2, (25, 175)),
        ((80,), 3, (80, 80, 80)),
    ],
    ids=["twice as wide", "half as wide", "two thirds", "one pixel"],
)
def test_half_pixel_centres(values: tuple[int, ...], width: int, expected: tuple[int, ...]) -> None:
    np.testing.assert_array_equal(resize_image(_row(*values), (width, 1))[0, :, 0], expected)
    column = _row(*values).transpose(1, 0, 2)
    np.testing.assert_array_equal(resize_image(column, (1, width))[:, 0, 0], expected)


def test_channels_stay_in_their_order() -> None:
    image = np.full((6, 8, 3), (10, 120, 230), np.uint8)
    for size in ((16, 12), (5, 4), (2, 1)):
        assert (resize_image(image, size) == (10, 120, 230)).all()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_up_to_a_factor_of_two_is_bilinear(data: st.DataObject) -> None:
    width, height = (data.draw(st.integers(1, 24)) for _ in range(2))
    size = (
        data.draw(st.integers(-(-width // 2), 3 * width)),
        data.draw(st.integers(-(-height // 2), 3 * height)),
    )
    seed = data.draw(st.integers(0, 2**32 - 1))
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    resized = resize_image(image, size)
    assert resized.dtype == np.uint8
    assert resized.shape == (size[1], size[0], 3)
    _assert_within_rounding(resized, _bilinear(image, size))


@pytest.mark.parametrize(("across", "down"), [(3, 3), (4, 1), (1, 3), (5, 2)])
def test_beyond_a_factor_of_two_every_pixel_counts(across: int, down: int) -> None:
    image = np.random.default_rng(1).integers(0, 256, (4 * down, 6 * across, 3), dtype=np.uint8)
    blocks = image.reshape(4, down, 6, across, 3).mean(axis=(1, 3))
    _assert_within_rounding(resize_image(image, (6, 4)), blocks)


def test_thin_stripes_do_not_vanish() -> None:
    stripes = np.zeros((9, 30, 3), np.uint8)
    stripes[:, ::3] = 255
    assert (resize_image(stripes, (10, 3)) == 85).all()


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (np.full((4, 4, 3), 0.5, np.float32), "float32 (4, 4, 3)"),
        (np.zeros((4, 4), np.uint8), "uint8 (4, 4)"),
        (np.zeros((4, 4, 4), np.uint8), "uint8 (4, 4, 4)"),
        (np.zeros((0, 4, 3), np.uint8), "uint8 (0, 4, 3)"),
    ],
    ids=["floating point", "gray", "with alpha", "empty"],
)
@pytest.mark.parametrize("size", [(2, 2), (4, 4)])
def test_no_picture(image: Pixels, found: str, size: tuple[int, int]) -> None:
    with pytest.raises(InferenceError) as caught:
        resize_image(image, size)
    assert str(caught.value) == f"the picture is {found}; expected uint8 (height, width, 3), RGB"
