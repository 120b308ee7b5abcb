# SPDX-License-Identifier: Apache-2.0
"""/diagnostics, once a second; through diagnostic_updater where that is installed."""

from collections.abc import Callable, Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from std_msgs.msg import Header

try:
    from diagnostic_updater import Updater
except ImportError:  # it comes with a ROS distribution only
    Updater = None

_PERIOD = 1.0


class DiagnosticsPublisher:
    """Publishes what `collect` returns each second, even while the node's clock stands still.

    Where diagnostic_updater is installed, its parameters `diagnostic_updater.period` and
    `diagnostic_updater.use_fqn` hold. It declares them: make one publisher per node.

    Args:
        node: Publishes and has the timer.
        collect: Called in the executor's thread; statuses by the name `<node name>: <task>`.

    """

    def __init__(self, node: Node, collect: Callable[[], Sequence[DiagnosticStatus]]) -> None:
        self._node = node
        self._collect = collect
        sink = _Own(node) if Updater is None else _Genuine(node)
        self._publish = sink.publish
        # By ROS time nothing would be said until somebody publishes /clock.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(sink.period, self.publish_now, clock=steady)

    def publish_now(self) -> None:
        """Publish without waiting for the timer."""
        self._publish(self._collect())

    def close(self) -> None:
        """Say no more; what is in the making is still sent."""
        self._node.destroy_timer(self._timer)


class _Own:
    """The messages of diagnostic_updater, made here."""

    period = _PERIOD

    def __init__(self, node: Node) -> None:
        self._node = node
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)

    def publish(self, statuses: Sequence[DiagnosticStatus]) -> None:
        header = Header(stamp=self._node.get_clock().now().to_msg())
        self._publisher.publish(DiagnosticArray(header=header, status=list(statuses)))


class _Genuine:
    """diagnostic_updater's Updater, driven by hand: its own timer follows the ROS time."""

    def __init__(self, node: Node) -> None:
        self._updater: Any = Updater(node, _PERIOD)
        self.period = float(self._updater.period)
        node.destroy_timer(self._updater.timer)

    def publish(self, statuses: Sequence[DiagnosticStatus]) -> None:
        for status in statuses:
            # It puts the node's name before each task's.
            status.name = status.name.partition(": ")[2]
        self._updater.publish(list(statuses))
