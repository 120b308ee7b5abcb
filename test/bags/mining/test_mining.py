# SPDX-License-Identifier: Apache-2.0
"""The choice of frames: ranks, distances in time and in looks."""

import math

import numpy as np
import pytest

from segnet_ros.bags.mining.descriptor import SIZE, Descriptor
from segnet_ros.bags.mining.frame_scores import FrameScores
from segnet_ros.bags.mining.mining import Limits, ScoredFrame, choose, worths

SECOND = 1_000_000_000
NOTHING_KNOWN = np.zeros((0, SIZE), np.uint8)


def _look(value: int) -> bytes:
    return bytes([value]) * SIZE


def _frame(
    confidence: float,
    *,
    seconds: float = 0,
    look: int = 0,
    topic: str = "/front",
    bag: str = "a",
    flicker: float = math.nan,
    disagreement: float = math.nan,
) -> ScoredFrame:
    scores = FrameScores(confidence, 0, flicker=flicker, disagreement=disagreement)
    return ScoredFrame(bag, topic, round(seconds * SECOND), 0, scores, _look(look))


def _confidences(
    frames: list[ScoredFrame], *, known: Descriptor = NOTHING_KNOWN, **limits: float
) -> list[float]:
    """Of the frames chosen by their confidence."""
    given = Limits(
        count=int(limits.get("count", 100)),
        gap_ns=round(limits.get("gap", 0) * SECOND),
        difference=limits.get("difference", 0),
    )
    return [each.frame.scores.confidence for each in choose(frames, ["confidence"], given, known)]


def test_least_confident_first() -> None:
    frames = [_frame(value) for value in (0.9, 0.5, 0.7, 0.6)]
    assert _confidences(frames) == [0.5, 0.6, 0.7, 0.9]
    assert _confidences(frames, count=2) == [0.5, 0.6]


def test_worth_is_the_place_among_all() -> None:
    frames = [_frame(value) for value in (0.9, 0.5, 0.7, 0.7)]
    np.testing.assert_allclose(worths(frames, ["confidence"]), [1 / 8, 7 / 8, 0.5, 0.5])


def test_scale_of_a_criterion_does_not_matter() -> None:
    values = [(0.9, 0.3), (0.5, 0.1), (0.7, 0.2), (0.6, 0.8)]
    frames = [_frame(a, flicker=b) for a, b in values]
    bent = [_frame(1 - (1 - a) ** 3, flicker=b / 1000) for a, b in values]
    both = ["confidence", "flicker"]
    np.testing.assert_array_equal(worths(frames, both), worths(bent, both))
    # Places 1/8, 3/8, 5/8, 7/8: by confidence the first is best, by flicker the second worst.
    np.testing.assert_allclose(worths(frames, both), [3 / 8, 1 / 2, 3 / 8, 3 / 4])


def test_unknown_scores_do_not_count() -> None:
    frames = [_frame(0.9), _frame(0.5, flicker=0.1), _frame(0.7, flicker=0.3)]
    np.testing.assert_allclose(
        worths(frames, ["confidence", "flicker"]), [1 / 6, (5 / 6 + 1 / 4) / 2, (1 / 2 + 3 / 4) / 2]
    )


def test_a_frame_nothing_is_known_of_is_never_chosen() -> None:
    frames = [_frame(0.1), _frame(0.5, flicker=0.1)]
    limits = Limits(count=10, gap_ns=0, difference=0)
    (chosen,) = choose(frames, ["flicker"], limits, NOTHING_KNOWN)
    assert (chosen.frame, chosen.worth) == (frames[1], 0.5)
    assert choose(frames[:1], ["flicker"], limits, NOTHING_KNOWN) == []
    assert choose([], ["flicker"], limits, NOTHING_KNOWN) == []


def test_equals_come_in_the_order_of_recording() -> None:
    frames = [_frame(0.5, seconds=second) for second in (3, 1, 2)]
    chosen = choose(frames, ["confidence"], Limits(2, 0, 0), NOTHING_KNOWN)
    assert [each.frame for each in chosen] == frames[:2]


def test_gap_is_kept_before_and_after() -> None:
    frames = [_frame(c, seconds=s) for c, s in ((0.5, 10), (0.6, 9.1), (0.7, 10.9), (0.8, 11))]
    assert _confidences(frames, gap=1) == [0.5, 0.8]


@pytest.mark.parametrize("other", [{"topic": "/rear"}, {"bag": "b"}])
def test_gap_is_of_one_camera(other: dict[str, str]) -> None:
    frames = [_frame(0.5), _frame(0.6, **other), _frame(0.7)]  # type: ignore[arg-type]
    assert _confidences(frames, gap=1) == [0.5, 0.6]


def test_frames_that_look_alike_are_chosen_once() -> None:
    frames = [_frame(c, look=look) for c, look in ((0.5, 100), (0.6, 105), (0.7, 94), (0.8, 106))]
    assert _confidences(frames, difference=6) == [0.5, 0.7, 0.8]
    # Not alike to the best one, but to the second.
    assert _confidences(frames, difference=5) == [0.5, 0.6, 0.7]


def test_frames_like_known_ones_are_not_chosen() -> None:
    known = np.array([list(_look(105)), list(_look(30))], np.uint8)
    frames = [_frame(c, look=look) for c, look in ((0.5, 100), (0.6, 111), (0.7, 60), (0.8, 31))]
    assert _confidences(frames, known=known, difference=6) == [0.6, 0.7]


def test_as_many_as_wanted_of_those_left() -> None:
    frames = [_frame(0.5 + 0.01 * k, look=20 * (k // 3)) for k in range(12)]
    chosen = _confidences(frames, difference=6, count=3)
    np.testing.assert_allclose(chosen, [0.5, 0.53, 0.56])
