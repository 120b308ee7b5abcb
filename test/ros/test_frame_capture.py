# SPDX-License-Identifier: Apache-2.0
"""Requests for one frame, without a camera."""

import threading
import time as steady
from collections.abc import Iterator

import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import Header

from segnet_ros.ros import frame_capture
from segnet_ros.ros.frame_capture import CapturedFrame, FrameCapture


class Time:
    """Stands in for the module of this name."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(frame_capture, "time", time)
    return time


@pytest.fixture
def executor(own_domain: None) -> Iterator[SingleThreadedExecutor]:
    context = rclpy.Context()
    context.init(args=[])
    executor = SingleThreadedExecutor(context=context)
    yield executor
    executor.shutdown()
    context.shutdown()


@pytest.fixture
def capture(executor: SingleThreadedExecutor, time: Time) -> FrameCapture:
    return FrameCapture(lambda: executor)


def frame(seed: int) -> CapturedFrame:
    pixels = np.full((2, 3, 3), seed, np.uint8)
    return CapturedFrame("", "/image", Header(), pixels, pixels[..., 0], pixels[..., 1], {})


def test_a_frame_answers_the_request_that_is_there(capture: FrameCapture) -> None:
    assert not capture.wanted
    capture.offer(frame(1))  # nobody asked
    first = capture.request()
    assert capture.wanted
    assert not first.done()
    assert capture.request() is first
    second_frame = frame(2)
    capture.offer(second_frame)
    assert not capture.wanted
    assert first.result() is second_frame
    other = capture.request()
    assert other is not first
    assert not other.done()


def test_patience_ends_after_five_seconds(capture: FrameCapture, time: Time) -> None:
    capture.expire()  # nothing to give up
    future = capture.request()
    time.now += 5.0
    capture.expire()
    assert capture.wanted
    time.now += 0.1
    capture.expire()
    assert not capture.wanted
    assert future.done()
    assert future.result() is None


def test_every_request_has_patience_of_its_own(capture: FrameCapture, time: Time) -> None:
    capture.request()
    time.now += 4.0
    capture.offer(frame(1))
    second = capture.request()
    time.now += 4.0
    capture.expire()
    assert not second.done()
    # One that joins does not prolong the wait of who asked first.
    capture.request()
    time.now += 1.1
    capture.expire()
    assert second.result() is None


def test_a_coroutine_gets_what_another_thread_offers(
    capture: FrameCapture, executor: SingleThreadedExecutor
) -> None:
    wanted = frame(3)

    async def wait() -> CapturedFrame:
        return await capture.request()

    task = executor.create_task(wait)
    executor.spin_once(timeout_sec=1)
    assert capture.wanted
    threading.Timer(0.1, capture.offer, [wanted]).start()
    began = steady.monotonic()
    while not task.done():
        executor.spin_once(timeout_sec=20)
    assert steady.monotonic() - began < 15  # else nobody woke it
    assert task.result() is wanted
