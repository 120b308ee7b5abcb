# SPDX-License-Identifier: Apache-2.0
"""Whether one model is better than another on the same frames."""

from dataclasses import dataclass

import numpy as np

from segnet_ros.evaluation.evaluate import Evaluation

RESAMPLES = 1000
_TAILS = (2.5, 97.5)
_SEED = 0


@dataclass(frozen=True)
class Difference:
    """Mean over frames of the difference of their mean IoUs, and its 95 % interval.

    Attributes:
        mean: Fractions, -1..1; above 0 where the second model is better.
        low: The interval's lower end.
        high: Its upper end.

    """

    mean: float
    low: float
    high: float


def paired_difference(first: Evaluation, second: Evaluation) -> Difference:
    """Compare frame by frame: what makes a frame hard for both models cancels out.

    Frames are drawn with replacement, as in `bootstrap`. Frames whose every label is void are left
    out. The mean IoU of all pixels together, which `Evaluation.miou` is, moves by another amount:
    there a class counts once, here once in every frame that holds it.

    Args:
        first: Of the model to compare with.
        second: Of the other one, on the same frames in the same order.

    """
    pairs = np.array(
        [
            (a.miou, b.miou)
            for a, b in zip(first.per_frame, second.per_frame, strict=True)
            if not np.isnan(a.miou)
        ]
    )
    gains = pairs[:, 1] - pairs[:, 0]
    draws = np.random.default_rng(_SEED).integers(len(gains), size=(RESAMPLES, len(gains)))
    low, high = np.percentile(gains[draws].mean(axis=1), _TAILS)
    return Difference(float(gains.mean()), float(low), float(high))
