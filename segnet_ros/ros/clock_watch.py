# SPDX-License-Identifier: Apache-2.0
"""The node's clock: whether it runs, whether it was set, and what to do when it goes back."""

import math
import time
from collections.abc import Callable

from rclpy.clock import Clock, ClockType, JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.node import Node

from segnet_ros.ros.durations import in_words

# /clock may come once a second; less than silence of a camera takes to be told of, with its cause.
_PATIENCE = 2.0
# Two publishers of /clock make the time go back with every message.
_LOG_PERIOD = 1.0
# On its own rclpy counts the period by the system's time, and is silent after that went back.
_STEADY = Clock(clock_type=ClockType.STEADY_TIME)
# Less is done by slewing, or is this thread waiting for its turn.
_SYSTEM_JUMP = 1.0
_NANOSECONDS = 1_000_000_000


class ClockWatch:
    """Follows a node's clock, which with `use_sim_time` is /clock: a bag's time, which may loop.

    Else it is the system's, which somebody may set. Labels go on then, but stamps from before and
    after do not compare.

    Args:
        node: Whose clock to watch.
        went_back: Called in the executor's thread after /clock went back.

    Attributes:
        jumps: How often /clock went back, and the system's time was set by a second or more.
        last_jump: The newest of those in words; empty if there was none.

    """

    def __init__(self, node: Node, went_back: Callable[[], None]) -> None:
        self._node = node
        self._went_back = went_back
        self.jumps = 0
        self.last_jump = ""
        self._previous = 0
        self._moved = -math.inf
        self._offset: float | None = None
        self._handle = node.get_clock().create_jump_callback(
            # Forward jumps need nothing: what is too old by then is dropped by `max_age`.
            JumpThreshold(
                min_forward=None, min_backward=Duration(nanoseconds=-1), on_clock_change=False
            ),
            post_callback=self._note,
        )

    @property
    def simulated(self) -> bool:
        """Whether the time comes from /clock."""
        return bool(self._node.get_parameter("use_sim_time").value)

    def runs(self) -> bool:
        """Whether the time moved lately, seen from call to call; without /clock it stands at 0."""
        now, steady = self._node.get_clock().now().nanoseconds, time.monotonic()
        if now != self._previous:
            self._previous, self._moved = now, steady
        self._compare(None if self.simulated else now / _NANOSECONDS - steady)
        return bool(now != 0 and steady - self._moved < _PATIENCE)

    def _compare(self, offset: float | None) -> None:
        """Note a jump of the system's time, whose seconds ahead of the steady clock are given."""
        before, self._offset = self._offset, offset
        moved = 0.0 if before is None or offset is None else offset - before
        if abs(moved) < _SYSTEM_JUMP:
            return
        self.jumps += 1
        way = "forward" if moved > 0 else "back"
        self.last_jump = f"the system's time went {way} by {in_words(abs(moved))}"
        self._node.get_logger().warning(
            f"{self.last_jump}: somebody set the clock; ages of images across that moment are wrong"
        )

    def _note(self, jump: TimeJump) -> None:
        self.jumps += 1
        seconds = -jump.delta.nanoseconds / _NANOSECONDS
        self.last_jump = f"the time went back by {in_words(seconds)}"
        self._node.get_logger().info(
            f"{self.last_jump} (a recording that starts again?); frames from before are given up",
            throttle_duration_sec=_LOG_PERIOD,
            throttle_time_source_type=_STEADY,
        )
        self._went_back()
