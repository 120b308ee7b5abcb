# SPDX-License-Identifier: Apache-2.0
"""Work in a thread of its own while the executor goes on, and coroutines that wait for it."""

import threading
from collections.abc import Callable
from concurrent.futures import Future as Answer
from typing import Any, TypeVar

from rclpy.executors import Executor
from rclpy.task import Future

Result = TypeVar("Result")


def in_thread(
    executor: Executor, name: str, function: Callable[[], Any], daemon: bool = True
) -> tuple[Future, threading.Thread]:
    """Call in a new thread; the future, which a coroutine may await, gives what it returns.

    Args:
        executor: The coroutine's.
        name: Of the thread.
        function: To be called.
        daemon: Whether the process may end before the function does. It must if that waits for
            the executor, which may have failed.

    Raises:
        MemoryError: there is none for a thread.

    """
    future = Future()
    future.add_done_callback(lambda _: executor.wake())
    thread = threading.Thread(target=fulfil, args=(future, function), name=name, daemon=daemon)
    try:
        thread.start()
    except RuntimeError as error:
        msg = f"no thread for {name}: {error}"
        raise MemoryError(msg) from error
    return future, thread


def in_executor(executor: Executor, function: Callable[[], Result]) -> Result:
    """Call in the executor's thread and wait for it: there alone may ROS entities be made."""
    answer: Answer[Result] = Answer()
    executor.create_task(lambda: fulfil(answer, function))
    return answer.result()


def fulfil(future: Any, function: Callable[[], Any]) -> None:
    """Give a future, of rclpy or of Python, the function's result or exception."""
    try:
        result = function()
    except Exception as error:  # noqa: BLE001  # the future passes it on
        future.set_exception(error)
    else:
        future.set_result(result)
