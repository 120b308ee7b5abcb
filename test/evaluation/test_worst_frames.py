# SPDX-License-Identifier: Apache-2.0

import math

import pytest

from segnet_ros.evaluation.agreement import AgreementCounts
from segnet_ros.evaluation.comparison import ComparedCamera, ComparedFrame, Event
from segnet_ros.evaluation.worst_frames import worst_frames

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def camera(agreements, bag="drive", topic="/image", period=SECOND // 2, events=()):
    frames = [
        ComparedFrame(START + k * period, k, value, 0.5, 0.1, 0.2)
        for k, value in enumerate(agreements)
    ]
    return ComparedCamera(bag, topic, START, AgreementCounts.none(1), frames, events)


def places(frames):
    return [(each.bag, each.topic, each.frame.stamp_ns) for each in frames]


def test_neighbours_of_a_worse_frame_are_left_out() -> None:
    # At 2 Hz: 2 s are four frames.
    found = worst_frames([camera([0.9, 0.8, 0.1, 0.2, 0.3, 0.4, 0.5, 0.95, 0.7])], 3)
    assert places(found) == [("drive", "/image", k) for k in (2, 6)]
    found = worst_frames([camera([0.9, 0.8, 0.5, 0.2, 0.3, 0.4, 0.5, 0.95, 0.7, 0.6, 0.6])], 2)
    assert [each.frame.agreement for each in found] == [0.2, 0.6]
    assert places(found)[1][2] == 9, "of equals the earlier one"


def test_cameras_and_recordings_do_not_hinder_each_other() -> None:
    cameras = [camera([0.5]), camera([0.4], topic="/other"), camera([0.3], bag="next")]
    found = worst_frames(cameras, 8)
    assert places(found) == [("next", "/image", 0), ("drive", "/other", 0), ("drive", "/image", 0)]
    assert worst_frames(cameras, 1) == found[:1]


def test_frames_without_differences_are_not_bad() -> None:
    assert worst_frames([camera([1.0, math.nan, 1.0])], 8) == []


def test_time_goes_by_the_recording_not_by_stamps() -> None:
    found = worst_frames([camera([0.5, 0.6, 0.6], period=2 * SECOND)], 8)
    assert [each.frame.time_ns - each.start_ns for each in found] == [0, 2 * SECOND, 4 * SECOND]


def event(kind, first, last, period=3 * SECOND):
    return Event(kind, START + first * period, START + last * period, "in words")


@pytest.mark.parametrize("kind", ["black", "overexposed", "blurred"])
def test_pictures_that_show_nothing_are_not_shown(kind) -> None:
    agreements = [0.9, 0.3, 0.2, 0.1, 0.8]
    found = worst_frames([camera(agreements, period=3 * SECOND, events=[event(kind, 1, 3)])], 8)
    assert [each.frame.stamp_ns for each in found] == [4, 0]


def test_the_first_frame_of_a_frozen_camera_stands_for_all() -> None:
    agreements = [0.9, 0.2, 0.2, 0.2, 0.8, 0.3, 0.3]
    events = [event("frozen", 1, 3), event("frozen", 5, 6)]
    found = worst_frames([camera(agreements, period=3 * SECOND, events=events)], 8)
    assert [each.frame.stamp_ns for each in found] == [1, 5, 4, 0]


def test_frames_beside_a_lost_one_are_shown() -> None:
    found = worst_frames([camera([0.9], period=3 * SECOND, events=[event("lost", 0, 0)])], 8)
    assert len(found) == 1
