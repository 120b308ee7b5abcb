# SPDX-License-Identifier: Apache-2.0
"""What a label map tells: everything that is measured of it, and nothing judged."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

_IDS = 256
_SAMPLED_ROWS = 90


@dataclass(frozen=True)
class LabelLook:
    """A label map in numbers; small, and independent of all others.

    Attributes:
        time: When its picture was taken, seconds of a steady clock.
        counts: Pairs of id and pixels of a sample, sorted; of the ids that occur only.
        confidence: Mean, 0..1.

    """

    time: float
    counts: Sequence[tuple[int, int]]
    confidence: float

    @property
    def shares(self) -> npt.NDArray[np.float64]:
        """Shares of the picture by id, float64 [256]."""
        dense: npt.NDArray[np.float64] = np.zeros(_IDS)
        for place, count in self.counts:
            dense[place] = count
        return np.asarray(dense / dense.sum())


def look_at_labels(labels: Pixels, confidence: Pixels, time: float) -> LabelLook:
    """Measure a label map.

    Args:
        labels: Ids, 255 = unlabelled, uint8 [H, W].
        confidence: uint8 [H, W], 255 = certain.
        time: Seconds of a steady clock.

    """
    step = max(1, labels.shape[0] // _SAMPLED_ROWS)
    counts = np.bincount(labels[::step, ::step].ravel())
    present = np.flatnonzero(counts)
    pairs = tuple(zip(present.tolist(), counts[present].tolist(), strict=True))
    return LabelLook(time, pairs, float(confidence[::step, ::step].mean()) / 255)
