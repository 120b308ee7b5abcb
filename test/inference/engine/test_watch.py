# SPDX-License-Identifier: Apache-2.0
"""Ending a build: by a listener that raises, and by Ctrl-C."""

import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from segnet_ros.inference.engine.watch import Watch, interruptible


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def _refuse(phase: str, fraction: float | None) -> None:
    raise ValueError(phase)


def test_a_listener_hears_everything() -> None:
    heard: list[Any] = []
    watch = Watch(lambda *moment: heard.append(moment))
    assert watch.tell("build", None)
    assert watch.tell("tune", 0.5)
    assert heard == [("build", None), ("tune", 0.5)]
    assert watch.failure is None


def test_a_listener_that_raises_is_not_asked_again() -> None:
    watch = Watch(_refuse)
    assert not watch.tell("first", 0.0)
    assert not watch.tell("second", 0.0)
    assert str(watch.failure) == "first"


def test_ctrl_c_is_told_to_the_watch_and_a_second_one_ends_the_process() -> None:
    watch = Watch(lambda *moment: None)
    with interruptible(watch, stoppable=True):
        assert watch.tell("build", 0.0)
        signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
        assert not watch.tell("build", 0.5)
    assert isinstance(watch.failure, KeyboardInterrupt)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_first_failure_is_the_one_to_raise() -> None:
    watch = Watch(_refuse)
    watch.tell("first", 0.0)
    watch.interrupt()
    assert isinstance(watch.failure, ValueError)


def test_ctrl_c_ends_the_process_where_no_build_can_be_stopped() -> None:
    with interruptible(Watch(_refuse), stoppable=False):
        assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_program_that_handles_ctrl_c_itself_goes_on_doing_so() -> None:
    caught: list[int] = []
    handler = lambda number, frame: caught.append(number)  # noqa: E731
    signal.signal(signal.SIGINT, handler)
    watch = Watch(_refuse)
    with interruptible(watch, stoppable=True):
        signal.raise_signal(signal.SIGINT)
    assert caught == [signal.SIGINT]
    assert signal.getsignal(signal.SIGINT) is handler
    assert watch.failure is None


def test_other_threads_leave_the_handler_alone() -> None:
    handlers: list[Any] = []

    def build() -> None:
        with interruptible(Watch(_refuse), stoppable=True):
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=build)
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler]
