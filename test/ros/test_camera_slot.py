# SPDX-License-Identifier: Apache-2.0

from math import inf

import pytest

from segnet_ros.ros.books import Books
from segnet_ros.ros.camera_slot import CameraSlot


def filled(*moments: float, max_rate: float = 0.0) -> CameraSlot[str]:
    slot = CameraSlot[str]("front")
    slot.limit(0, max_rate)
    for moment in moments:
        slot.put(f"at {moment}", moment)
    return slot


def test_a_new_slot_is_never_served_and_as_urgent_as_any() -> None:
    slot = CameraSlot[str]("front")
    assert (slot.camera, slot.priority, slot.turn) == ("front", 0, 0)


def test_a_newer_frame_supersedes_the_waiting_one() -> None:
    slot = filled(1.0)
    replaced = slot.put("newer", 1.5)
    assert (replaced.frame, replaced.since) == ("at 1.0", 1.0)
    assert (slot.waiting.frame, slot.waiting.since) == ("newer", 1.5)
    assert slot.ledger.books == Books(received=2, superseded=1, pending=1)


def test_nothing_is_superseded_by_the_first_frame() -> None:
    assert CameraSlot[str]("front").put("first", 0.0) is None


def test_a_taken_frame_stays_pending() -> None:
    slot = filled(1.0)
    assert slot.take(7, 1.2).frame == "at 1.0"
    assert slot.turn == 7
    assert slot.waiting is None
    assert slot.ready_at == inf
    assert slot.ledger.books == Books(received=1, pending=1)


def test_giving_up_supersedes_once() -> None:
    slot = filled(1.0)
    assert slot.give_up().frame == "at 1.0"
    assert slot.give_up() is None
    assert slot.ledger.books == Books(received=1, superseded=1)


def test_an_unlimited_frame_is_ready_when_it_comes() -> None:
    assert filled(1.0, 1.5).ready_at == 1.5


def test_a_limited_frame_is_ready_when_it_is_due() -> None:
    slot = filled(1.0, max_rate=0.5)  # its first turn counts as late, so the next one is at 2
    slot.take(1, 1.0)
    slot.put("early", 1.9)
    assert slot.ready_at == 3.0  # another one is expected within the turn, at 2.8
    assert slot.expected_at == pytest.approx(2.8)
    slot.limit(3, 0.0)
    assert (slot.priority, slot.ready_at) == (3, 1.9)


def test_a_limited_frame_takes_its_turn_if_no_other_is_expected_within_it() -> None:
    slot = filled(0.0, 1.5, 3.0, max_rate=0.5)
    slot.take(1, 3.0)
    slot.put("early", 3.8)
    assert slot.ready_at == slot.expected_at == 4.0


def test_the_next_frame_is_expected_after_the_median_interval() -> None:
    slot = filled(0.0, 1.0, 2.0, 9.0, 10.0, 11.0)
    assert slot.expected_at == 11.0  # it waits already
    slot.take(1, 11.0)
    assert slot.expected_at == 12.0


def test_old_intervals_are_forgotten() -> None:
    slot = filled(*range(20), 20.5, 21.0, 21.5, 22.0, 22.5)
    slot.take(1, 22.5)
    assert slot.expected_at == 23.0


def test_the_next_frame_that_the_rate_admits_is_expected() -> None:
    slot = filled(0.0, 0.2, 0.4, max_rate=1.0)
    slot.take(1, 0.4)  # admits from 0.9 on
    assert slot.expected_at == pytest.approx(1.0)


def test_what_the_rate_admits_is_expected_in_step_with_the_camera() -> None:
    slot = filled(0.0, 0.35, 0.7, max_rate=1.0)
    slot.take(1, 0.7)  # admits from 1.2 on; the camera's frames come at 1.05, 1.4, ...
    assert slot.expected_at == pytest.approx(1.4)


def test_a_burst_is_no_interval() -> None:
    slot = filled(1.0, 1.0, 1.0)
    slot.take(1, 1.0)
    assert slot.expected_at == 1.001


def test_one_arrival_foretells_nothing() -> None:
    slot = filled(1.0)
    slot.take(1, 1.0)
    assert slot.expected_at == inf


def test_the_last_arrival() -> None:
    assert CameraSlot[str]("front").last_arrival == -inf
    assert filled(1.0, 2.5).last_arrival == 2.5
