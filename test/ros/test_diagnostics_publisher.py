# SPDX-License-Identifier: Apache-2.0

import time

import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from segnet_ros.ros import diagnostics_publisher
from segnet_ros.ros.diagnostics_publisher import DiagnosticsPublisher

genuine = pytest.mark.skipif(
    diagnostics_publisher.Updater is None, reason="needs diagnostic_updater: a ROS distribution"
)


class Talker:
    """A node with diagnostics, in a process of its own as far as ROS can tell."""

    def __init__(self, *arguments: str) -> None:
        self.context = rclpy.Context()
        self.context.init(args=[])
        self.node = rclpy.create_node(
            "segmentation", context=self.context, cli_args=["--ros-args", *arguments]
        )
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.collected = 0
        self.publisher = DiagnosticsPublisher(self.node, self.collect)

    def collect(self) -> list[DiagnosticStatus]:
        self.collected += 1
        status = DiagnosticStatus(
            level=DiagnosticStatus.WARN,
            name="segmentation: front frames",
            message="2 of 9 frames failed",
            hardware_id="OpenVINO",
            values=[KeyValue(key="frames received", value=str(self.collected))],
        )
        return [status, DiagnosticStatus(level=DiagnosticStatus.OK, name="segmentation: node")]

    def until(self, condition, seconds: float = 15.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "waited too long"
            self.executor.spin_once(timeout_sec=0.05)

    def close(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()
        self.context.shutdown()


class SimulatedUpdater:
    """As diagnostic_updater's, in what is used of it: its own timer, and names put before names."""

    def __init__(self, node: Node, period: float) -> None:
        self.period = period
        self.timer = node.create_timer(period, lambda: pytest.fail("its timer follows ROS time"))
        self._node = node
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 1)

    def publish(self, statuses: list[DiagnosticStatus]) -> None:
        for status in statuses:
            status.name = f"{self._node.get_name()}: {status.name}"
        message = DiagnosticArray(status=statuses)
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)


@pytest.fixture(params=["own", "simulated", pytest.param("genuine", marks=genuine)])
def way(request, monkeypatch) -> None:
    """All ways of publishing, the genuine one where it is there."""
    if request.param != "genuine":
        updater = None if request.param == "own" else SimulatedUpdater
        monkeypatch.setattr(diagnostics_publisher, "Updater", updater)


@pytest.fixture
def talk(own_domain):
    made: list[Talker] = []

    def make(*arguments: str) -> Talker:
        made.append(Talker(*arguments))
        return made[-1]

    yield make
    for talker in made:
        talker.close()


def listen(talker: Talker) -> list[DiagnosticArray]:
    heard: list[DiagnosticArray] = []
    talker.node.create_subscription(DiagnosticArray, "/diagnostics", heard.append, 10)
    return heard


def check(message: DiagnosticArray, number: int, prefix: str = "segmentation") -> None:
    frames, node = message.status
    assert (frames.name, node.name) == (f"{prefix}: front frames", f"{prefix}: node")
    assert (frames.level, node.level) == (DiagnosticStatus.WARN, DiagnosticStatus.OK)
    assert frames.message == "2 of 9 frames failed"
    assert frames.hardware_id == "OpenVINO"
    assert [(item.key, item.value) for item in frames.values] == [("frames received", str(number))]


@pytest.mark.usefixtures("way")
def test_a_message_each_second_although_ros_time_stands_still(talk) -> None:
    talker = talk("-p", "use_sim_time:=true")
    heard = listen(talker)
    talker.until(lambda: len(heard) >= 2)
    for number, message in enumerate(heard, 1):
        check(message, number)
    assert talker.node.get_clock().now().nanoseconds == 0
    assert talker.collected == len(heard)


@pytest.mark.usefixtures("way")
def test_at_once(talk) -> None:
    talker = talk()
    heard = listen(talker)
    talker.until(lambda: talker.node.count_subscribers("/diagnostics") == 1)
    talker.publisher.publish_now()
    talker.until(lambda: heard)
    check(heard[0], 1)
    assert abs(heard[0].header.stamp.sec - time.time()) < 20


@pytest.mark.usefixtures("way")
def test_silent_after_close(talk) -> None:
    talker = talk()
    talker.publisher.close()
    assert list(talker.node.timers) == []


@genuine
def test_the_parameters_of_diagnostic_updater_hold(talk) -> None:
    arguments = ("-p", "diagnostic_updater.period:=0.05", "-r", "__ns:=/robot")
    talker = talk(*arguments, "-p", "diagnostic_updater.use_fqn:=true")
    heard = listen(talker)
    talker.until(lambda: len(heard) >= 3)
    assert [timer.timer_period_ns for timer in talker.node.timers] == [50_000_000]
    # Humble's has no such parameter.
    namespace = "/robot/" if talker.node.has_parameter("diagnostic_updater.use_fqn") else ""
    check(heard[0], 1, prefix=f"{namespace}segmentation")
