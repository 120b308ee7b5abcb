# SPDX-License-Identifier: Apache-2.0

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_time import flat, simulate

from segnet_ros.ros.batching import choose
from segnet_ros.ros.camera_slot import CameraSlot

WINDOW = 0.005


def slot(camera: str, *arrivals: float, priority: int = 0, turn: int = 0) -> CameraSlot[float]:
    made = CameraSlot[float](camera)
    made.limit(priority, 0.0)
    for moment in arrivals:
        made.put(moment, moment)
    made.turn = turn
    return made


def seen(camera: str, *arrivals: float) -> CameraSlot[float]:
    """A slot whose frames all went at once."""
    made = CameraSlot[float](camera)
    for moment in arrivals:
        made.put(moment, moment)
        made.take(0, moment)
    return made


def held_until(moment: float) -> CameraSlot[float]:
    """A slot whose frame waits for its turn, while nothing fresher is expected before."""
    made = seen("b", -9.0, -5.0, 0.0)
    made.put(0.1, 0.1)
    made.limit(0, 1 / moment)
    return made


def names(slots: list[CameraSlot[float]]) -> list[str]:
    return [each.camera for each in slots]


def every(period: float, start: float = 0.0, end: float = 3.0) -> list[float]:
    return [start + frame * period for frame in range(int((end - start) / period))]


def test_nothing_waits() -> None:
    assert choose([slot("a"), slot("b")], 1, 0.0, 1.0) == ([], inf)


def test_the_higher_priority_goes_first_even_if_it_was_served_last() -> None:
    slots = [slot("a", 1.0, turn=1), slot("b", 2.0, priority=5, turn=9), slot("c", 0.5)]
    assert names(choose(slots, 1, 0.0, 2.0)[0]) == ["b"]


def test_among_equals_the_one_served_longest_ago_goes_first() -> None:
    slots = [slot("a", 1.0, turn=3), slot("b", 2.0, turn=1), slot("c", 0.5, turn=2)]
    assert names(choose(slots, 3, 0.0, 2.0)[0]) == ["b", "c", "a"]


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
    st.integers(1, 5),
)
def test_the_choice_is_the_most_urgent_of_the_ready(cameras, random, batch) -> None:
    turns = random.sample(range(100), len(cameras))
    slots = [
        slot(str(index), *([1.0] if waits else []), priority=priority, turn=turn)
        for index, ((waits, priority), turn) in enumerate(zip(cameras, turns, strict=True))
    ]
    chosen, _ = choose(slots, batch, 0.0, 1.0)
    left = [each for each in slots if each.waiting and each not in chosen]
    assert len(chosen) == min(batch, len(chosen) + len(left))
    assert all(each.waiting for each in chosen)
    for taken in chosen:
        assert all((taken.priority, -taken.turn) > (other.priority, -other.turn) for other in left)


@pytest.mark.parametrize("batch", [1, 2, 3, 4])
def test_equals_are_served_equally_often_under_overload(batch) -> None:
    cameras = {name: every(1 / 30) for name in "abcde"}
    batches = simulate(cameras, batch=batch, service=0.1)
    served = [len(flat(batches, name)) for name in cameras]
    assert max(served) - min(served) <= 1
    assert min(served) >= 5


def test_under_overload_the_higher_priority_misses_no_turn() -> None:
    cameras = {name: every(1 / 10) for name in "abc"}
    batches = simulate(cameras, priorities={"b": 1}, service=0.06)
    assert len(flat(batches, "b")) == len(cameras["b"])
    assert abs(len(flat(batches, "a")) - len(flat(batches, "c"))) <= 1
    assert len(flat(batches, "a")) >= 5


def test_a_rate_limit_leaves_the_others_their_turns() -> None:
    cameras = {"a": every(1 / 20), "b": every(1 / 20)}
    batches = simulate(cameras, priorities={"a": 1}, rates={"a": 5}, service=0.04)
    assert 15 <= len(flat(batches, "a")) <= 17
    assert len(flat(batches, "b")) >= 50


def test_frames_within_the_window_share_a_batch() -> None:
    cameras = {"a": every(0.033), "b": every(0.033, 0.002), "c": every(0.033, 0.004)}
    batches = simulate(cameras, batch=3, window=WINDOW)
    settled = batches[6:-1]  # until the intervals are known
    assert len(settled) > 80
    assert all(len(batch) == 3 for batch in settled)
    assert all(batch[0].at == max(each.arrival for each in batch) for batch in settled)


def test_a_full_batch_waits_for_nobody() -> None:
    cameras = {"a": every(0.033), "b": every(0.033, 0.001), "c": every(0.033, 0.004)}
    batches = simulate(cameras, batch=2, window=WINDOW)
    assert all(batch[0].at == batch[-1].arrival for batch in batches[9:-1] if len(batch) == 2)
    assert max(each.waited for each in flat(batches, "b")) < 1e-9


def test_a_camera_outside_the_window_is_not_waited_for() -> None:
    cameras = {"a": every(0.033), "b": every(0.033, 0.016)}
    batches = simulate(cameras, batch=2, window=WINDOW)
    assert all(each.waited == 0 for batch in batches for each in batch)


def test_a_dead_camera_delays_one_frame_by_the_window_and_then_none() -> None:
    cameras = {"a": every(0.033), "b": every(0.033, 0.002, 1.5)}
    delayed = [
        each
        for each in flat(simulate(cameras, batch=2, window=WINDOW), "a")
        if each.at > cameras["b"][-1] + 1e-9 and each.waited > 0
    ]
    assert len(delayed) <= 1
    assert all(each.waited <= WINDOW + 1e-9 for each in delayed)


def test_a_dead_camera_does_not_end_the_wait_for_a_live_one() -> None:
    cameras = {"a": every(0.033), "b": every(0.033, 0.002, 1.5), "c": every(0.033, 0.003)}
    batches = simulate(cameras, batch=3, window=WINDOW)
    late = [batch for batch in batches if batch[0].at > 1.6]
    assert len(late) > 40
    assert all(len(batch) == 2 for batch in late[:-1])


def test_the_window_counts_from_the_first_of_the_ready_frames() -> None:
    slots = [slot("a", 1.0), slot("b", 1.04), seen("c", 0.9, 0.98)]
    assert choose(slots, 3, 0.08, 1.04) == ([], pytest.approx(1.06))  # c is expected
    assert choose(slots, 3, 0.08, 1.07) == ([], pytest.approx(1.08))  # and overdue
    assert names(choose(slots, 3, 0.08, 1.081)[0]) == ["a", "b"]


def test_a_camera_that_never_came_delays_nobody() -> None:
    batches = simulate({"a": every(0.033), "b": [], "c": [0.5]}, batch=3, window=WINDOW)
    assert all(each.waited == 0 for each in flat(batches, "a"))


def test_a_slow_camera_delays_only_the_frames_about_its_own() -> None:
    cameras = {"a": every(0.01), "b": every(1.0, 0.0043, 10.0)}
    for each in flat(simulate(cameras, batch=2, window=WINDOW), "a"):
        near = min(abs(each.arrival - (0.0043 + second)) for second in range(12))
        assert each.waited == 0 or near <= WINDOW + 1e-9


def test_a_camera_held_back_by_its_rate_is_waited_for_when_its_turn_comes() -> None:
    cameras = {"a": every(0.033), "b": every(0.033, 0.002)}
    batches = simulate(cameras, batch=2, window=WINDOW, rates={"b": 1 / 0.132})
    assert 21 <= len(flat(batches, "b")) <= 24
    assert sum(len(batch) == 2 for batch in batches) >= 20
    assert sum(each.waited > 0 for each in flat(batches, "a")) <= 24


@given(
    st.dictionaries(
        st.sampled_from("abcd"), st.lists(st.floats(0, 2), max_size=40), min_size=1, max_size=4
    ),
    st.integers(1, 4),
    st.floats(0, 0.2),
)
def test_no_frame_waits_longer_than_the_window_for_others(cameras, batch, window) -> None:
    batches = simulate(cameras, batch=batch, window=window)
    assert all(each.waited <= window + 1e-9 for group in batches for each in group)
    for group in batches:
        assert 1 <= len(group) <= batch
        assert len({each.camera for each in group}) == len(group)
    newest = {name: max(times) for name, times in cameras.items() if times}
    assert {name: flat(batches, name)[-1].arrival for name in newest} == newest


def test_it_asks_again_when_the_awaited_one_is_overdue() -> None:
    ready, awaited = slot("a", 1.0), seen("b", 0.88, 0.94)
    chosen, wake = choose([ready, awaited], 2, 0.1, 1.0)
    assert (chosen, wake) == ([], pytest.approx(1.1))
    late = seen("b", 0.85, 0.9)  # expected at 0.95, overdue at 1.05
    assert choose([ready, late], 2, 0.1, 1.0) == ([], pytest.approx(1.05))
    assert names(choose([ready, late], 2, 0.1, 1.0501)[0]) == ["a"]


def test_it_asks_again_when_a_frame_held_back_is_due() -> None:
    held, ready = held_until(0.5), slot("a", 0.48)
    assert choose([ready, held], 2, 0.1, 0.48) == ([], 0.5)
    assert names(choose([ready, held], 2, 0.1, 0.5)[0]) == ["a", "b"]
    assert names(choose([ready, held], 2, 0.01, 0.48)[0]) == ["a"]


def test_with_nothing_due_it_asks_again_at_the_first_due_time() -> None:
    assert choose([held_until(0.7), held_until(0.5)], 1, 0.0, 0.1) == ([], 0.5)


def test_a_frame_that_waited_for_the_engine_waits_for_nobody() -> None:
    assert names(choose([slot("a", 1.0), seen("b", 0.9, 0.98)], 2, 0.05, 1.06)[0]) == ["a"]
