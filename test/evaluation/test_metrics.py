# SPDX-License-Identifier: Apache-2.0
"""Scores, against sets of pixels counted one by one."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from segnet_ros.evaluation.metrics import (
    MEASURES,
    confusion_matrix,
    known_mean,
    measures,
    scores,
    tally,
)

Labels = npt.NDArray[np.uint8]
Sets = tuple[set[int], set[int]]


def _labels(*values: int) -> Labels:
    return np.array(values, np.uint8)


def _pixels_of(index: int, truth: Labels, predicted: Labels, classes: int) -> Sets:
    """Labelled pixels of a class, and pixels predicted as it, as sets of positions."""
    labelled = [place for place, value in enumerate(truth.tolist()) if value < classes]
    return (
        {place for place in labelled if truth[place] == index},
        {place for place in labelled if predicted[place] == index},
    )


def _mean(values: list[float]) -> float:
    present = [value for value in values if not math.isnan(value)]
    return sum(present) / len(present)


def _share(part: set[int], whole: set[int]) -> float:
    return len(part) / len(whole) if whole else math.nan


@st.composite
def _cases(draw: st.DrawFn) -> tuple[int, Labels, Labels]:
    classes = draw(st.sampled_from([1, 2, 3, 11, 200]))
    ids = st.one_of(
        st.integers(0, classes - 1), st.sampled_from([0, classes - 1, min(classes, 255), 255])
    )
    pairs = draw(st.lists(st.tuples(ids, ids), min_size=1, max_size=60))
    truth, predicted = (_labels(*column) for column in zip(*pairs, strict=True))
    return classes, truth, predicted


@settings(max_examples=150, deadline=None)
@given(_cases())
def test_confusion_counts_every_labelled_pixel(case: tuple[int, Labels, Labels]) -> None:
    classes, truth, predicted = case
    expected = np.zeros((classes, classes + 1), int)
    for true, guess in zip(truth.tolist(), predicted.tolist(), strict=True):
        if true < classes:
            expected[true, min(classes, guess)] += 1
    counted = confusion_matrix(truth, predicted, classes)
    assert counted.dtype == np.int64
    np.testing.assert_array_equal(counted, expected)


@settings(max_examples=150, deadline=None)
@given(_cases())
def test_scores_are_those_of_sets(case: tuple[int, Labels, Labels]) -> None:
    classes, truth, predicted = case
    assume((truth < classes).any())
    sets = [_pixels_of(index, truth, predicted, classes) for index in range(classes)]
    labelled = sum(len(true) for true, _ in sets)
    iou = [_share(true & guess, true | guess) for true, guess in sets]
    recall = [_share(true & guess, true) for true, guess in sets]

    result = scores(confusion_matrix(truth, predicted, classes))
    np.testing.assert_allclose(result.iou, iou)
    np.testing.assert_allclose(result.recall, recall)
    assert result.global_accuracy == pytest.approx(
        sum(len(true & guess) for true, guess in sets) / labelled
    )
    assert result.class_accuracy == pytest.approx(_mean(recall))
    assert result.miou == pytest.approx(_mean(iou))
    weighted = [len(true) / labelled * value for (true, _), value in zip(sets, iou, strict=True)]
    assert result.fwiou == pytest.approx(math.fsum(v for v in weighted if not math.isnan(v)))


def test_by_hand() -> None:
    """Class 0: 3 of 4 right; class 1: 1 of 2 right; class 2: its only pixel unlabelled."""
    truth = _labels(0, 0, 0, 0, 1, 1, 2, 11, 11)
    guess = _labels(0, 0, 0, 1, 1, 255, 255, 0, 2)
    confusion = confusion_matrix(truth, guess, 3)
    np.testing.assert_array_equal(confusion, [[3, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 1]])
    result = scores(confusion)
    assert result.global_accuracy == pytest.approx(4 / 7)
    assert result.class_accuracy == pytest.approx((3 / 4 + 1 / 2 + 0) / 3)
    np.testing.assert_allclose(result.iou, [3 / 4, 1 / 3, 0])
    assert result.miou == pytest.approx((3 / 4 + 1 / 3 + 0) / 3)
    assert result.fwiou == pytest.approx((4 * 3 / 4 + 2 * 1 / 3 + 0) / 7)


@pytest.mark.filterwarnings("error")
def test_absent_classes_count_in_no_mean() -> None:
    """Class 1 is only predicted: an IoU of 0 but no recall. Classes 2 and 3 do not occur."""
    result = scores(confusion_matrix(_labels(0, 0, 0, 0), _labels(0, 0, 0, 1), 4))
    np.testing.assert_array_equal(result.iou, [0.75, 0, np.nan, np.nan])
    np.testing.assert_array_equal(result.recall, [0.75, np.nan, np.nan, np.nan])
    assert result.miou == pytest.approx(0.375)
    assert result.class_accuracy == pytest.approx(0.75)
    assert result.fwiou == pytest.approx(0.75)


def test_perfect_and_hopeless() -> None:
    labels = np.arange(11, dtype=np.uint8).reshape(1, 11)
    perfect = scores(confusion_matrix(labels, labels, 11))
    hopeless = scores(confusion_matrix(labels, (labels + 1) % 11, 11))
    for name in ("global_accuracy", "class_accuracy", "miou", "fwiou"):
        assert getattr(perfect, name) == 1.0
        assert getattr(hopeless, name) == 0.0


def test_predictions_on_void_count_nowhere() -> None:
    without = scores(confusion_matrix(_labels(0, 1), _labels(0, 1), 2))
    with_void = scores(confusion_matrix(_labels(0, 1, 2, 255), _labels(0, 1, 0, 1), 2))
    np.testing.assert_array_equal(with_void.iou, without.iou)
    assert with_void.global_accuracy == without.global_accuracy == 1.0


def test_sums_score_as_one_picture() -> None:
    truth, predicted = np.random.default_rng(5).integers(0, 5, (2, 6, 40), dtype=np.uint8)
    parts = [confusion_matrix(truth[row], predicted[row], 4) for row in range(6)]
    np.testing.assert_array_equal(sum(parts), confusion_matrix(truth, predicted, 4))


def test_stacked_matrices_are_scored_one_by_one() -> None:
    truth, predicted = np.random.default_rng(6).integers(0, 5, (2, 6, 40), dtype=np.uint8)
    stack = np.stack([confusion_matrix(truth[row], predicted[row], 4) for row in range(6)])
    for row, values in zip(stack, measures(tally(stack)).tolist(), strict=True):
        single = scores(row)
        assert values == [getattr(single, name) for name in MEASURES]


@pytest.mark.filterwarnings("error")
def test_measures_of_nothing_are_unknown() -> None:
    assert np.isnan(measures(tally(np.zeros((2, 3, 4), np.int64)))).all()


def test_mean_of_what_is_known() -> None:
    values = np.array([[1.0, np.nan, 4.0], [np.nan] * 3, [2.0, 2.0, 5.0]])
    np.testing.assert_array_equal(known_mean(values), [2.5, np.nan, 3.0])
    assert known_mean(values[0]) == 2.5


def _street() -> tuple[Labels, Labels]:
    """12 classes with void 255 and unequal frequencies; class 7 does not occur, 10 is only seen."""
    generator = np.random.default_rng(8)
    ids = np.array([0, 1, 2, 3, 4, 5, 6, 8, 9, 11, 255], np.uint8)
    truth = generator.choice(ids, 30_000, p=[0.3, 0.25, *[0.05] * 9])
    guess = generator.choice(np.r_[ids[:-1], 10], truth.size).astype(np.uint8)
    return truth, np.where(generator.random(truth.size) < 0.6, truth % 255, guess).astype(np.uint8)


def test_equal_torchmetrics() -> None:
    torch = pytest.importorskip("torch", reason="needs torch: pip install 'segnet_ros[train]'")
    metrics = pytest.importorskip("torchmetrics.classification", reason="needs torchmetrics")
    truth, predicted = _street()
    pair = torch.from_numpy(predicted.astype(int)), torch.from_numpy(truth.astype(int))
    result = scores(confusion_matrix(truth, predicted, 12))
    options = {"num_classes": 12, "ignore_index": 255}

    def theirs(name: str, average: str) -> npt.NDArray[np.float64]:
        metric = getattr(metrics, f"Multiclass{name}")(**options, average=average)
        return np.asarray(metric(*pair))

    # torchmetrics gives 0 where a class does not occur; ours is NaN.
    np.testing.assert_allclose(np.nan_to_num(result.iou), theirs("JaccardIndex", "none"), rtol=1e-5)
    np.testing.assert_allclose(np.nan_to_num(result.recall), theirs("Recall", "none"), rtol=1e-5)
    assert np.isnan(result.iou).nonzero()[0].tolist() == [7]
    assert np.isnan(result.recall).nonzero()[0].tolist() == [7, 10]
    assert result.miou == pytest.approx(float(theirs("JaccardIndex", "macro")), rel=1e-5)
    assert result.fwiou == pytest.approx(float(theirs("JaccardIndex", "weighted")), rel=1e-5)
    assert result.global_accuracy == pytest.approx(float(theirs("Accuracy", "micro")), rel=1e-5)


def test_equal_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn")
    truth, predicted = _street()
    labelled = truth != 255
    pair = truth[labelled], predicted[labelled]
    confusion = confusion_matrix(truth, predicted, 12)
    result = scores(confusion)
    np.testing.assert_array_equal(
        confusion[:, :12], metrics.confusion_matrix(*pair, labels=range(12))
    )
    np.testing.assert_allclose(
        result.iou[~np.isnan(result.iou)], metrics.jaccard_score(*pair, average=None)
    )
    assert result.global_accuracy == pytest.approx(metrics.accuracy_score(*pair))
    assert result.fwiou == pytest.approx(metrics.jaccard_score(*pair, average="weighted"))
    present = np.unique(pair[0])
    assert result.class_accuracy == pytest.approx(
        metrics.recall_score(*pair, labels=present, average="macro")
    )


def test_nothing_labelled() -> None:
    with pytest.raises(ValueError, match=r"^no labelled pixel to score: every label is void$"):
        scores(confusion_matrix(_labels(11, 11, 255), _labels(0, 1, 2), 11))


def test_other_shape_is_refused() -> None:
    with pytest.raises(IndexError):
        confusion_matrix(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), 2)
