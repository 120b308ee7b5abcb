# SPDX-License-Identifier: Apache-2.0
"""Node and cameras as processes of their own, and a watcher of what comes out."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image

from segnet_ros.inference.preprocessing import resize_image
from segnet_ros.ros.fastdds import use_large_message_profile
from segnet_ros.ros.replay import stamp_of
from segnet_ros.simulation.drive import StreetDrive

SIZES = {"480p": (640, 480), "720p": (1280, 720), "1080p": (1920, 1080)}
CAMERA = "/camera/image_raw"
TIMEOUT = 60.0  # seconds; a model may have to be compiled

# Above the tests' domains; those between have ports that Linux gives to anybody.
_FIRST_DOMAIN, _DOMAINS = 215, 17
_BENCH = Path(__file__).parent
_CLAIMS: list[socket.socket] = []
_POLL_SECONDS = 0.05


def frames(size: tuple[int, int], count: int = 8) -> list[npt.NDArray[np.uint8]]:
    """Rendered street frames at a size, uint8 [H, W, 3] RGB."""
    drive = StreetDrive(seed=5)
    return [resize_image(drive.frame(5 * index)[0], size) for index in range(count)]


class Watcher:
    """Subscribes to some outputs of the node, and to its diagnostics.

    Args:
        topics: Names below /segmentation.
        inspect: Called with topic, serialised message and moment of its arrival in nanoseconds.

    Attributes:
        node: For publishers and clients of the measurement's own.
        statuses: The newest diagnostics: values by status name.
        reported: When the node counted, in its own seconds.
        arrivals: By topic: when the message of a stamp came, nanoseconds of the system clock.

    """

    def __init__(
        self, topics: Sequence[str], inspect: Callable[[str, bytes, int], None] | None = None
    ) -> None:
        self.statuses: dict[str, dict[str, str]] = {}
        self.reported = 0.0
        self.arrivals: dict[str, dict[int, int]] = {}
        self._inspect = inspect
        self._subscriptions: dict[str, Any] = {}
        self._clients: dict[str, Any] = {}
        self._context = rclpy.Context()
        self._context.init(args=[])
        self.node = rclpy.create_node("watcher", context=self._context, enable_rosout=False)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._note, 10)
        for topic in topics:
            self.listen(topic)

    @property
    def values(self) -> dict[str, str]:
        """The newest diagnostics of all statuses; of a node with one camera no key is twice."""
        return {key: value for values in self.statuses.values() for key, value in values.items()}

    def listen(self, topic: str) -> None:
        """Subscribe to an output of type Image."""
        self.arrivals.setdefault(topic, {})
        self._subscriptions[topic] = self.node.create_subscription(
            Image,
            f"/segmentation/{topic}",
            lambda cdr: self._hear(topic, cdr),
            QoSProfile(depth=5),
            raw=True,
        )

    def ignore(self, topic: str) -> None:
        """Subscribe no longer."""
        self.node.destroy_subscription(self._subscriptions.pop(topic))

    def spin(self, seconds: float) -> None:
        """Listen for a while."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=min(left, _POLL_SECONDS))

    def until(self, condition: Callable[[], Any], what: str) -> None:
        """Listen until something is true.

        Raises:
            TimeoutError: it takes longer than `TIMEOUT`.

        """
        end = time.monotonic() + TIMEOUT
        while not condition():
            if time.monotonic() > end:
                msg = f"waited {TIMEOUT:g} s for {what}; the node said {self.values}"
                raise TimeoutError(msg)
            self._executor.spin_once(timeout_sec=_POLL_SECONDS)

    def wait_active(self) -> None:
        """Listen until the node reports that it is active."""
        self.until(lambda: self.values.get("state") == "active", "an active node")

    def ask(self, kind: Any, service: str, request: Any) -> Any:
        """Ask a service below /segmentation; its answer is a future that listening fulfils."""
        if service not in self._clients:
            self._clients[service] = self.node.create_client(kind, f"/segmentation/{service}")
            self.until(self._clients[service].service_is_ready, f"service {service}")
        return self._clients[service].call_async(request)

    def count(self, fate: str) -> int:
        """Frames of the only camera that met a fate."""
        return int(self.values[f"frames {fate}"])

    def close(self) -> None:
        """Leave the ROS system."""
        self._executor.shutdown()
        self.node.destroy_node()
        self._context.shutdown()

    def _note(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.statuses[status.name] = {item.key: item.value for item in status.values}
        self.reported = message.header.stamp.sec + 1e-9 * message.header.stamp.nanosec

    def _hear(self, topic: str, cdr: bytes) -> None:
        arrival = time.time_ns()
        self.arrivals[topic][stamp_of(cdr)] = arrival
        if self._inspect is not None:
            self._inspect(topic, cdr, arrival)


class Camera:
    """`camera.py` as a process.

    Args:
        options: Its own.

    """

    def __init__(self, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(_BENCH / "camera.py"), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        self._heard = b""

    def wait_ready(self, watcher: Watcher) -> None:
        """Wait until somebody has subscribed."""
        watcher.until(self._answer, "a subscriber of the camera")
        self._take()

    def start(self, rate: float, count: int) -> None:
        """Send frames from now on."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{rate} {count}\n".encode())

    def play(self, watcher: Watcher, rate: float, count: int) -> list[int]:
        """Send frames while the watcher listens; return their stamps, nanoseconds."""
        self.start(rate, count)
        watcher.spin(count / rate)
        watcher.until(self._answer, "the camera's stamps")
        return [int(stamp) for stamp in json.loads(self._take())]

    def stop(self, number: int = signal.SIGINT) -> None:
        """End the process by a signal."""
        self.process.send_signal(number)
        self.process.wait()

    def _answer(self) -> bool:
        """Whether a whole line has come."""
        assert self.process.stdout is not None
        self._heard += self.process.stdout.read() or b""
        return b"\n" in self._heard

    def _take(self) -> bytes:
        line, _, self._heard = self._heard.partition(b"\n")
        return line


@contextmanager
def camera(*options: str) -> Iterator[Camera]:
    """A camera, ended by SIGINT."""
    device = Camera(*options)
    try:
        yield device
    finally:
        if device.process.poll() is None:
            device.stop()


def camera_options(topic: str, size: tuple[int, int], *further: str) -> Sequence[str]:
    """What every camera must be told."""
    return ("--topic", topic, "--size", f"{size[0]}x{size[1]}", *further)


@contextmanager
def running(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Iterator[int]:
    """A Python process, ended by SIGINT; its id."""
    process = subprocess.Popen([sys.executable, *command], env=environment)
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


@contextmanager
def running_node(
    model: str | Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator[int]:
    """The node's process, which activates itself; its id."""
    parameters = ("-p", f"model:={model}", "-p", "autostart:=true", *arguments)
    command = ("-m", "segnet_ros", "node", "--ros-args", "--log-level", "warn", *parameters)
    with running(command, environment) as pid:
        yield pid


@contextmanager
def relay(outputs: Sequence[str], size: tuple[int, int]) -> Iterator[int]:
    """`relay.py` in the node's place; its process id."""
    options = ("--size", f"{size[0]}x{size[1]}")
    with running((str(_BENCH / "relay.py"), *outputs, *options)) as pid:
        yield pid


@contextmanager
def watching(
    topics: Sequence[str], inspect: Callable[[str, bytes, int], None] | None = None
) -> Iterator[Watcher]:
    """A watcher, closed at the end."""
    watcher = Watcher(topics, inspect)
    try:
        yield watcher
    finally:
        watcher.close()


def isolate() -> None:
    """Keep other ROS systems out, select the shipped Fast DDS profile, and hear SIGINT."""
    # A shell that starts us in the background has it ignored, and so would all that we start.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["ROS_DOMAIN_ID"] = _claim_domain()
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    use_large_message_profile()


def _claim_domain() -> str:
    """A domain that no other measurement of this host gets before this process ends."""
    for number in range(os.getpid(), os.getpid() + _DOMAINS):
        domain = _FIRST_DOMAIN + number % _DOMAINS
        claim = socket.socket(socket.AF_UNIX)
        with suppress(OSError):
            claim.bind(f"\0segnet_ros bench domain {domain}")
            _CLAIMS.append(claim)
            return str(domain)
    msg = f"other measurements have all {_DOMAINS} ROS domains: wait for their end"
    raise RuntimeError(msg)
