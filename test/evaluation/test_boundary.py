# SPDX-License-Identifier: Apache-2.0
"""The boundary measure: squares whose distance is known, and a brute-force twin."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from segnet_ros.evaluation.boundary import TOLERANCE, boundary_f1

Labels = npt.NDArray[np.uint8]
VOID = 255


def _square(left: int, top: int, side: int = 100, size: tuple[int, int] = (480, 360)) -> Labels:
    """Class 1 in a square on class 0."""
    labels = np.zeros(size[::-1], np.uint8)
    labels[top : top + side, left : left + side] = 1
    return labels


def _boundary_points(labels: Labels, truth: Labels, index: int, classes: int) -> list[list[int]]:
    points = []
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            block = labels[y : y + 2, x : x + 2].ravel().tolist()
            void = (truth[y : y + 2, x : x + 2] >= classes).any()
            if not void and index in block and block.count(index) < len(block):
                points.append([y, x])
    return points


def _share_near(points: list[list[int]], targets: list[list[int]], tolerance: float) -> float:
    near = [point for point in points if any(math.dist(point, t) <= tolerance for t in targets)]
    return len(near) / len(points) if points else 0.0


def _brute_force(truth: Labels, predicted: Labels, classes: int) -> list[float]:
    tolerance = TOLERANCE * math.hypot(*truth.shape)
    f1 = []
    for index in range(classes):
        expected = _boundary_points(truth, truth, index, classes)
        found = _boundary_points(predicted, truth, index, classes)
        recall = _share_near(expected, found, tolerance)
        precision = _share_near(found, expected, tolerance)
        sum_of_both = precision + recall
        value = 2 * precision * recall / sum_of_both if sum_of_both else 0.0
        f1.append(value if expected else math.nan)
    return f1


def _blobs(generator: np.random.Generator, shape: tuple[int, int], values: list[int]) -> Labels:
    coarse = generator.choice(values, (-(-shape[0] // 7), -(-shape[1] // 7))).astype(np.uint8)
    return np.kron(coarse, np.ones((7, 7), np.uint8))[: shape[0], : shape[1]]


# Tall, wide, and tolerances of 0.3, 1.1 (diagonal neighbours are beyond it) and 2.3 pixels.
@pytest.mark.parametrize("shape", [(30, 25), (20, 150), (300, 14)], ids=str)
def test_equals_brute_force(shape: tuple[int, int]) -> None:
    generator = np.random.default_rng(shape[0])
    truth = _blobs(generator, shape, [0, 1, 2, VOID])
    predicted = np.where(
        generator.random(shape) < 0.9,
        np.roll(truth, (1, 2), (0, 1)),
        generator.integers(0, 4, shape, np.uint8),
    ).astype(np.uint8)
    expected = _brute_force(truth, predicted, 5)
    assert len({round(value, 3) for value in expected[:3]}) > 1
    assert 0 < min(expected[:3]) < 1
    np.testing.assert_allclose(boundary_f1(truth, predicted, 5), expected)


def test_same_map_is_perfect() -> None:
    truth = _square(50, 60)
    np.testing.assert_array_equal(boundary_f1(truth, truth, 3), [1, 1, np.nan])


def test_square_moved_within_the_tolerance() -> None:
    """4.5 pixels at 480x360: 0.0075 of a diagonal of 600."""
    assert boundary_f1(_square(50, 60), _square(54, 60), 2).tolist() == [1, 1]


def test_square_moved_beyond_the_tolerance() -> None:
    """5 pixels to the right. The boundary of a square of side 100 has 400 pixels.

    The true upper and lower sides match but for their left ends: 100 of 101 each. The left side,
    5 columns from everything, does not match; nor does the right one but for 4 pixels below the
    predicted upper side and 4 above the lower. The prediction is the mirror image.
    """
    f1 = boundary_f1(_square(50, 60), _square(55, 60), 2)
    np.testing.assert_allclose(f1, (100 + 100 + 4 + 4) / 400)


def test_tolerance_is_inclusive_and_follows_the_diagonal() -> None:
    """A line at 640x480: 6.0 pixels are within, 7 are not; at 480x360, 5 are not."""
    for (width, height), within in (((640, 480), 6), ((480, 360), 4)):
        truth = np.zeros((height, width), np.uint8)
        truth[200:] = 1
        for shift, expected in ((within, 1.0), (within + 1, 0.0)):
            moved = np.roll(truth, shift, axis=0)
            moved[:shift] = 0
            assert boundary_f1(truth, moved, 2).tolist() == [expected, expected]


@pytest.mark.parametrize(("right", "f1"), [(4, 1 / 4), (5, 0)])
def test_distance_is_euclidean(right: int, f1: float) -> None:
    """Boundaries of 2x2 pixels. Corners 3 down and 3 across are 4.2 apart, 3 and 4 are 5."""
    truth, moved = np.zeros((2, 360, 480), np.uint8)
    truth[100, 100] = moved[104, 100 + right] = 1
    assert boundary_f1(truth, moved, 2).tolist() == [f1, f1]


def test_precision_and_recall_are_balanced_harmonically() -> None:
    """A true line, all of it found, and a far one that is not there: precision is a half."""
    truth, predicted = np.zeros((2, 360, 480), np.uint8)
    truth[100:] = predicted[100:200] = 1
    np.testing.assert_allclose(boundary_f1(truth, predicted, 2), 2 * 0.5 * 1 / (0.5 + 1))
    np.testing.assert_allclose(boundary_f1(predicted, truth, 2), 2 * 1 * 0.5 / (1 + 0.5))


def test_class_that_is_not_found_scores_nothing() -> None:
    truth, predicted = _square(50, 60), np.zeros((360, 480), np.uint8)
    assert boundary_f1(truth, predicted, 2).tolist() == [0, 0]


def test_class_that_is_only_predicted_is_not_scored() -> None:
    """It spoils the precision of the class that it breaks up: 400 of 800 pixels are right."""
    truth = _square(50, 60)
    predicted = truth + 2 * _square(300, 200)
    f1 = boundary_f1(truth, predicted, 3)
    np.testing.assert_allclose(f1, [2 * 0.5 / 1.5, 1, np.nan])


def test_border_of_the_picture_is_no_boundary() -> None:
    """A picture full of one class shows none; neither do classes that only void surrounds."""
    full = np.zeros((360, 480), np.uint8)
    assert np.isnan(boundary_f1(full, _square(50, 60), 2)).all()
    in_void = np.full((360, 480), VOID, np.uint8)
    in_void[50:100, 50:100], in_void[200:, 200:] = 0, 1
    assert np.isnan(boundary_f1(in_void, _square(50, 60), 2)).all()


def test_void_everywhere() -> None:
    assert np.isnan(
        boundary_f1(np.full((36, 48), VOID, np.uint8), _square(5, 6)[:36, :48], 2)
    ).all()


def test_predictions_on_void_change_nothing() -> None:
    generator = np.random.default_rng(3)
    truth = _blobs(generator, (90, 120), [0, 1, 2, VOID])
    predicted = _blobs(generator, (90, 120), [0, 1, 2])
    noise = generator.integers(0, 5, truth.shape, np.uint8)
    changed = np.where(truth == VOID, noise, predicted).astype(np.uint8)
    f1 = boundary_f1(truth, predicted, 3)
    assert (f1 > 0).all()
    np.testing.assert_array_equal(boundary_f1(truth, changed, 3), f1)


def test_outline_of_void_is_not_asked_for() -> None:
    """A true square meets void on its left: what is predicted there, and that it ends, is free."""
    truth = _square(50, 60)
    truth[:, :100] = VOID
    assert boundary_f1(truth, _square(50, 60), 2).tolist() == [1, 1]
    longer = _square(50, 60)
    longer[60:160, :50] = 1
    assert boundary_f1(truth, longer, 2).tolist() == [1, 1]


def test_unlabelled_predictions_belong_to_no_class() -> None:
    """Unlabelled is something else than class 0: its outline is class 0's, and nobody else's."""
    truth = _square(50, 60)
    predicted = np.where(truth == 1, VOID, truth).astype(np.uint8)
    assert boundary_f1(truth, predicted, 2).tolist() == [1, 0]
