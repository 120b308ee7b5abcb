"""Node and camera as processes, watched through diagnostics."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile
from rosbags.rosbag2 import StoragePlugin, Writer
from sensor_msgs.msg import Image

from segnet_ros.inference.preprocessing import resize_image
from segnet_ros.ros.clip import IMAGE_TYPE, typestore
from segnet_ros.ros.fastdds import use_large_message_profile
from segnet_ros.simulation.drive import StreetDrive

SIZES = {"480p": (640, 480), "720p": (1280, 720), "1080p": (1920, 1080)}
CAMERA = "/camera/image_raw"


def frames(size: tuple[int, int], count: int = 8) -> list[np.ndarray]:
    """Rendered street frames at a size, uint8 [H, W, 3] RGB."""
    drive = StreetDrive(seed=5)
    return [resize_image(drive.frame(5 * index)[0], size) for index in range(count)]


def write_bag(path: Path, size: tuple[int, int]) -> None:
    """A bag of raw images, which replay passes on without work of its own."""
    store = typestore()
    kind = store.types[IMAGE_TYPE]
    header = store.types["std_msgs/msg/Header"]
    stamp = store.types["builtin_interfaces/msg/Time"]
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection(CAMERA, IMAGE_TYPE, typestore=store)
        for index, image in enumerate(frames(size)):
            message = kind(
                header=header(stamp=stamp(sec=index + 1, nanosec=0), frame_id="camera"),
                height=size[1],
                width=size[0],
                encoding="rgb8",
                is_bigendian=0,
                step=3 * size[0],
                data=image.reshape(-1),
            )
            nanoseconds = (index + 1) * 1_000_000_000
            writer.write(connection, nanoseconds, store.serialize_cdr(message, IMAGE_TYPE))


class Watcher:
    """Subscribes to some outputs, and to the node's diagnostics."""

    def __init__(self, outputs: Sequence[str]) -> None:
        self.values: dict[str, str] = {}
        self.reported = 0.0  # when the node counted, in its own seconds
        self.heard = 0
        self._context = rclpy.Context()
        self._context.init(args=[])
        self._node = rclpy.create_node("watcher", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._node.create_subscription(DiagnosticArray, "/diagnostics", self._note, 10)
        for topic in outputs:
            self._node.create_subscription(
                Image, f"/segmentation/{topic}", self._hear, QoSProfile(depth=5), raw=True
            )

    def _note(self, message: DiagnosticArray) -> None:
        self.values = {item.key: item.value for item in message.status[0].values}
        self.reported = message.header.stamp.sec + 1e-9 * message.header.stamp.nanosec

    def _hear(self, cdr: bytes) -> None:
        self.heard += 1

    def spin(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._executor.spin_once(timeout_sec=0.05)

    def wait_active(self) -> None:
        while self.values.get("state") != "active":
            self.spin(0.1)

    def count(self, fate: str) -> int:
        return int(self.values[f"frames {fate}"])

    def milliseconds(self, stage: str) -> float:
        return float(self.values[f"{stage} p50 [ms]"])

    def close(self) -> None:
        self._executor.shutdown()
        self._node.destroy_node()
        self._context.shutdown()


@contextmanager
def running(*arguments: str) -> Iterator[None]:
    """A `segnet` verb as a process, ended by SIGINT."""
    process = subprocess.Popen([sys.executable, "-m", "segnet_ros", *arguments])
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


@contextmanager
def node_and_camera(
    bag: Path, rate: float, outputs: Sequence[str], *camera_options: str
) -> Iterator[Watcher]:
    """The node, fed by a replay in a loop; the watcher has seen it active."""
    watcher = Watcher(outputs)
    node = ("node", "--ros-args", "--log-level", "warn", "-r", f"image:={CAMERA}")
    replay = ("replay", str(bag), "--loop", "--restamp", "--rate", str(rate), *camera_options)
    try:
        with running(*node, "-p", "autostart:=true"):
            watcher.wait_active()
            with running(*replay):
                yield watcher
    finally:
        watcher.close()


def isolate() -> None:
    """Keep other ROS systems out, and select the shipped Fast DDS profile."""
    os.environ["ROS_DOMAIN_ID"] = str(101 + os.getpid() % 100)
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    use_large_message_profile()
