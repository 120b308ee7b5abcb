# SPDX-License-Identifier: Apache-2.0
"""Flicker of labels: none where the scene moves, as much as was planted where it does not."""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from segnet_ros.evaluation.flicker import FlowWarp, flicker
from segnet_ros.simulation.drive import StreetDrive

Pixels = npt.NDArray[np.uint8]

SIZE = (240, 160)
OTHER = 30


@pytest.fixture(scope="module")
def street() -> tuple[Pixels, Pixels]:
    """A rendered street and its labels, larger than the crops that move over it."""
    return StreetDrive(3, (320, 240)).frame(100)


def _crop(street: tuple[Pixels, Pixels], left: int, top: int) -> tuple[Pixels, Pixels]:
    width, height = SIZE
    image, labels = (each[top : top + height, left : left + width] for each in street)
    return np.ascontiguousarray(image), np.ascontiguousarray(labels)


def _planted(labels: Pixels, share: float, speck: int, seed: int) -> Pixels:
    """Another class in a share of the picture, in squares."""
    height, width = labels.shape
    random = np.random.default_rng(seed).random((height // speck, width // speck))
    chosen = random < np.quantile(random, share)
    return np.where(chosen.repeat(speck, 0).repeat(speck, 1), np.uint8(OTHER), labels)


def test_a_scene_and_labels_at_rest_do_not_flicker(street: tuple[Pixels, Pixels]) -> None:
    image, labels = _crop(street, 40, 40)
    measured = flicker(image, image, labels, labels)
    assert (measured.changed, measured.compared) == (0, labels.size)
    assert not measured.mask.any()
    assert measured.mask.dtype == np.uint8
    np.testing.assert_array_equal(measured.seen, np.bincount(labels.ravel(), minlength=256))
    np.testing.assert_array_equal(measured.kept, measured.seen)


@pytest.mark.parametrize(("right", "down"), [(3, 0), (-2, 1), (0, -4), (7, 3)])
def test_labels_that_move_along_do_not_flicker(
    street: tuple[Pixels, Pixels], right: int, down: int
) -> None:
    before, after = _crop(street, 40, 40), _crop(street, 40 + right, 40 + down)
    measured = flicker(before[0], after[0], before[1], after[1])
    assert measured.changed <= 0.0005 * measured.compared
    assert measured.compared > 0.8 * after[1].size


@pytest.mark.parametrize("motion", [(0, 0), (4, 1)])
@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("speck", [1, 4, 10])
def test_as_much_is_measured_as_was_planted(
    street: tuple[Pixels, Pixels], motion: tuple[int, int], share: float, speck: int
) -> None:
    before, after = _crop(street, 40, 40), _crop(street, 40 + motion[0], 40 + motion[1])
    flickering = _planted(after[1], share, speck, seed=1)
    measured = flicker(before[0], after[0], before[1], flickering)
    trusted = FlowWarp(before[0], after[0]).trusted
    planted = np.count_nonzero(flickering[trusted] == OTHER) / np.count_nonzero(trusted)
    assert planted == pytest.approx(share, rel=0.25)
    assert measured.changed / measured.compared == pytest.approx(planted, rel=0.02)
    np.testing.assert_array_equal(
        (measured.mask == 255) & (flickering != OTHER), np.zeros_like(trusted)
    )


@pytest.mark.parametrize("motion", [(0, 0), (4, 1)])
def test_flicker_that_ends_counts_as_much_as_one_that_begins(
    street: tuple[Pixels, Pixels], motion: tuple[int, int]
) -> None:
    before, after = _crop(street, 40, 40), _crop(street, 40 + motion[0], 40 + motion[1])
    flickering = _planted(before[1], 0.1, 4, seed=2)
    measured = flicker(before[0], after[0], flickering, after[1])
    assert measured.changed / measured.compared == pytest.approx(0.1, rel=0.1)
    assert measured.kept[OTHER] < 0.05 * measured.seen[OTHER]
    assert measured.seen[OTHER] == pytest.approx(measured.changed, rel=0.05)


def test_stability_of_each_class(street: tuple[Pixels, Pixels]) -> None:
    image, _ = _crop(street, 40, 40)
    labels = np.zeros(SIZE[::-1], np.uint8)
    labels[:, 60:] = 1
    labels[:, 180:] = 255
    after = labels.copy()
    after[:40, :60] = 1  # a quarter of class 0
    after[:, 180:] = 1
    measured = flicker(image, image, labels, after)
    assert measured.seen[[0, 1, 255]].tolist() == [9600, 19200, 9600]
    assert measured.kept[[0, 1, 255]].tolist() == [7200, 19200, 0]
    assert (measured.seen.sum(), measured.kept.sum()) == (38400, 26400)
    assert measured.changed == 12000


def test_what_a_thing_uncovers_is_not_compared(street: tuple[Pixels, Pixels]) -> None:
    thing = np.random.default_rng(3).integers(0, 256, (12, 12, 3)).astype(np.uint8)
    thing = np.asarray(cv2.resize(thing, (60, 60), interpolation=cv2.INTER_LINEAR), np.uint8)

    def at(left: int) -> tuple[Pixels, Pixels]:
        image, labels = _crop(street, 40, 40)
        image[50:110, left : left + 60], labels[50:110, left : left + 60] = thing, OTHER
        return image, labels

    (first, before), (second, after) = at(80), at(86)
    uncovered = (before == OTHER) & (after != OTHER)
    area = 6 * 60
    assert np.count_nonzero(uncovered) == area
    warp = FlowWarp(first, second)
    assert np.count_nonzero(warp.nearest(before) != after) > area
    assert np.count_nonzero(warp.trusted & uncovered) < 0.1 * area
    measured = flicker(first, second, before, after)
    assert measured.changed < 0.15 * area
    assert measured.compared > 0.85 * after.size
    assert measured.seen[OTHER] > 0.65 * 60 * 60


def test_a_cut_leaves_little_to_compare(street: tuple[Pixels, Pixels]) -> None:
    other = StreetDrive(8, SIZE).frame(0)[0]
    image, labels = _crop(street, 40, 40)
    assert flicker(image, other, labels, labels).compared < 0.3 * labels.size


def test_borders_that_move_by_half_a_pixel_do_not_flicker(
    street: tuple[Pixels, Pixels],
) -> None:
    image, labels = street
    double = np.asarray(cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))
    halves: list[Pixels] = [
        np.asarray(
            cv2.resize(double[:, offset:][:, :600], (300, 240), interpolation=cv2.INTER_AREA)
        )
        for offset in (0, 1)
    ]
    measured = flicker(halves[0], halves[1], labels[:, :300].copy(), labels[:, :300].copy())
    assert measured.changed < 0.001 * measured.compared


def test_one_thread_or_many(street: tuple[Pixels, Pixels]) -> None:
    before, after = _crop(street, 40, 40), _crop(street, 46, 43)
    threads = cv2.getNumThreads()
    try:
        masks = [_with_threads(n, lambda: flicker(*_mixed(before, after)).mask) for n in (1, 2, 5)]
    finally:
        cv2.setNumThreads(threads)
    assert masks[0].any()
    for mask in masks[1:]:
        np.testing.assert_array_equal(mask, masks[0])


def _with_threads(count: int, measure: Callable[[], Pixels]) -> Pixels:
    cv2.setNumThreads(count)
    return measure()


def _mixed(
    before: tuple[Pixels, Pixels], after: tuple[Pixels, Pixels]
) -> tuple[Pixels, Pixels, Pixels, Pixels]:
    return before[0], after[0], before[1], _planted(after[1], 0.1, 4, seed=5)


def test_other_sizes_are_refused(street: tuple[Pixels, Pixels]) -> None:
    image, labels = _crop(street, 0, 0)
    with pytest.raises(ValueError, match=r"240x160, 240x160, 240x159, 240x160; expected one size"):
        flicker(image, image, labels[1:], labels)


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (16, 12), (12, 500), (2000, 16)])
def test_pictures_of_any_size(size: tuple[int, int]) -> None:
    random = np.random.default_rng(6)
    image = random.integers(0, 256, (*size, 3)).astype(np.uint8)
    labels = random.integers(0, 9, size).astype(np.uint8)
    after = labels.copy()
    after[: size[0] // 2] = OTHER
    measured = flicker(image, image, labels, after)
    assert (measured.changed, measured.compared) == (size[0] // 2 * size[1], labels.size)
