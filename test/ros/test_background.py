# SPDX-License-Identifier: Apache-2.0
"""Threads beside the executor."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future as Answer
from pathlib import Path

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor

from segnet_ros.ros.background import fulfil, in_executor, in_thread


@pytest.fixture
def executor(own_domain: None) -> Iterator[SingleThreadedExecutor]:
    context = rclpy.Context()
    context.init(args=[])
    executor = SingleThreadedExecutor(context=context)
    yield executor
    executor.shutdown()
    context.shutdown()


def test_the_result_of_a_thread_wakes_the_coroutine(executor: SingleThreadedExecutor) -> None:
    goes_on = threading.Event()

    def work() -> threading.Thread:
        goes_on.wait()
        return threading.current_thread()

    async def wait() -> list[object]:
        future, thread = in_thread(executor, "work", work)
        return [thread, await future]

    task = executor.create_task(wait)
    executor.spin_once(timeout_sec=1)
    assert not task.done()
    threading.Timer(0.1, goes_on.set).start()
    began = time.monotonic()
    while not task.done():
        executor.spin_once(timeout_sec=20)
    assert time.monotonic() - began < 15  # else it slept until the end
    thread, worker = task.result()
    assert thread is worker
    assert thread is not threading.current_thread()
    assert (thread.name, thread.daemon) == ("work", True)


def test_an_exception_comes_out_where_it_is_waited_for(executor: SingleThreadedExecutor) -> None:
    async def wait() -> str:
        future, _ = in_thread(executor, "work", lambda: 1 // 0)
        try:
            await future
        except ZeroDivisionError:
            return "told"
        return "not told"

    task = executor.create_task(wait)
    executor.spin_until_future_complete(task, timeout_sec=10)
    assert task.result() == "told"


def test_calls_go_through_the_executor(executor: SingleThreadedExecutor) -> None:
    def asks() -> list[object]:
        answers: list[object] = [in_executor(executor, threading.current_thread)]
        try:
            in_executor(executor, lambda: 1 // 0)
        except ZeroDivisionError as error:
            answers.append(str(error))
        return answers

    future, thread = in_thread(executor, "work", asks)
    executor.spin_until_future_complete(future, timeout_sec=10)
    assert future.result() == [threading.current_thread(), "integer division or modulo by zero"]
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize(("daemon", "words"), [(True, ""), (False, "all of it")])
def test_who_is_no_daemon_finishes_what_it_began(
    own_domain: None, tmp_path: Path, daemon: bool, words: str
) -> None:
    """Even if the executor, and ROS, are gone by then."""
    program = f"""
import threading, time
import rclpy
from pathlib import Path
from rclpy.executors import SingleThreadedExecutor
from segnet_ros.ros.background import in_thread
rclpy.init()
executor = SingleThreadedExecutor()
def work():
    while threading.main_thread().is_alive():
        time.sleep(0.01)
    time.sleep(0.1)
    Path({str(tmp_path / "file")!r}).write_text("all of it")
in_thread(executor, "work", work, daemon={daemon})
executor.shutdown()
rclpy.shutdown()
"""
    (tmp_path / "file").touch()
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stderr == ""
    assert (tmp_path / "file").read_text() == words


def test_without_memory_for_a_thread_it_is_called_so(
    executor: SingleThreadedExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError(thread.name)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(MemoryError, match=r"^no thread for the work: the work$"):
        in_thread(executor, "the work", dict)


def test_a_future_is_given_what_comes_of_it() -> None:
    answer: Answer[int] = Answer()
    fulfil(answer, lambda: 7)
    assert answer.result() == 7
    answer = Answer()
    fulfil(answer, lambda: 1 // 0)
    assert isinstance(answer.exception(), ZeroDivisionError)
