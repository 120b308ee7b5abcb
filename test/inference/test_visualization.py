# SPDX-License-Identifier: Apache-2.0
"""Colours, overlay and legend, to the pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segnet_ros.inference.model import SegmentationClass
from segnet_ros.inference.visualization import Legend, blend, color_table, colorize, legend

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
    ("width", "places"),
    [
        (336, [(0, 0), (0, 112), (0, 224)]),
        (335, [(0, 0), (0, 112), (22, 0)]),
        (111, [(0, 0), (22, 0), (44, 0)]),
    ],
    ids=["one row", "two rows", "one column"],
)
def test_legend_shows_every_class(width: int, places: list[tuple[int, int]]) -> None:
    picture = legend(CLASSES, width)
    assert picture.dtype == np.uint8
    assert picture.shape == (places[-1][0] + 22, width, 3)
    for item, (top, left) in zip(CLASSES, places, strict=True):
        assert (picture[top + 6 : top + 17, left + 6 : left + 17] == item.color).all()
        assert (picture[top : top + 5, left : left + 112] == BACKGROUND).all()
        name = picture[top : top + 22, left + 23 : left + 112]
        assert name.max() > 200, f"{item.name} is not written"


def test_legend_writes_the_names() -> None:
    one, other = (legend([SegmentationClass(name, (9, 9, 9))], 112) for name in ("Car", "Cat"))
    assert (one != other).any()


GREY = 100
SHADED = 35  # what is left of it in the table's box
INK = 150  # text is brighter
ROW = 14  # of pictures up to 420 pixels high


def drawn(labels: np.ndarray, size: tuple[int, int] = (320, 240)) -> np.ndarray:
    width, height = size
    overlay = np.full((height, width, 3), GREY, np.uint8)
    Legend(CLASSES).draw(overlay, labels)
    return overlay


def frame(*counts: int, unlabelled: int = 0) -> np.ndarray:
    """Labels with so many pixels of every class."""
    ids = np.repeat(np.array([*range(len(counts)), 255], np.uint8), [*counts, unlabelled])
    return ids.reshape(-1, 10)


def box(overlay: np.ndarray) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of what was drawn."""
    rows, columns = np.nonzero((overlay != GREY).any(axis=2))
    return rows.min(), rows.max() + 1, columns.min(), columns.max() + 1


def swatches(overlay: np.ndarray, rows: int) -> list[tuple[int, ...]]:
    """The colours at the left of so many rows."""
    return [tuple(overlay[ROW // 2 + ROW * i + 7, ROW // 2 + 7].tolist()) for i in range(rows)]


def written(overlay: np.ndarray, row: int) -> np.ndarray:
    """One row of the table, right of the swatch."""
    _, _, left, right = box(overlay)
    top = ROW // 2 + ROW * row
    return overlay[top : top + ROW, left + ROW : right]


def test_table_lists_what_is_in_sight_the_largest_first() -> None:
    overlay = drawn(frame(20, 0, 30, unlabelled=50))
    top, bottom, left, _ = box(overlay)
    assert (top, bottom, left) == (7, 7 + 3 * ROW, 7)
    assert swatches(overlay, 3) == [(0, 0, 0), TREE.color, SKY.color]


def test_equal_shares_are_listed_by_id() -> None:
    assert swatches(drawn(frame(30, 30, 40)), 3) == [TREE.color, SKY.color, ROAD.color]


def test_picture_shows_through_the_table() -> None:
    overlay = drawn(frame(0, 0, 100))
    top, bottom, left, right = box(overlay)
    assert (overlay[top, left:right] == SHADED).all()
    assert (overlay[bottom - 1, left:right] == SHADED).all()
    outside = np.ones((240, 320), bool)
    outside[top:bottom, left:right] = False
    assert (overlay[outside] == GREY).all()


def test_table_does_not_jump_with_what_is_in_sight() -> None:
    one, other = (box(drawn(labels)) for labels in (frame(100), frame(0, 90, unlabelled=10)))
    assert one[2:] == other[2:]


def test_table_has_room_for_the_longest_name() -> None:
    long = SegmentationClass("Pedestrian", (1, 2, 3))
    edges = []
    for classes, seen in ((CLASSES, 0), ((SKY, long), 0), ((long, SKY), 1)):
        overlay = np.full((240, 320, 3), GREY, np.uint8)
        Legend(classes).draw(overlay, np.full((2, 2), seen, np.uint8))
        edges.append(box(overlay)[3])
    assert edges[0] < edges[1] == edges[2]


@pytest.mark.parametrize(
    ("one", "other"),
    [((41, 59), (42, 58)), ((100,), (99, 1)), ((9, 991), (10, 990))],
    ids=["41 and 42 %", "100 and 99 %", "less than 1 and 1 %"],
)
def test_table_tells_the_shares(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    def row_of_sky(counts: tuple[int, ...]) -> np.ndarray:
        overlay = drawn(frame(*counts))
        return written(overlay, swatches(overlay, len(counts)).index(SKY.color))

    assert (row_of_sky(one) != row_of_sky(other)).any()
    np.testing.assert_array_equal(row_of_sky(one), row_of_sky(tuple(10 * n for n in one)))


def test_shares_end_in_one_column() -> None:
    overlay = drawn(frame(2, 95, 3))
    ends = [np.nonzero((written(overlay, row) > INK).any(axis=(0, 2)))[0].max() for row in range(3)]
    assert len(set(ends)) == 1


def test_ids_without_a_class_are_unlabelled() -> None:
    labels = np.array([[0, 3, 100, 255]], np.uint8)
    expected = np.array([[0, 255, 255, 255]], np.uint8)
    np.testing.assert_array_equal(drawn(labels), drawn(expected))


def test_labels_may_have_another_size_and_padded_rows() -> None:
    labels = np.repeat(frame(20, 30, 50), 4, axis=0)
    np.testing.assert_array_equal(drawn(labels[:, 2:7]), drawn(labels))


@pytest.mark.parametrize(
    ("size", "row"), [((320, 240), 14), ((1280, 720), 24), ((1920, 1080), 36), ((720, 1280), 24)]
)
def test_table_grows_with_the_picture(size: tuple[int, int], row: int) -> None:
    top, bottom, left, right = box(drawn(frame(20, 30, 50), size))
    assert (top, left, bottom) == (row // 2, row // 2, row // 2 + 3 * row)
    assert right < size[0] / 2


def test_table_keeps_within_a_low_picture() -> None:
    overlay = drawn(frame(20, 30, 50), (320, 3 * ROW))
    assert box(overlay)[:2] == (7, 7 + 2 * ROW)
    assert swatches(overlay, 2) == [TREE.color, ROAD.color]


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (3, 300), (9, 300), (300, 20), (60, 60)])
def test_tiny_pictures_take_what_fits(size: tuple[int, int]) -> None:
    overlay = drawn(frame(20, 30, 50), size)
    assert overlay.shape == (size[1], size[0], 3)
    assert (overlay != GREY).any() == (size in [(9, 300), (60, 60)])
