# SPDX-License-Identifier: Apache-2.0
"""Labels at the camera's size, none invented, none moved; and under their published ids."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segnet_ros.inference.postprocessing import relabel, resize_labels
from segnet_ros.inference.runtime import Prediction
from segnet_ros.inference.taxonomy import Taxonomy

_SIDES = st.integers(1, 80)


def test_fitting_labels_are_not_copied() -> None:
    labels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert resize_labels(labels, (4, 3)) is labels


def test_whole_factors_repeat_pixels() -> None:
    labels = np.array([[0, 255, 7], [3, 1, 2]], np.uint8)
    for across, down in ((2, 2), (3, 1), (1, 5), (4, 3)):
        expected = labels.repeat(down, axis=0).repeat(across, axis=1)
        np.testing.assert_array_equal(resize_labels(labels, (3 * across, 2 * down)), expected)


@pytest.mark.parametrize(
    ("values", "width", "expected"),
    [
        ((7, 8, 9), 1, (8,)),
        ((0, 1, 2, 3, 4, 5), 2, (1, 4)),
        ((0, 1, 2, 3, 4), 3, (0, 2, 4)),
        ((5, 6), 3, (5, 6, 6)),
    ],
)
def test_the_nearest_centre_wins(
    values: tuple[int, ...], width: int, expected: tuple[int, ...]
) -> None:
    labels = np.array([values], np.uint8)
    np.testing.assert_array_equal(resize_labels(labels, (width, 1))[0], expected)
    np.testing.assert_array_equal(resize_labels(labels.T, (1, width))[:, 0], expected)


@pytest.mark.parametrize("size", [(640, 480), (1920, 1080), (100, 75), (161, 121)])
def test_a_boundary_stays_where_it_is(size: tuple[int, int]) -> None:
    width, height = size
    labels = np.zeros((90, 120), np.uint8)
    labels[:, 60:] = 1
    labels[45:] += 2
    resized = resize_labels(labels, size)
    across, down = (np.arange(side) + 0.5 for side in size)
    clear_of_the_middle = np.ix_(np.abs(down - height / 2) > 0.6, np.abs(across - width / 2) > 0.6)
    expected = (across > width / 2) + 2 * (down > height / 2)[:, None]
    np.testing.assert_array_equal(resized[clear_of_the_middle], expected[clear_of_the_middle])


@settings(max_examples=100, deadline=None)
@given(_SIDES, _SIDES, _SIDES, _SIDES, st.integers(0, 2**32 - 1))
def test_every_label_is_that_of_the_nearest_centre(
    width: int, height: int, new_width: int, new_height: int, seed: int
) -> None:
    size = (new_width, new_height)
    column_ids = np.arange(width, dtype=np.uint8)[None].repeat(height, axis=0)
    row_ids = np.arange(height, dtype=np.uint8)[:, None].repeat(width, axis=1)
    columns, rows = resize_labels(column_ids, size)[0], resize_labels(row_ids, size)[:, 0]
    _assert_nearest(columns, width, new_width)
    _assert_nearest(rows, height, new_height)

    labels = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    resized = resize_labels(labels, size)
    assert resized.dtype == np.uint8
    assert resized.shape == (new_height, new_width)
    np.testing.assert_array_equal(resized, labels[np.ix_(rows, columns)])


def _assert_nearest(chosen: np.ndarray, length: int, target: int) -> None:
    """OpenCV computes places in steps of 2**-16; an exact tie may therefore fall either way."""
    wanted = (np.arange(target) + 0.5) * length / target
    distance = np.abs(chosen.astype(float) + 0.5 - wanted)
    assert distance.max() <= 0.5 + target * 2.0**-16


def _taxonomy(name: str, *ids: int) -> Taxonomy:
    """Of which only the mapping counts here."""
    table = np.full(256, 255, np.uint8)
    table[: len(ids)] = ids
    table.setflags(write=False)
    return Taxonomy(name, (), table, (), 0.0)


def _prediction() -> Prediction:
    """Arrays as a runtime may give them: not to be written."""
    prediction = Prediction(
        labels=np.array([[0, 1, 2], [3, 2, 1]], np.uint8),
        confidence=np.array([[255, 128, 127], [0, 254, 1]], np.uint8),
        uncertainty=np.array([[9, 8, 7], [6, 5, 4]], np.uint8),
    )
    prediction.labels.setflags(write=False)
    prediction.confidence.setflags(write=False)
    return prediction


OWN = _taxonomy("", 0, 1, 2, 3)
JOINED = _taxonomy("robot", 1, 0, 255, 1)


@pytest.mark.parametrize(
    ("taxonomy", "threshold", "expected"),
    [
        (OWN, 0.5, [[0, 1, 255], [255, 2, 255]]),
        (OWN, 127 / 255, [[0, 1, 2], [255, 2, 255]]),
        (OWN, 1e-6, [[0, 1, 2], [255, 2, 1]]),
        (OWN, 1.0, [[0, 255, 255], [255, 255, 255]]),
        (JOINED, 0.0, [[1, 0, 255], [1, 255, 0]]),
        (JOINED, 0.5, [[1, 0, 255], [255, 255, 255]]),
    ],
)
def test_labels_are_published(
    taxonomy: Taxonomy, threshold: float, expected: list[list[int]]
) -> None:
    prediction = _prediction()
    published = relabel(prediction, taxonomy, threshold)
    assert published.labels.dtype == np.uint8
    assert published.labels.tolist() == expected
    assert published.confidence is prediction.confidence
    assert published.uncertainty is prediction.uncertainty
    np.testing.assert_array_equal(prediction.labels, _prediction().labels)
    np.testing.assert_array_equal(prediction.confidence, _prediction().confidence)


def test_what_stays_is_not_copied() -> None:
    prediction = _prediction()
    assert relabel(prediction, OWN, 0.0) is prediction


@settings(max_examples=100, deadline=None)
@given(_SIDES, _SIDES, st.integers(0, 2**32 - 1), st.integers(0, 100))
def test_published_labels_are_those_of_the_definition(
    width: int, height: int, seed: int, percent: int
) -> None:
    random = np.random.default_rng(seed)
    labels, confidence = random.integers(0, 256, (2, height, width), np.uint8)
    ids = random.integers(0, 256, 256, np.uint8)
    taxonomy = Taxonomy("any", (), ids, (), 0.0)
    published = relabel(Prediction(labels, confidence), taxonomy, percent / 100)
    # In whole numbers: confidence / 255 < percent / 100.
    uncertain = confidence.astype(int) * 100 < percent * 255
    np.testing.assert_array_equal(published.labels, np.where(uncertain, 255, ids[labels]))
