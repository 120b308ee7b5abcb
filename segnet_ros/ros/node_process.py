# SPDX-License-Identifier: Apache-2.0
"""The node's process: from its arguments to its exit code."""

import signal
from collections.abc import Sequence
from types import FrameType
from typing import Any

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from segnet_ros.inference.memory import keep_freed_pictures
from segnet_ros.ros.fastdds import use_large_message_profile
from segnet_ros.ros.segmentation_node import SegmentationNode

# A signal only sets a flag; this is how soon it is noticed.
_SPIN_SECONDS = 0.2


class NodeStartError(RuntimeError):
    """The node cannot be created with the arguments given."""


def _handle_signals(handler: Any) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)


def _create_node(arguments: Sequence[str] | None) -> SegmentationNode:
    use_large_message_profile()
    keep_freed_pictures()
    try:
        rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
        return SegmentationNode()
    except (ParameterException, RuntimeError) as error:
        msg = (
            f"{_in_one_line(error)}; correct the ROS arguments or the parameter file "
            "(a number with decimals is written 1.0, not 1)"
        )
        raise NodeStartError(msg) from error


def _in_one_line(error: Exception) -> str:
    # Humble's ParameterException shows a tuple as its text.
    return " ".join(" ".join(map(str, error.args)).split())


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

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    # Our own handlers: rclpy's invalidate the context under a frame that is being published.
    _handle_signals(stop)
    node = _create_node(arguments)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    if node.autostart:
        node.transitions.start()
    while not stopping:
        executor.spin_once(timeout_sec=_SPIN_SECONDS)
    node.stop()
    while not node.idle:
        executor.spin_once(timeout_sec=_SPIN_SECONDS)
    node.close()
    # Humble would wait for coroutines that nothing can finish any more.
    executor.shutdown(timeout_sec=_SPIN_SECONDS)
    node.destroy_node()
    rclpy.shutdown()
    # Python takes its handlers down first when it ends, and a second signal would kill it then.
    _handle_signals(signal.SIG_IGN)
    return 0
