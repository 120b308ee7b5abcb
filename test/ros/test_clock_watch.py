# SPDX-License-Identifier: Apache-2.0
"""A genuine node's clock, which the test sets as /clock would."""

from collections.abc import Iterator

import pytest
import rclpy
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.time import Time

from segnet_ros.ros import clock_watch
from segnet_ros.ros.clock_watch import ClockWatch


@pytest.fixture
def node(own_domain: None) -> Iterator[Node]:
    context = rclpy.Context()
    context.init(args=[])
    node = rclpy.create_node("watched", context=context)
    yield node
    node.destroy_node()
    context.shutdown()


@pytest.fixture
def told(node: Node) -> list[float]:
    """The times at which the watch told that the time went back."""
    return []


@pytest.fixture
def watch(node: Node, told: list[float]) -> ClockWatch:
    return ClockWatch(node, lambda: told.append(node.get_clock().now().nanoseconds / 1e9))


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The steady clock, to be set by the test."""
    now = [50.0]
    monkeypatch.setattr(clock_watch.time, "monotonic", lambda: now[0])
    return now


def simulate(node: Node, value: bool = True) -> None:
    assert node.set_parameters([Parameter("use_sim_time", value=value)])[0].successful


def tick(node: Node, seconds: float) -> None:
    """As a message on /clock does."""
    clock = node.get_clock()
    clock.set_ros_time_override(Time(nanoseconds=int(1e9 * seconds), clock_type=clock.clock_type))


def test_the_time_goes_back(node: Node, watch: ClockWatch, told: list[float]) -> None:
    simulate(node)
    for seconds in (100.0, 100.025, 109.5, 100.0, 100.025, 100.0):
        tick(node, seconds)
    # Told after the clock was set: what is asked for the time then gets the new one.
    assert told == [100.0, 100.0]
    assert watch.jumps == 2
    assert watch.last_jump == "the time went back by 0.03 s"
    tick(node, 12.25)
    assert (watch.jumps, watch.last_jump) == (3, "the time went back by 88 s")


def test_forward_and_equal_steps_are_no_jumps(
    node: Node, watch: ClockWatch, told: list[float]
) -> None:
    simulate(node)
    for seconds in (1.0, 1.0, 1.000000001, 500.0, 1e9):
        tick(node, seconds)
    assert (watch.jumps, watch.last_jump, told) == (0, "", [])


def test_a_change_of_clocks_is_no_jump(node: Node, watch: ClockWatch, told: list[float]) -> None:
    for seconds in (100.0, 200.0):
        simulate(node)
        tick(node, seconds)
        simulate(node, value=False)
    assert (watch.jumps, told) == (0, [])


def test_a_jump_that_happened_meanwhile_is_seen(
    node: Node, watch: ClockWatch, told: list[float]
) -> None:
    simulate(node)
    tick(node, 100.0)
    simulate(node, value=False)
    simulate(node)
    tick(node, 40.0)
    assert (watch.jumps, told) == (1, [40.0])


def test_which_clock_it_is(node: Node, watch: ClockWatch) -> None:
    assert not watch.simulated
    simulate(node)
    assert watch.simulated
    simulate(node, value=False)
    assert not watch.simulated


def test_the_systems_time_runs(watch: ClockWatch, steady: list[float]) -> None:
    for _ in range(5):
        assert watch.runs()
        steady[0] += 1.0


def test_without_clock_the_time_stands_still(
    node: Node, watch: ClockWatch, steady: list[float]
) -> None:
    simulate(node)
    assert not watch.runs()
    steady[0] += 1.0
    assert not watch.runs()


def test_switched_on_later_it_stands_still_at_once(
    node: Node, watch: ClockWatch, steady: list[float]
) -> None:
    assert watch.runs()
    simulate(node)
    assert not watch.runs()
    tick(node, 7.0)
    assert watch.runs()
    simulate(node, value=False)
    assert watch.runs()


def test_the_time_may_come_in_steps_of_a_second(
    node: Node, watch: ClockWatch, steady: list[float]
) -> None:
    simulate(node)
    for step in range(5):
        tick(node, 10.0 + step)
        # Asked once a second, with jitter: between two steps now and then.
        for pause in (0.9, 0.9):
            assert watch.runs()
            steady[0] += pause
        assert watch.runs()


def test_a_paused_playback_is_noticed_and_forgiven(
    node: Node, watch: ClockWatch, steady: list[float]
) -> None:
    simulate(node)
    tick(node, 10.0)
    assert watch.runs()
    steady[0] += 2.0
    tick(node, 10.0)  # a paused player goes on publishing the same
    assert not watch.runs()
    steady[0] += 1.0
    assert not watch.runs()
    tick(node, 10.025)
    assert watch.runs()
    steady[0] += 1.0
    tick(node, 3.0)  # back is a movement, too
    assert watch.runs()


@pytest.fixture
def system(node: Node, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The system's time, to be set by the test."""
    now = [1_700_000_000.0]
    clock = node.get_clock()
    monkeypatch.setattr(
        clock, "now", lambda: Time(nanoseconds=int(now[0] * 1e9), clock_type=clock.clock_type)
    )
    return now


def test_the_systems_time_is_set(
    watch: ClockWatch, told: list[float], steady: list[float], system: list[float]
) -> None:
    for moved, jumps, words in (
        (0.2, 0, ""),
        (1.0, 0, ""),
        (1.9, 0, ""),  # slewed, or asked late
        (3601.0, 1, "the system's time went forward by 60.0 min"),
        (1.0, 1, "the system's time went forward by 60.0 min"),
        (-3599.0, 2, "the system's time went back by 60.0 min"),
        (0.1, 2, "the system's time went back by 60.0 min"),
        (-0.5, 3, "the system's time went back by 1.50 s"),
    ):
        assert watch.runs()
        steady[0] += 1.0
        system[0] += moved
        assert watch.runs()
        assert (watch.jumps, watch.last_jump) == (jumps, words)
    # Frames that wait are as good as before: who took them has the same clock, or another one.
    assert told == []


def test_simulated_time_is_not_compared_with_the_systems(
    node: Node, watch: ClockWatch, steady: list[float]
) -> None:
    assert watch.runs()
    simulate(node)
    for seconds in (5.0, 5000.0):
        tick(node, seconds)
        assert watch.runs()
    simulate(node, value=False)
    assert watch.runs()
    assert (watch.jumps, watch.last_jump) == (0, "")
