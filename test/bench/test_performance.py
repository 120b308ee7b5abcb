# SPDX-License-Identifier: Apache-2.0
"""The figures of ros2_benchmark, computed by hand."""

from dataclasses import replace

import pytest
from performance import Performance, conclude, performance, sustained

MS = 1_000_000


@pytest.fixture
def run() -> Performance:
    """Five frames 10 ms apart from 1000 ms on; the labels of four come, the third is missed."""
    sent = [(1000 + 10 * k) * MS for k in range(5)]
    arrived = {
        1000 * MS: 1005 * MS,
        1010 * MS: 1018 * MS,
        1030 * MS: 1034 * MS,
        1040 * MS: 1046 * MS,
    }
    found = performance(sent, arrived, cpu_percent=42.0)
    assert found is not None
    return found


def test_counts_frames_without_a_label_as_missed(run: Performance) -> None:
    assert (run.frames_sent, run.frames_missed) == (5, 1)


def test_latency_is_from_the_stamp_to_the_arrival_of_the_same_stamp(run: Performance) -> None:
    # 5, 8, 4, 6 ms
    assert (run.latency_first_ms, run.latency_last_ms) == (5, 6)
    assert (run.latency_mean_ms, run.latency_max_ms, run.latency_min_ms) == (5.75, 8, 4)


def test_jitter_is_the_difference_of_consecutive_intervals(run: Performance) -> None:
    # arrivals 1005, 1018, 1034, 1046: intervals 13, 16, 12: jitters 3, 4
    assert (run.jitter_min_ms, run.jitter_mean_ms, run.jitter_max_ms) == (3, 3.5, 4)
    assert run.jitter_deviation_ms == 0.5


def test_rates_are_frames_over_the_time_from_first_to_last(run: Performance) -> None:
    assert run.playback_rate == pytest.approx(5 / 0.040)
    assert run.rate == pytest.approx(4 / 0.041)


def test_labels_that_nobody_asked_for_do_not_count() -> None:
    sent = [10 * MS, 20 * MS, 30 * MS]
    arrived = {5 * MS: 6 * MS, **{stamp: stamp + MS for stamp in sent}}
    found = performance(sent, arrived, 0.0)
    assert found is not None
    assert (found.frames_missed, found.latency_max_ms) == (0, 1)


def test_two_labels_have_no_jitter() -> None:
    assert performance([10, 20, 30], {10: 11, 20: 21}, 0.0) is None


def test_conclusion_leaves_out_best_and_worst(run: Performance) -> None:
    runs = [replace(run, rate=rate) for rate in (1.0, 30.0, 20.0, 90.0, 10.0)]
    assert conclude(runs).rate == 20.0


def test_conclusion_keeps_the_extremes_of_what_is_left(run: Performance) -> None:
    figures = (9.0, 1.0, 2.0, 4.0, 3.0)
    runs = [replace(run, latency_max_ms=f, latency_min_ms=f, latency_mean_ms=f) for f in figures]
    found = conclude(runs)
    assert (found.latency_max_ms, found.latency_min_ms, found.latency_mean_ms) == (4, 2, 3)


def test_conclusion_of_two_runs_is_their_mean(run: Performance) -> None:
    assert conclude([replace(run, rate=10.0), replace(run, rate=20.0)]).rate == 15.0


@pytest.mark.parametrize(("missed", "kept"), [(5, True), (6, False)])
def test_loses_five_of_a_hundred_at_most(run: Performance, missed: int, kept: bool) -> None:
    lossy = replace(run, frames_sent=100, frames_missed=missed, rate=50.0, playback_rate=50.0)
    assert sustained(lossy, loss=0.05, rate_drop=0.0) is kept


@pytest.mark.parametrize(("rate", "kept"), [(40.0, True), (39.9, False)])
def test_labels_may_come_a_little_slower(run: Performance, rate: float, kept: bool) -> None:
    slow = replace(run, frames_missed=0, rate=rate, playback_rate=50.0)
    assert sustained(slow, loss=0.05, rate_drop=10.0) is kept


def test_nothing_measured_is_not_sustained() -> None:
    assert not sustained(None, loss=1.0, rate_drop=100.0)
