# SPDX-License-Identifier: Apache-2.0
"""The node's process: from its arguments to its exit code."""

import os
import signal
import time
from collections.abc import Sequence
from functools import partial
from types import FrameType
from typing import Any

import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import ParameterException
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from segnet_ros.inference.memory import keep_freed_pictures
from segnet_ros.ros.dead_segments import remove_dead_segments
from segnet_ros.ros.failure import in_words
from segnet_ros.ros.fastdds import use_large_message_profile
from segnet_ros.ros.lasting_executor import LastingExecutor
from segnet_ros.ros.segmentation_node import SegmentationNode
from segnet_ros.ros.time_set_back import TimeSetBack

# A signal only sets a flag; this is how soon it is noticed.
_SPIN_SECONDS = 0.2
_TOLD_PERIOD = 5.0
_STEADY = Clock(clock_type=ClockType.STEADY_TIME)
# How long a model is waited for that is being loaded; a build ends sooner. Launch kills after 10 s.
_PATIENCE = 5.0


class NodeStartError(RuntimeError):
    """The node cannot be created with the arguments given."""


def _handle_signals(handler: Any) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)


def _create_node(arguments: Sequence[str] | None) -> SegmentationNode:
    use_large_message_profile()
    keep_freed_pictures()
    remove_dead_segments()
    try:
        rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
        return SegmentationNode()
    except (ParameterException, RuntimeError, UnicodeError) as error:
        msg = (
            f"{_in_one_line(error)}; correct the ROS arguments or the parameter file "
            "(a number with decimals is written 1.0, not 1)"
        )
        raise NodeStartError(msg) from error


def _in_one_line(error: Exception) -> str:
    # Humble's ParameterException shows a tuple as its text.
    words = [error] if isinstance(error, UnicodeError) else error.args
    return " ".join(" ".join(map(str, words)).split())


def _tell(node: SegmentationNode, error: Exception) -> None:
    node.get_logger().error(
        f"a request failed and got no answer: {in_words(error)}",
        throttle_duration_sec=_TOLD_PERIOD,
        # By the system's time nothing would be said after that went back.
        throttle_time_source_type=_STEADY,
    )


def _become_idle(node: SegmentationNode, executor: SingleThreadedExecutor) -> bool:
    """Wait until nothing goes on in the background; false if that takes too long."""
    end = time.monotonic() + _PATIENCE
    while not node.idle and time.monotonic() < end:
        executor.spin_once(timeout_sec=_SPIN_SECONDS)
    return node.idle


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM.

    Args:
        arguments: ROS arguments, such as `--ros-args -r image:=/camera/image_raw`.

    Returns:
        The exit code, 0.

    Raises:
        NodeStartError: the ROS arguments or the parameters given with them are wrong.

    """
    stopping = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    # Our own handlers: rclpy's invalidate the context under a frame that is being published.
    _handle_signals(stop)
    node = _create_node(arguments)
    executor = LastingExecutor(partial(_tell, node))
    executor.add_node(node)
    set_back = TimeSetBack(executor.wake)
    if node.autostart:
        node.transitions.start()
    while not stopping:
        executor.spin_once(timeout_sec=_SPIN_SECONDS)
    node.stop()
    idle = _become_idle(node, executor)
    if not idle:
        node.get_logger().warning("the model that is still being loaded is given up")
    node.close()
    set_back.stop()
    # Humble would wait for coroutines that nothing can finish any more.
    executor.shutdown(timeout_sec=_SPIN_SECONDS)
    node.destroy_node()
    rclpy.shutdown()
    # Python takes its handlers down first when it ends, and a second signal would kill it then.
    _handle_signals(signal.SIG_IGN)
    if not idle:  # a library is at work, which Python's own end may wait for or crash
        os._exit(0)
    return 0
