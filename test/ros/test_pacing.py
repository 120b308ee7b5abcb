# SPDX-License-Identifier: Apache-2.0

from itertools import combinations, pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_time import Served, flat, simulate

from segnet_ros.ros.pacing import Pacer


def camera(rate: float, jitter: float, seconds: float = 100.0) -> list[float]:
    """Arrivals with a jitter of a share of the interval, even within itself."""
    random = Random(0)
    frames = range(int(seconds * rate))
    return [1 + (frame + jitter * random.uniform(-1, 1)) / rate for frame in frames]


def paced(arrivals: list[float], max_rate: float, service: float = 0.0) -> list[Served]:
    return flat(simulate({"a": arrivals}, rates={"a": max_rate}, service=service), "a")


@pytest.mark.parametrize("jitter", [0.0, 0.05, 0.2, 0.4])
@pytest.mark.parametrize("service", [0.0, 0.02])
def test_half_of_a_cameras_rate_is_exactly_half_and_fresh(jitter, service) -> None:
    served = paced(camera(30, jitter), 15, service)
    assert 1500 <= len(served) <= 1502
    assert sum(frame.waited == 0 for frame in served) >= len(served) - 2


@pytest.mark.parametrize("jitter", [0.0, 0.05, 0.2, 0.4])
@pytest.mark.parametrize("rate", [15, 14.9, 10])
def test_a_camera_at_the_limit_loses_nothing(rate, jitter) -> None:
    arrivals = camera(rate, jitter)
    assert [frame.arrival for frame in paced(arrivals, 15)] == arrivals


@pytest.mark.parametrize("rate", [10, 15])
def test_a_camera_at_the_limit_waits_for_nothing_under_usual_jitter(rate) -> None:
    assert all(frame.waited == 0 for frame in paced(camera(rate, 0.2), 15))


@pytest.mark.parametrize("rate", [15.05, 16, 20, 25, 29.9, 30.1, 60, 100])
def test_the_rate_of_any_faster_camera_is_the_limit(rate) -> None:
    served = paced(camera(rate, 0.05), 15)
    assert 1498 <= len(served) <= 1502
    assert sum(frame.waited > 0 for frame in served) <= 0.02 * len(served)


def test_no_limit_passes_everything_at_once() -> None:
    arrivals = camera(30, 0.4, 5)
    served = paced(arrivals, 0)
    assert [frame.at for frame in served] == arrivals


@given(st.lists(st.floats(0, 3), max_size=60), st.floats(0.5, 50), st.floats(0, 0.2))
def test_the_limit_holds_over_any_span(arrivals, max_rate, service) -> None:
    served = paced(sorted(arrivals), max_rate, service)
    period = 1 / max_rate
    assert all(b.at - a.at >= period / 2 - 1e-9 for a, b in pairwise(served))
    for (i, first), (j, last) in combinations(enumerate(served), 2):
        assert j - i <= (last.at - first.at) / period + 1 + 1e-6


@given(st.lists(st.floats(0, 3), min_size=1, max_size=60), st.floats(0.5, 50))
def test_the_newest_frame_always_comes_and_none_waits_longer_than_two_periods(
    arrivals, max_rate
) -> None:
    served = paced(sorted(arrivals), max_rate)
    assert served[-1].arrival == max(arrivals)
    assert all(frame.waited <= 2 / max_rate + 1e-9 for frame in served)


def passed(max_rate: float, *moments: float) -> Pacer:
    pacer = Pacer()
    pacer.limit(max_rate)
    for moment in moments:
        pacer.pass_frame(moment)
    return pacer


def test_a_frame_up_to_half_a_period_early_takes_its_turn() -> None:
    pacer = passed(10, 1.0, 1.05)  # as the first frame counts as late, the next turn is at 1.15
    assert pacer.due(1.101, 0.1) == 1.101
    assert pacer.due(1.3, 0.1) == 1.3


def test_a_frame_too_early_waits_for_its_turn() -> None:
    assert passed(10, 1.0, 1.05).due(1.09, 1.0) == pytest.approx(1.15)


def test_frames_keep_half_a_period_apart() -> None:
    assert passed(10, 1.0, 1.14).due(1.18, 1.0) == pytest.approx(
        1.19
    )  # its turn is open from 1.14 on


def test_a_frame_too_early_leaves_its_turn_to_one_that_comes_in_time() -> None:
    pacer = passed(10, 1.0, 1.05)  # turn 1.15, from 1.1 to 1.2
    assert pacer.due(1.09, 0.10) == pytest.approx(1.2)
    assert pacer.due(1.09, 0.12) == pytest.approx(1.15)


def test_the_same_rate_again_changes_nothing() -> None:
    pacer = passed(10, 1.0, 1.08)  # late for its turn at 1.05; the next one is at 1.15
    pacer.limit(10)
    assert pacer.due(1.09, 1.0) == pytest.approx(1.15)


def test_a_new_rate_counts_from_the_previous_frame() -> None:
    pacer = passed(10, 1.0, 1.05)
    pacer.limit(1)
    assert pacer.due(1.06, 9.0) == pytest.approx(2.05)
    pacer.limit(0)
    assert pacer.due(1.06, 9.0) == 1.06


def test_a_rate_set_before_the_first_frame_does_not_delay_it() -> None:
    assert passed(0.1).due(5.0, 0.1) == 5.0
