# SPDX-License-Identifier: Apache-2.0
"""Regions of label images and their outlines, which must fill to the very pixels again."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from segnet_ros.datasets.polygons import (
    Region,
    centre_outline,
    corner_outlines,
    filled,
    find_regions,
    without_specks,
)

Pixels = npt.NDArray[np.uint8]

RING = np.array([[0, 0, 0, 0, 0], [0, 1, 1, 1, 0], [0, 1, 2, 1, 0], [0, 1, 1, 1, 0]], np.uint8)


def _noise(seed: int) -> Pixels:
    random = np.random.default_rng(seed)
    return random.choice([0, 1, 7, 255], (9, 11), p=[0.5, 0.3, 0.1, 0.1]).astype(np.uint8)


def _inside(line: npt.NDArray[np.int32], size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Which pixels' centres lie within a line of corners: those with an odd number to the left."""
    rows, columns = np.indices(size)
    inside = np.zeros(size, bool)
    for (x, y), (next_x, next_y) in zip(line, np.roll(line, -1, axis=0), strict=True):
        if x == next_x:
            beside = (min(y, next_y) <= rows) & (rows < max(y, next_y))
            inside ^= beside & (columns >= x)
    return inside


def _place(region: Region, size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    picture = np.zeros(size, bool)
    height, width = region.mask.shape
    picture[region.top : region.top + height, region.left : region.left + width] = region.mask
    return picture


def test_regions_of_a_ring() -> None:
    around, ring, middle = find_regions(RING)
    assert (around.label, around.left, around.top, around.area) == (0, 0, 0, 11)
    assert (ring.label, ring.left, ring.top, ring.area) == (1, 1, 1, 8)
    np.testing.assert_array_equal(ring.mask, [[1, 1, 1], [1, 0, 1], [1, 1, 1]])
    assert (middle.label, middle.left, middle.top, middle.area) == (2, 2, 2, 1)


def test_touching_corners_part_regions() -> None:
    found = find_regions(np.array([[1, 255], [255, 1]], np.uint8))
    assert [(region.label, region.left, region.top) for region in found] == [
        (1, 0, 0),
        (1, 1, 1),
        (255, 1, 0),
        (255, 0, 1),
    ]


@pytest.mark.parametrize("seed", range(20))
def test_regions_make_up_the_picture(seed: int) -> None:
    labels = _noise(seed)
    again = np.full(labels.shape, 99, np.uint8)
    for region in find_regions(labels):
        place = _place(region, labels.shape)
        assert (again[place] == 99).all()
        assert region.area == place.sum()
        again[place] = region.label
    np.testing.assert_array_equal(again, labels)


def test_outlines_of_a_ring() -> None:
    outer, hole = corner_outlines(find_regions(RING)[1])
    assert sorted(map(tuple, outer.tolist())) == [(1, 1), (1, 4), (4, 1), (4, 4)]
    assert sorted(map(tuple, hole.tolist())) == [(2, 2), (2, 3), (3, 2), (3, 3)]


@pytest.mark.parametrize("seed", range(50))
def test_corner_outlines_fill_to_the_region(seed: int) -> None:
    labels = _noise(seed)
    for region in find_regions(labels):
        outer, *holes = corner_outlines(region)
        again = _inside(outer, labels.shape)
        for hole in holes:
            inside = _inside(hole, labels.shape)
            assert (again | ~inside).all()
            again &= ~inside
        np.testing.assert_array_equal(again, _place(region, labels.shape))


@pytest.mark.parametrize("seed", range(50))
def test_centre_outline_fills_to_the_region_and_its_holes(seed: int) -> None:
    labels = _noise(seed)
    for region in find_regions(labels):
        line = centre_outline(region)
        assert len(line) >= 3
        again = np.zeros_like(labels)
        cv2.fillPoly(again, [line], 1)
        outer = _inside(corner_outlines(region)[0], labels.shape)
        np.testing.assert_array_equal(again.astype(bool), outer)
        height, width = region.mask.shape
        box = again[region.top : region.top + height, region.left : region.left + width]
        np.testing.assert_array_equal(filled(region), box)


def test_straight_edges_have_points_at_their_ends_only() -> None:
    labels = np.zeros((30, 40), np.uint8)
    labels[5:25, 10:30] = 1
    (outline,) = corner_outlines(find_regions(labels)[1])
    assert len(outline) == 4


def test_smallest_regions_are_left_out_up_to_a_quarter_of_a_percent() -> None:
    labels = np.zeros((40, 40), np.uint8)  # 1600 pixels: 4 may go
    labels[2, 2] = labels[4, 4] = 1
    labels[6, 6:8] = 2
    labels[8, 8:11] = 3
    kept = without_specks(find_regions(labels), labels.size)
    assert [(region.label, region.area) for region in kept] == [(0, 1593), (3, 3)]


def test_everything_may_be_a_speck() -> None:
    assert without_specks(find_regions(np.ones((1, 1), np.uint8)), 400) == []
