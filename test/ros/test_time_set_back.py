# SPDX-License-Identifier: Apache-2.0
"""Clocks that the test sets; the thread's pauses end when it is told to look again."""

import queue
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from segnet_ros.ros import time_set_back
from segnet_ros.ros.time_set_back import TimeSetBack


class Clocks:
    """The module's `time`."""

    def __init__(self) -> None:
        self.system, self.steady = 1_700_000_000.0, 50.0
        self._pauses: queue.Queue[None] = queue.Queue()
        self._looked: queue.Queue[None] = queue.Queue()
        self.module = SimpleNamespace(
            time=lambda: self.system, monotonic=lambda: self.steady, sleep=self._sleep
        )

    def _sleep(self, seconds: float) -> None:
        self._looked.put(None)
        self._pauses.get()

    def begin(self) -> None:
        """Wait until the thread has looked for the first time."""
        self._looked.get(timeout=10)

    def move(self, system: float, steady: float = 1.0) -> None:
        """Let time go by; returns when the thread has seen it."""
        self.system += system
        self.steady += steady
        self._pauses.put(None)
        self._looked.get(timeout=10)

    def end(self, watch: TimeSetBack) -> None:
        watch.stop()
        self._pauses.put(None)


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    clocks = Clocks()
    monkeypatch.setattr(time_set_back, "time", clocks.module)
    return clocks


@pytest.fixture
def woken(clocks: Clocks) -> Iterator[list[float]]:
    """When the watch woke somebody, by the steady clock."""
    woken: list[float] = []
    watch = TimeSetBack(lambda: woken.append(clocks.steady))
    clocks.begin()
    yield woken
    clocks.end(watch)


def test_who_waits_is_woken_each_time_that_the_time_goes_back(
    clocks: Clocks, woken: list[float]
) -> None:
    for system in (1.0, -3600.0, 1.0, 1.0, 0.8):
        clocks.move(system)
    assert woken == [52.0, 55.0]


def test_forward_jumps_slewing_and_pauses_wake_nobody(clocks: Clocks, woken: list[float]) -> None:
    for system, steady in ((3600.0, 1.0), (0.95, 1.0), (0.95, 1.0), (500.0, 500.0), (1.0, 0.9)):
        clocks.move(system, steady)
    assert woken == []


def test_nobody_is_woken_after_its_end(clocks: Clocks) -> None:
    woken: list[float] = []
    watch = TimeSetBack(lambda: woken.append(clocks.steady))
    clocks.begin()
    watch.stop()
    clocks.system -= 3600.0
    clocks.end(watch)
    assert woken == []
