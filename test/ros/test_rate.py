# SPDX-License-Identifier: Apache-2.0

import pytest

from segnet_ros.ros.rate import RateMeter


def meter(*times: float) -> RateMeter:
    meter = RateMeter()
    for time in times:
        meter.note(time)
    return meter


def test_a_steady_camera() -> None:
    assert meter(*(100 + n / 30 for n in range(600))).rate(120) == pytest.approx(30)


def test_one_event_has_no_rate() -> None:
    assert meter().rate(1) == 0
    assert meter(1).rate(2) == 0


def test_old_events_are_forgotten() -> None:
    slow, fast = range(20), (20 + n / 10 for n in range(100))
    assert meter(*slow, *fast).rate(30) == pytest.approx(10)


def test_slow_events_have_a_rate() -> None:
    assert meter(0, 20, 40).rate(45) == pytest.approx(1 / 20)


def test_the_rate_falls_after_the_last_event() -> None:
    stopped = meter(*(n / 10 for n in range(51)))
    assert stopped.rate(5.1) == pytest.approx(10)
    assert stopped.rate(7.5) == pytest.approx(25 / 5)
    assert stopped.rate(1005) == pytest.approx(0, abs=2e-3)


def test_events_at_the_same_instant() -> None:
    assert meter(1, 1).rate(1) == 0
