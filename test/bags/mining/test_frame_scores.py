# SPDX-License-Identifier: Apache-2.0
"""Scores of frames: exact values of small maps."""

import math

import numpy as np
import pytest

from segnet_ros.bags.mining.frame_scores import (
    CRITERIA,
    FrameScores,
    confidence_scores,
    disagreement,
)
from segnet_ros.evaluation.agreement import pair_classes
from segnet_ros.inference.model import SegmentationClass
from segnet_ros.inference.runtime import Prediction


def _classes(*names: str) -> list[SegmentationClass]:
    return [SegmentationClass(name, (0, 0, 0)) for name in names]


def _labels(*rows: list[int]) -> Prediction:
    labels = np.array(rows, np.uint8)
    return Prediction(labels, np.full_like(labels, 255))


SAME = pair_classes(_classes("road", "car"), _classes("road", "car"))


def test_confidence() -> None:
    prediction = Prediction(np.zeros((1, 4), np.uint8), np.array([[0, 51, 128, 255]], np.uint8))
    scores = confidence_scores(prediction, 0.5)
    assert scores.confidence == pytest.approx(434 / 4 / 255)
    assert scores.unsure == 0.5  # 128 of 255 is no less than a half
    assert math.isnan(scores.uncertainty)
    assert confidence_scores(prediction, 0.0).unsure == 0
    assert confidence_scores(prediction, 1.0).unsure == 0.75


def test_uncertainty() -> None:
    grey = np.full((2, 2), 100, np.uint8)
    scores = confidence_scores(Prediction(grey, grey, np.array([[0, 0], [51, 51]], np.uint8)), 0.5)
    assert scores.uncertainty == pytest.approx(0.1)


def test_criteria_rise_with_the_worth() -> None:
    scores = FrameScores(0.9, 0.2, uncertainty=0.3, flicker=0.4, disagreement=0.5)
    found = {name: worth(scores) for name, worth in CRITERIA.items()}
    assert found == pytest.approx(
        {"confidence": 0.1, "uncertainty": 0.3, "flicker": 0.4, "disagreement": 0.5}
    )


def test_disagreement() -> None:
    assert disagreement(_labels([0, 1, 1, 0]), _labels([0, 1, 0, 0]), SAME) == 0.25


def test_classes_are_matched_by_name() -> None:
    classes = pair_classes(_classes("road", "car"), _classes("car", "tree", "road"))
    # Car against car, road against road, road against car; tree is left out.
    assert disagreement(_labels([1, 0, 0, 0]), _labels([0, 2, 0, 1]), classes) == 1 / 3


def test_labels_of_another_size() -> None:
    coarse = _labels([0, 1])
    fine = _labels([0, 0, 1, 1], [0, 1, 1, 1])
    assert disagreement(fine, coarse, SAME) == 1 / 8


def test_nothing_to_compare() -> None:
    classes = pair_classes(_classes("road", "car"), _classes("road", "tree"))
    assert math.isnan(disagreement(_labels([1, 1]), _labels([0, 1]), classes))
