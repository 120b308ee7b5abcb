# SPDX-License-Identifier: Apache-2.0
"""What is noted about a camera's frames, by a node's clock that the test sets."""

import math
from collections.abc import Iterator

import pytest
import rclpy
from rclpy.clock import Clock
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.time import Time
from sensor_msgs.msg import CompressedImage, Image

from segnet_ros.inference.errors import InferenceError
from segnet_ros.messages.image_conversion import ImageConversionError
from segnet_ros.ros import frame_log
from segnet_ros.ros.frame_log import FrameLog

NOW = 1000  # seconds, by the node's clock
STAGES = {"infer": 0.002, "total": 0.004}


@pytest.fixture(scope="module")
def node(own_domain: None) -> Iterator[Node]:
    context = rclpy.Context()
    context.init(args=[])
    node = rclpy.create_node(
        "log", context=context, parameter_overrides=[Parameter("use_sim_time", value=True)]
    )
    yield node
    node.destroy_node()
    context.shutdown()


@pytest.fixture
def clock(node: Node) -> Clock:
    """Stands at `NOW`."""
    clock = node.get_clock()
    clock.set_ros_time_override(Time(seconds=NOW, clock_type=clock.clock_type))
    return clock


@pytest.fixture
def log(clock: Clock) -> FrameLog:
    return FrameLog(clock)


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The steady clock, to be set by the test."""
    now = [50.0]
    monkeypatch.setattr(frame_log.time, "monotonic", lambda: now[0])
    return now


def stamped(sec: int, nanosec: int = 0, kind: type = Image) -> Image:
    message = kind()
    message.header.stamp.sec, message.header.stamp.nanosec = sec, nanosec
    return message


def test_before_the_first_frame(log: FrameLog) -> None:
    assert math.isnan(log.stamp_offset)
    assert log.published_at is None
    assert (log.image, log.last_error) == ("", "")
    assert (log.stamps_went_back, log.missed_deadlines, log.failures_in_a_row) == (0, 0, 0)


@pytest.mark.parametrize("kind", [Image, CompressedImage])
@pytest.mark.parametrize(
    ("stamp", "age", "offset"),
    [
        ((997, 500_000_000), 2.5, -2.5),
        ((1000, 0), 0.0, 0.0),
        ((1003, 250_000_000), 0.0, 3.25),  # from the future
        ((-1, 0), 1001.0, -1001.0),  # before 1970
        ((0, 1), 999.999999999, -999.999999999),
    ],
)
def test_the_age_is_the_clocks_distance_from_the_stamp(
    log: FrameLog, kind: type, stamp: tuple[int, int], age: float, offset: float
) -> None:
    message = stamped(*stamp, kind=kind)
    assert log.arrived(message)
    assert log.age(message) == age
    assert log.stamp_offset == offset


def test_the_age_grows_and_the_offset_stays(log: FrameLog, clock: Clock) -> None:
    message = stamped(999)
    log.arrived(message)
    clock.set_ros_time_override(Time(seconds=1004, clock_type=clock.clock_type))
    assert (log.age(message), log.stamp_offset) == (5.0, -1.0)


def test_an_unset_stamp_has_no_age(log: FrameLog) -> None:
    log.arrived(stamped(999))
    message = stamped(0)
    assert log.arrived(message)
    assert log.age(message) == 0.0
    assert math.isnan(log.stamp_offset)
    log.arrived(stamped(1001))
    assert log.stamp_offset == 1.0


@pytest.mark.parametrize(
    ("stamps", "in_order"),
    [
        ([5, 6, 7], [True, True, True]),
        ([5, 5, 5], [True, True, True]),  # a camera may repeat its stamp
        ([5, 4, 4, 5], [True, False, True, True]),
        ([5, 9, 5, 9, 5], [True, True, False, True, False]),  # a recording in a loop
        ([0, 0, 0], [True, True, True]),
        ([5, 0, 6, 0, 5], [True, True, True, True, False]),  # unset now and then
        ([-3, -2, -3], [True, True, False]),
    ],
)
def test_stamps_that_go_back_are_told_and_counted(
    log: FrameLog, stamps: list[int], in_order: list[bool]
) -> None:
    assert [log.arrived(stamped(stamp)) for stamp in stamps] == in_order
    assert log.stamps_went_back == in_order.count(False)


def test_a_nanosecond_is_enough_to_go_back(log: FrameLog) -> None:
    assert log.arrived(stamped(1_700_000_000, 2))
    assert not log.arrived(stamped(1_700_000_000, 1))


def test_rates_and_times_are_by_the_steady_clock(log: FrameLog, steady: list[float]) -> None:
    for _ in range(5):
        log.arrived(stamped(NOW))
        steady[0] += 0.25
    for _ in range(3):
        steady[0] += 0.5
        log.published(STAGES, 0.0, 0.0)
    assert log.arrivals.rate(51.0) == 4.0
    assert log.labels.rate(steady[0]) == 2.0
    assert log.published_at == steady[0] == 52.75


def test_stages_are_kept(log: FrameLog) -> None:
    log.published(STAGES, 0.0, 0.0)
    assert log.latency.percentiles_ms() == {"infer": (2.0,) * 4, "total": (4.0,) * 4}


@pytest.mark.parametrize(
    ("age", "deadline", "missed"), [(0.3, 0.2, 1), (0.2, 0.2, 0), (0.1, 0.2, 0), (9.0, 0.0, 0)]
)
def test_missed_deadlines(log: FrameLog, age: float, deadline: float, missed: int) -> None:
    log.published(STAGES, age, deadline)
    assert log.missed_deadlines == missed


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ImageConversionError("a short step"), "a short step"),
        (InferenceError("no engine"), "no engine"),
        (KeyError("x"), "KeyError: 'x'"),
    ],
)
def test_failures_in_a_row(log: FrameLog, error: Exception, words: str) -> None:
    for _ in range(3):
        log.failed(error)
    assert (log.failures_in_a_row, log.last_error) == (3, words)
    log.published(STAGES, 0.0, 0.0)
    assert (log.failures_in_a_row, log.last_error) == (0, words)


def test_a_failure_is_to_be_told_now_and_then(log: FrameLog, steady: list[float]) -> None:
    told = []
    for _ in range(12):
        told.append(log.failed(KeyError("x")))
        steady[0] += 1.0
    assert told == [True, *[False] * 4] * 2 + [True, False]
    assert log.failures_in_a_row == 12
