# SPDX-License-Identifier: Apache-2.0
"""Labels are told apart, and phases compared."""

import math
from collections import Counter

import pytest
from cross_talk import Answers, audit, ratios
from picture_code import Code, moment_of

SECOND = 1_000_000_000
MS = 1_000_000


def answers(rate: float, latency_ms: float, count: int = 11) -> Answers:
    """Camera 1 at a constant rate."""
    found = Answers(camera=1)
    for number in range(count):
        stamp = int(number * SECOND / rate)
        found.note(Code(1, number, moment_of(stamp)), stamp, stamp + int(latency_ms * MS))
    return found


def test_rate_is_intervals_over_time() -> None:
    assert answers(rate=20.0, latency_ms=5.0).rate == pytest.approx(20.0)
    assert answers(rate=20.0, latency_ms=5.0, count=1).rate == 0.0


def test_latency_percentiles_are_in_milliseconds() -> None:
    found = Answers(camera=0)
    for latency in range(1, 102):
        found.note(None, 0, latency * MS)
    assert found.latency_ms == [51.0, 96.0, 100.0]


def test_numbers_that_are_missing_are_lost() -> None:
    found = Answers(camera=0)
    for number in (7, 8, 10):
        found.note(Code(0, number, 0), 0, number)
    assert found.lost_percent == pytest.approx(25.0)
    assert Answers(camera=0).lost_percent == 100.0


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (Code(2, 5, 3), "of camera 2 instead of 1"),
        (Code(1, 5, 4), "of another stamp"),
        (None, "no whole picture"),
    ],
)
def test_what_is_wrong_is_named(code: Code | None, fault: str) -> None:
    found = Answers(camera=1)
    found.note(code, stamp=3_000, arrival=9_000)
    found.note(Code(1, 6, 3), stamp=3_000, arrival=9_000)
    assert found.wrong == {fault: 1}
    assert found.numbers == [6]
    assert audit([found, answers(10.0, 1.0)]) == (13, Counter({fault: 1}))


def test_ratios_are_over_the_mean_of_before_and_after() -> None:
    found = ratios(answers(15.0, 12.0), before=answers(10.0, 4.0), after=answers(20.0, 8.0))
    assert found == pytest.approx([1.0, 2.0, 2.0, 2.0])


def test_no_ratio_to_nothing() -> None:
    found = ratios(answers(15.0, 12.0), before=Answers(1), after=Answers(1))
    assert all(math.isnan(ratio) for ratio in found)
