# SPDX-License-Identifier: Apache-2.0
"""What tells that a frame is worth labelling: numbers that need no labels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from segnet_ros.evaluation.agreement import PairedClasses, joint_labels
from segnet_ros.inference.postprocessing import resize_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from segnet_ros.inference.runtime import Prediction

_CERTAIN = 255


class FrameScores(NamedTuple):
    """Of one frame, 0..1 each; NaN for what is not known of it.

    Attributes:
        confidence: Mean probability of the labels.
        unsure: Share of pixels whose label has too low a confidence to be proposed.
        uncertainty: Mean over pixels of how far a Bayesian model's samples differ.
        flicker: Share of labels that differ from those of the frame before, moved along.
        disagreement: Share of pixels that another model gives another label.

    """

    confidence: float
    unsure: float
    uncertainty: float = math.nan
    flicker: float = math.nan
    disagreement: float = math.nan


CRITERIA: Mapping[str, Callable[[FrameScores], float]] = {
    # Of the confidence the mean: on CamVid it goes with the share of wrong pixels better than the
    # share of unsure ones does (rank correlation 0.79, 0.67, 0.67, 0.72 for two models on train
    # and val, instead of 0.70, 0.61, 0.72, 0.66), and needs no bound.
    "confidence": lambda scores: 1 - scores.confidence,
    "uncertainty": lambda scores: scores.uncertainty,
    "flicker": lambda scores: scores.flicker,
    "disagreement": lambda scores: scores.disagreement,
}
"""How much a frame is worth labelling by each of its scores; NaN if it is not known."""


def confidence_scores(prediction: Prediction, unsure: float) -> FrameScores:
    """What a model tells about its own labels.

    Args:
        prediction: Of one picture.
        unsure: Labels with a lower confidence, 0..1, are unsure.

    """
    confidence, uncertainty = prediction.confidence, prediction.uncertainty
    low = np.count_nonzero(confidence < math.ceil(unsure * _CERTAIN))
    return FrameScores(
        confidence=float(confidence.mean()) / _CERTAIN,
        unsure=low / confidence.size,
        uncertainty=math.nan if uncertainty is None else float(uncertainty.mean()) / _CERTAIN,
    )


def disagreement(a: Prediction, b: Prediction, classes: PairedClasses) -> float:
    """Share of pixels to which two models give different labels, of those that both can give.

    Args:
        a: Of model A.
        b: Of model B; of another size, its labels are brought to A's.
        classes: Of both.

    """
    height, width = a.labels.shape
    labels_a = joint_labels(a.labels, classes.ids_a)
    labels_b = joint_labels(resize_labels(b.labels, (width, height)), classes.ids_b)
    known = classes.comparable
    compared = known[labels_a] & known[labels_b]
    differing = np.count_nonzero(compared & (labels_a != labels_b))
    return differing / count if (count := np.count_nonzero(compared)) else math.nan
