"""Colours, overlay and legend, to the pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segnet_ros.inference.model import SegmentationClass
from segnet_ros.inference.visualization import blend, color_table, colorize, legend

SKY = SegmentationClass("Sky", (128, 200, 255))
ROAD = SegmentationClass("Road", (128, 64, 10))
TREE = SegmentationClass("Tree", (0, 140, 30))
CLASSES = (SKY, ROAD, TREE)
BACKGROUND = (24, 24, 24)


def test_table_holds_class_colors_and_black() -> None:
    table = color_table(CLASSES)
    assert table.shape == (256, 1, 3)
    assert table.dtype == np.uint8
    assert [tuple(color) for color in table[:3, 0]] == [item.color for item in CLASSES]
    assert not table[3:].any()


def test_table_of_the_most_classes() -> None:
    classes = [SegmentationClass(str(index), (index, 1, 2)) for index in range(255)]
    table = color_table(classes)
    assert tuple(table[254, 0]) == (254, 1, 2)
    assert tuple(table[255, 0]) == (0, 0, 0)


def test_labels_are_painted_in_rgb() -> None:
    labels = np.array([[0, 1, 2], [255, 3, 0]], np.uint8)
    black = (0, 0, 0)
    expected = [[SKY.color, ROAD.color, TREE.color], [black, black, SKY.color]]
    np.testing.assert_array_equal(colorize(labels, color_table(CLASSES)), expected)


def test_padded_labels_are_painted() -> None:
    padded = np.random.default_rng(3).integers(0, 3, (5, 9), dtype=np.uint8)
    table = color_table(CLASSES)
    labels = padded[:, 2:6]
    np.testing.assert_array_equal(colorize(labels, table), table[:, 0][labels])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_blend_weighs_picture_and_colors(seed: int, alpha: float) -> None:
    image, color = np.random.default_rng(seed).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    mixed = blend(image, color, alpha)
    assert mixed.dtype == np.uint8
    expected = image * (1 - alpha) + color * alpha
    np.testing.assert_allclose(mixed, expected, rtol=0, atol=0.51)


def test_blend_at_its_ends_and_middle() -> None:
    image = np.array([[[0, 100, 255]]], np.uint8)
    color = np.array([[[200, 50, 255]]], np.uint8)
    np.testing.assert_array_equal(blend(image, color, 0.0), image)
    np.testing.assert_array_equal(blend(image, color, 1.0), color)
    np.testing.assert_array_equal(blend(image, color, 0.5), [[[100, 75, 255]]])
    np.testing.assert_array_equal(blend(image, color, 0.25), [[[50, 88, 255]]])


@pytest.mark.parametrize(
    ("width", "row_height", "places"),
    [
        (336, 22, [(0, 0), (0, 112), (0, 224)]),
        (335, 22, [(0, 0), (0, 112), (22, 0)]),
        (111, 30, [(0, 0), (30, 0), (60, 0)]),
    ],
    ids=["one row", "two rows", "one column"],
)
def test_legend_shows_every_class(
    width: int, row_height: int, places: list[tuple[int, int]]
) -> None:
    picture = legend(CLASSES, width, row_height)
    assert picture.dtype == np.uint8
    assert picture.shape == (places[-1][0] + row_height, width, 3)
    for item, (top, left) in zip(CLASSES, places, strict=True):
        assert (picture[top + 5 : top + 18, left + 5 : left + 18] == item.color).all()
        assert (picture[top : top + 5, left : left + 112] == BACKGROUND).all()
        name = picture[top : top + row_height, left + 23 : left + 112]
        assert name.max() > 200, f"{item.name} is not written"


def test_legend_writes_the_names() -> None:
    one, other = (legend([SegmentationClass(name, (9, 9, 9))], 112) for name in ("Car", "Cat"))
    assert (one != other).any()
