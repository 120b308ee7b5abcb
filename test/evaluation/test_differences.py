# SPDX-License-Identifier: Apache-2.0

import math
from types import SimpleNamespace

import pytest

from segnet_ros.evaluation.differences import paired_difference
from segnet_ros.evaluation.evaluate import FrameScore


def evaluation(*mious):
    frames = [FrameScore(f"{index}", "a", miou, 0.0) for index, miou in enumerate(mious)]
    return SimpleNamespace(per_frame=frames)


def test_the_same_gain_on_every_frame_is_certain() -> None:
    found = paired_difference(evaluation(0.1, 0.5, 0.9), evaluation(0.15, 0.55, 0.95))
    assert (found.mean, found.low, found.high) == pytest.approx((0.05, 0.05, 0.05))


def test_the_second_is_better_when_positive() -> None:
    first, second = evaluation(0.2, 0.4), evaluation(0.5, 0.6)
    assert paired_difference(first, second).mean == pytest.approx(0.25)
    assert paired_difference(second, first).mean == pytest.approx(-0.25)


def test_gains_and_losses_leave_it_open() -> None:
    found = paired_difference(evaluation(*[0.5] * 40), evaluation(*[0.4, 0.6] * 20))
    assert found.mean == pytest.approx(0)
    # Standard error 0.1 / sqrt(40).
    assert found.low == pytest.approx(-1.96 * 0.0158, rel=0.15)
    assert found.high == pytest.approx(1.96 * 0.0158, rel=0.15)


def test_frames_without_labels_do_not_count() -> None:
    found = paired_difference(evaluation(0.5, math.nan), evaluation(0.6, math.nan))
    assert (found.mean, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))


def test_other_frames_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        paired_difference(evaluation(0.5, 0.5), evaluation(0.5))
