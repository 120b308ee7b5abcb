# SPDX-License-Identifier: Apache-2.0
"""Calibration: pixels counted by hand, and torchmetrics and scikit-learn on the same data."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from segnet_ros.evaluation.calibration import (
    BINS,
    confidence_histogram,
    expected_calibration_error,
    reliability,
)

Pixels = npt.NDArray[np.uint8]
VOID = 255


def _uint8(*values: int) -> Pixels:
    return np.array(values, np.uint8)


def _frame(seed: int, pixels: int = 20_000) -> tuple[Pixels, Pixels, Pixels]:
    """Truth, prediction and an overconfident confidence, none on an edge between bins."""
    generator = np.random.default_rng(seed)
    confidence = generator.choice([v for v in range(20, 255) if v % 17], pixels).astype(np.uint8)
    right = generator.random(pixels) < (confidence / 255) ** 1.7
    truth = generator.integers(0, 4, pixels, np.uint8)
    predicted = np.where(right, truth, (truth + 1) % 4).astype(np.uint8)
    truth[generator.random(pixels) < 0.1] = VOID
    return truth, predicted, confidence


def test_histogram_counts_right_and_wrong_pixels() -> None:
    truth, predicted = _uint8(0, 0, 1, 1, VOID, 2), _uint8(0, 1, 1, 1, 0, VOID)
    counted = confidence_histogram(truth, predicted, _uint8(200, 200, 200, 0, 90, 255), 3)
    assert counted.shape == (2, 256)
    assert counted.dtype == np.int64
    wrong, right = ({v: row[v] for v in row.nonzero()[0].tolist()} for row in counted)
    assert wrong == {200: 1, 255: 1}
    assert right == {0: 1, 200: 2}


def test_histograms_add_up() -> None:
    truth, predicted, confidence = _frame(0)
    parts = [
        confidence_histogram(truth[k::3], predicted[k::3], confidence[k::3], 4) for k in (0, 1, 2)
    ]
    whole = confidence_histogram(truth, predicted, confidence, 4)
    np.testing.assert_array_equal(sum(parts), whole)


def test_by_hand() -> None:
    """Bins of 17: 103..119 holds three pixels, one right; 239..255 holds two, both right."""
    confidence = _uint8(103, 110, 119, 239, 255)
    counted = confidence_histogram(_uint8(0, 0, 0, 1, 1), _uint8(0, 1, 1, 1, 1), confidence, 2)
    bins = reliability(counted)
    assert len(bins) == BINS == 15
    assert [item.pixels for item in bins] == [0] * 6 + [3] + [0] * 7 + [2]
    assert (bins[6].low, bins[6].high) == (6 / 15, 7 / 15)
    assert bins[6].confidence == pytest.approx((103 + 110 + 119) / 3 / 255)
    assert bins[6].accuracy == pytest.approx(1 / 3)
    assert bins[14].confidence == pytest.approx((239 + 255) / 2 / 255)
    assert bins[14].accuracy == 1
    assert math.isnan(bins[0].confidence)
    assert math.isnan(bins[0].accuracy)
    gaps = 3 * (332 / 3 / 255 - 1 / 3) + 2 * (1 - 247 / 255)
    assert expected_calibration_error(counted) == pytest.approx(gaps / 5)


def test_every_confidence_is_in_the_bin_that_ends_at_or_above_it() -> None:
    every = np.arange(256, dtype=np.uint8)
    for item in reliability(confidence_histogram(every * 0, every * 0, every, 1)):
        low, high = round(item.low * 255), round(item.high * 255)
        first = 0 if low == 0 else low + 1
        assert item.pixels == high - first + 1
        assert item.confidence == pytest.approx((first + high) / 2 / 255)


def test_honest_confidence_has_no_error() -> None:
    confidence = np.full(255, 51, np.uint8)
    truth = np.zeros(255, np.uint8)
    predicted = (np.arange(255) >= 51).astype(np.uint8)
    assert expected_calibration_error(
        confidence_histogram(truth, predicted, confidence, 2)
    ) == pytest.approx(0)


def test_certain_and_wrong() -> None:
    counted = confidence_histogram(_uint8(0, 0), _uint8(1, 1), _uint8(255, 255), 2)
    assert expected_calibration_error(counted) == 1


def test_nothing_labelled() -> None:
    counted = confidence_histogram(_uint8(VOID), _uint8(0), _uint8(9), 2)
    assert math.isnan(expected_calibration_error(counted))


def test_equals_torchmetrics() -> None:
    torch = pytest.importorskip("torch", reason="needs torch: pip install 'segnet_ros[train]'")
    classification = pytest.importorskip("torchmetrics.classification", reason="needs torchmetrics")
    metric = classification.BinaryCalibrationError(n_bins=BINS, norm="l1")
    total = np.zeros((2, 256), np.int64)
    for seed in (1, 2, 3):
        truth, predicted, confidence = _frame(seed)
        total += confidence_histogram(truth, predicted, confidence, 4)
        labelled = truth != VOID
        # torchmetrics' binary form takes the confidence in being right, and whether that is so.
        promised = torch.from_numpy(confidence[labelled] / 255)
        metric.update(promised, torch.from_numpy((predicted == truth)[labelled].astype(int)))
    expected = float(metric.compute())
    assert 0.1 < expected < 0.3
    assert expected_calibration_error(total) == pytest.approx(expected, abs=1e-5)


def test_equals_torchmetrics_on_probabilities() -> None:
    """Whole softmax outputs with `ignore_index`; labels and confidence as a network gives them."""
    torch = pytest.importorskip("torch", reason="needs torch: pip install 'segnet_ros[train]'")
    classification = pytest.importorskip("torchmetrics.classification", reason="needs torchmetrics")
    truth, predicted, confidence = _frame(4)
    probability = np.repeat((1 - confidence / 255)[:, None] / 9, 10, axis=1)
    np.put_along_axis(probability, predicted[:, None].astype(int), (confidence / 255)[:, None], 1)
    # Below one in ten the label would not be the most probable class.
    usable = confidence > 26
    metric = classification.MulticlassCalibrationError(10, n_bins=BINS, ignore_index=VOID)
    metric.update(
        torch.from_numpy(probability[usable]), torch.from_numpy(truth[usable].astype(int))
    )
    counted = confidence_histogram(truth[usable], predicted[usable], confidence[usable], 10)
    assert expected_calibration_error(counted) == pytest.approx(float(metric.compute()), abs=1e-5)


def test_diagram_equals_scikit_learns() -> None:
    sklearn = pytest.importorskip("sklearn.calibration", reason="needs scikit-learn")
    truth, predicted, confidence = _frame(5)
    labelled = truth != VOID
    accuracy, promised = sklearn.calibration_curve(
        (predicted == truth)[labelled], confidence[labelled] / 255, n_bins=BINS
    )
    filled = [
        item
        for item in reliability(confidence_histogram(truth, predicted, confidence, 4))
        if item.pixels
    ]
    assert len(filled) > 10
    np.testing.assert_allclose([item.accuracy for item in filled], accuracy)
    np.testing.assert_allclose([item.confidence for item in filled], promised)
