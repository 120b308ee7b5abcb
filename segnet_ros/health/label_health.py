# SPDX-License-Identifier: Apache-2.0
"""Whether a live camera's labels are plausible: usual classes, certain, somewhere to drive."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from segnet_ros.health.label_judge import LabelJudge
from segnet_ros.health.label_look import look_at_labels
from segnet_ros.inference.model import SegmentationClass

Pixels = npt.NDArray[np.uint8]


class LabelHealth:
    """Watches the labels of one camera. `look` may run in another thread than everything else.

    The last 10 s are compared with the mean of the last 5 minutes, from half a minute after the
    start:

    - Drift: half of the picture or more shows other classes than usual. The measure is half the
      sum of the absolute differences of the classes' shares (total variation distance). One that
      stays is the usual after some minutes.
    - Confidence collapse: the mean confidence has fallen by 0.15.
    - No drivable area: classes that cost nothing fill less than 1 % of the picture for 5 s.

    Whether labels are right cannot be known from them: a mistake that was there from the start, or
    comes over many minutes, goes unnoticed, as do classes that change places in equal shares.

    Args:
        classes: Of the published ids, in order.
        free: Ids where the robot may drive; if empty, drivable area is not looked for.

    """

    def __init__(self, classes: Sequence[SegmentationClass], free: frozenset[int]) -> None:
        self._classes = classes
        self._free = free
        self._judge = LabelJudge(classes, free)

    def look(self, labels: Pixels, confidence: Pixels, now: float) -> None:
        """Judge a label map, if the last one judged is half a second old; otherwise do nothing.

        Args:
            labels: Published ids, 255 = unlabelled, uint8 [H, W].
            confidence: uint8 [H, W], 255 = certain.
            now: Seconds of a steady clock.

        """
        judge = self._judge
        if judge.pace.is_due(now):
            judge.judge(look_at_labels(labels, confidence, now))

    def reset(self) -> None:
        """Forget what is usual: for another scene, model, taxonomy or threshold."""
        # A look under way in another thread ends in the old object, which nobody reads.
        self._judge = LabelJudge(self._classes, self._free)

    @property
    def problems(self) -> Sequence[str]:
        """What is wrong, in words with figures and what to check; empty if nothing is."""
        return self._judge.report.in_words

    @property
    def values(self) -> Mapping[str, str]:
        """Newest measurements: confidence 0..1, shares of the picture in %; empty before them."""
        return self._judge.report.values
