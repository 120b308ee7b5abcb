# SPDX-License-Identifier: Apache-2.0
"""Steps from frame to frame."""

import math

import numpy as np
import pytest

from segnet_ros.evaluation.frame_times import frame_times

MS = 1_000_000
EPOCH = 1_700_000_000_000 * MS


def times_of(stamps_ms, recorded_ms=None):
    stamps = np.array([EPOCH + ms * MS if ms is not None else 0 for ms in stamps_ms], np.int64)
    recorded = stamps_ms if recorded_ms is None else recorded_ms
    return frame_times(stamps, np.array([ms * MS for ms in recorded], np.int64))


def irregular(times):
    return [(each.kind, round(each.at, 6), round(each.seconds, 6)) for each in times.irregular]


def test_a_regular_camera_with_jitter() -> None:
    times = times_of([0, 95, 205, 300, 402, 500])
    assert times.rate == pytest.approx(1 / 0.1, rel=0.03)
    assert times.longest == pytest.approx(0.11)
    assert (times.missing, times.repeated, irregular(times)) == (0, 0, [])


def test_gaps_and_what_fits_into_them() -> None:
    times = times_of([0, 100, 300, 400, 1400, 1500, 1600])
    assert times.rate == pytest.approx(10)
    assert irregular(times) == [("gap", 0.1, 0.2), ("gap", 0.4, 1.0)]
    assert times.missing == 1 + 9
    assert times.longest == pytest.approx(1.0)


def test_stamps_that_go_back_and_stand_still() -> None:
    times = times_of([500, 600, 700, 200, 300, 300, 400], [0, 100, 200, 300, 400, 500, 600])
    assert irregular(times) == [("back", 0.2, -0.5)]
    assert (times.repeated, times.missing) == (1, 0)


def test_stamps_that_run_ahead_of_the_recorder_are_no_missing_frames() -> None:
    times = times_of([0, 100, 200, 5300, 5400], [0, 100, 200, 300, 400])
    assert irregular(times) == [("jump", 0.2, 5.1)]
    assert (times.missing, times.longest) == (0, pytest.approx(0.1))


def test_a_pause_of_both_clocks_is_a_gap() -> None:
    times = times_of([0, 100, 200, 5200, 5300])
    assert irregular(times) == [("gap", 0.2, 5.0)]


def test_the_recorder_stands_in_for_unset_stamps() -> None:
    times = times_of([None] * 4, [0, 200, 400, 1000])
    assert times.rate == pytest.approx(5)
    assert irregular(times) == [("gap", 0.4, 0.6)]
    mixed = times_of([0, 100, None, 300, 400], [0, 100, 200, 300, 400])
    assert irregular(mixed) == []


@pytest.mark.parametrize("frames", [0, 1])
def test_too_few_frames_tell_nothing(frames) -> None:
    times = times_of([7] * frames)
    assert math.isnan(times.rate)
    assert math.isnan(times.longest)
    assert (times.missing, times.repeated, irregular(times)) == (0, 0, [])


def test_nothing_but_one_stamp() -> None:
    times = times_of([5, 5, 5], [0, 100, 200])
    assert math.isnan(times.rate)
    assert times.repeated == 2
