# SPDX-License-Identifier: Apache-2.0
"""The other end of the topics: a genuine rclpy node, and the segmentation node as a process."""

import os
import signal
import socket
import subprocess
import sys
import time
from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import GetParameters, SetParametersAtomically
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter as Value
from rclpy.parameter import parameter_value_to_python
from rclpy.qos import QoSDurabilityPolicy, QoSProfile
from rclpy.task import Future
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

if TYPE_CHECKING:
    from rcl_interfaces.msg import Parameter

TIMEOUT = 30.0
DOMAINS = 101  # those above 101 have ports that Linux gives to anybody
_CLAIMS: list[socket.socket] = []
RELIABLE = QoSProfile(depth=20)
LATCHED = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)


class Peer:
    """A node that plays camera, subscriber and operator."""

    def __init__(self) -> None:
        self.context = rclpy.Context()
        self.context.init(args=[])
        self.node = rclpy.create_node("peer", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.statuses: dict[str, DiagnosticStatus] = {}
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._note, 10)

    def _note(self, message: DiagnosticArray) -> None:
        self.statuses = {status.name.partition(": ")[2]: status for status in message.status}

    def close(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()
        self.context.shutdown()

    def until(self, condition: Callable[[], Any], what: str, seconds: float = TIMEOUT) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"waited {seconds} s for {what}"
            self.executor.spin_once(timeout_sec=0.05)

    def call(self, kind: Any, name: str, request: Any) -> Any:
        client = self.node.create_client(kind, name)
        self.until(client.service_is_ready, f"service {name}")
        self.until_discovered(name)
        future = client.call_async(request)
        self.until(future.done, f"an answer of {name}")
        self.node.destroy_client(client)
        return future.result()

    def until_discovered(self, service: str) -> None:
        """Clients are discovered in the order of their creation: a later one gets an answer."""
        node = service.rpartition("/")[0]
        self.read(GetParameters, f"{node}/get_parameters", GetParameters.Request())

    def read(self, kind: Any, name: str, request: Any) -> Any:
        """Call what changes nothing, again where no answer comes.

        Fast DDS throws an answer away if the server has not discovered the client within 0.1 s,
        which happens while a busy machine starts the node.
        """
        client = self.node.create_client(kind, name)
        self.until(client.service_is_ready, f"service {name}")
        futures: list[Future] = []

        def answered() -> list[Future]:
            if time.monotonic() > started + 2 * len(futures):
                futures.append(client.call_async(request))
            return [future for future in futures if future.done()]

        started = time.monotonic()
        self.until(answered, f"an answer of {name}")
        answer = answered()[0].result()
        self.node.destroy_client(client)
        return answer

    def state(self) -> str:
        answer = self.read(GetState, "/segmentation/get_state", GetState.Request())
        return str(answer.current_state.label)

    def transition(self, label: str) -> bool:
        request = ChangeState.Request()
        request.transition.label = label
        return bool(self.call(ChangeState, "/segmentation/change_state", request).success)

    def set_parameter(self, name: str, value: Any) -> Any:
        parameter: Parameter = Value(name, value=value).to_parameter_msg()
        request = SetParametersAtomically.Request(parameters=[parameter])
        name = "/segmentation/set_parameters_atomically"
        return self.call(SetParametersAtomically, name, request).result

    def set_atomically(self, values: Mapping[str, Any]) -> Any:
        parameters = [Value(name, value=value).to_parameter_msg() for name, value in values.items()]
        request = SetParametersAtomically.Request(parameters=parameters)
        name = "/segmentation/set_parameters_atomically"
        return self.call(SetParametersAtomically, name, request).result

    def ask(self, kind: Any, name: str, request: Any) -> Future:
        """Call, but do not wait for the answer."""
        client = self.node.create_client(kind, name)
        self.until(client.service_is_ready, f"service {name}")
        self.until_discovered(name)
        return client.call_async(request)

    def values(self, task: str = "node") -> Mapping[str, str]:
        """The key-value pairs of the newest status of a task, such as "front frames"."""
        status = self.statuses.get(task, DiagnosticStatus())
        return {item.key: item.value for item in status.values}

    def level(self, task: str = "frames") -> bytes:
        return self.statuses[task].level if task in self.statuses else b""

    def message(self, task: str = "frames") -> str:
        return self.statuses[task].message if task in self.statuses else ""

    def books(self, task: str = "frames") -> dict[str, int]:
        fates = ("received", "published", "superseded", "stale", "failed", "pending")
        return {fate: int(self.values(task).get(f"frames {fate}", -1)) for fate in fates}

    def parameter(self, name: str) -> Any:
        request = GetParameters.Request(names=[name])
        (value,) = self.read(GetParameters, "/segmentation/get_parameters", request).values
        return parameter_value_to_python(value)

    def trigger(self, name: str) -> Any:
        return self.call(Trigger, f"/segmentation/{name}", Trigger.Request())

    def now(self) -> tuple[int, int]:
        stamp = self.node.get_clock().now().to_msg()
        return stamp.sec, stamp.nanosec

    def subscribe(self, topic: str, qos: QoSProfile = RELIABLE, kind: type = Image) -> list[Any]:
        received: list[Any] = []
        self.node.create_subscription(kind, topic, received.append, qos)
        self.until(lambda: self.node.count_publishers(topic), f"a publisher of {topic}")
        return received

    def leave(self, *topics: str) -> None:
        """Neither listen nor publish there any more; without arguments on no topic at all."""
        keep = ("/diagnostics", "/parameter_events", "/rosout")
        for subscription in list(self.node.subscriptions):
            if subscription.topic_name in topics or not (topics or subscription.topic_name in keep):
                self.node.destroy_subscription(subscription)
        for publisher in list(self.node.publishers):
            if publisher.topic_name in topics or not (topics or publisher.topic_name in keep):
                self.node.destroy_publisher(publisher)

    def publish_until(self, publisher: Any, message: Any, condition: Callable[[], Any]) -> None:
        """Again and again: a listener that has just come may miss the first."""

        def came() -> bool:
            publisher.publish(message)
            end = time.monotonic() + 0.1
            while not condition() and time.monotonic() < end:
                self.executor.spin_once(timeout_sec=0.05)
            return bool(condition())

        self.until(came, "what was published to have its effect")

    def camera(self, topic: str, qos: QoSProfile = RELIABLE, kind: type = Image) -> Any:
        publisher = self.node.create_publisher(kind, topic, qos)
        self.until(publisher.get_subscription_count, f"a subscriber of {topic}")
        return publisher


def image(pixels: np.ndarray, encoding: str, stamp: tuple[int, int] = (12, 34)) -> Image:
    """An Image of uint8 pixels [H, W] or [H, W, C] under frame_id `front_camera`."""
    message = Image(height=pixels.shape[0], width=pixels.shape[1], encoding=encoding)
    message.step = pixels.nbytes // pixels.shape[0]
    message.data = array("B", pixels.tobytes())
    message.header.stamp.sec, message.header.stamp.nanosec = stamp
    message.header.frame_id = "front_camera"
    return message


def pixels(message: Image) -> np.ndarray:
    """What is in a mono8 or rgb8 Image: uint8 [H, W] or [H, W, 3]."""
    shape = {"mono8": (message.height, message.width), "rgb8": (message.height, message.width, 3)}
    return np.frombuffer(message.data, np.uint8).reshape(shape[message.encoding])


def reliable(topic: str) -> tuple[str, str]:
    """Best effort may lose the first image after discovery; counting tests must not."""
    return ("-p", f"qos_overrides.{topic}.subscription.reliability:=reliable")


class NodeProcess:
    """`segnet node`, or a program in its place, with its output in a file."""

    def __init__(self, log: Path, *arguments: str, code: str = "") -> None:
        self.log = log
        program = ["-c", code] if code else ["-m", "segnet_ros", "node"]
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, *program, "--ros-args", *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def stop(self, *signals: int) -> int:
        for number in signals or (signal.SIGINT,):
            self.process.send_signal(number)
        try:
            return self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            msg = f"still running after {signals}:\n{self.text()}"
            raise AssertionError(msg) from None

    def text(self) -> str:
        return self.log.read_text()


@contextmanager
def running_node(log: Path, *arguments: str, code: str = "") -> Iterator[NodeProcess]:
    node = NodeProcess(log, *arguments, code=code)
    try:
        yield node
    finally:
        if node.process.poll() is None:
            node.stop()


def isolate() -> None:
    """Other ROS systems neither disturb the tests nor are disturbed."""
    os.environ["ROS_DOMAIN_ID"] = claim_domain()
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"


def claim_domain() -> str:
    """A ROS domain that no other test of this host gets before this process ends."""
    for number in range(os.getpid(), os.getpid() + DOMAINS):
        domain = 1 + number % DOMAINS
        claim = socket.socket(socket.AF_UNIX)
        with suppress(OSError):
            claim.bind(f"\0segnet_ros test domain {domain}")
            _CLAIMS.append(claim)
            return str(domain)
    msg = f"other tests have all {DOMAINS} ROS domains: wait for their end"
    raise RuntimeError(msg)
