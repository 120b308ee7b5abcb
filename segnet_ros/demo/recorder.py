# SPDX-License-Identifier: Apache-2.0
"""Record what the node publishes into an MCAP file, and watch its diagnostics."""

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys.stores.ros2_jazzy import sensor_msgs__msg__CompressedImage as JpegMessage
from sensor_msgs.msg import CompressedImage, Image

from segnet_ros.bags.message_types import typestore
from segnet_ros.bags.recorded import COMPRESSED_IMAGE_TYPE, IMAGE_TYPE
from segnet_ros.messages.image_conversion import ImageConversionError, to_rgb
from segnet_ros.ros.replay import stamp_of

CAMERA = "/camera/image_raw"
LABEL = "/segmentation/label"
OVERLAY = "/segmentation/overlay"

_QOS = QoSProfile(depth=30)
_JPEG_QUALITY = 90
_STATUSES = ("segmentation: node", "segmentation: frames")
# Memory bound: the spool holds at most this many messages that are not yet written.
_SPOOL = 64

Spooled = tuple[str, bytes, int]


class Recorder:
    """Subscribes to camera, labels and overlay; a thread writes them as they come.

    Labels are stored as they are; camera and overlay as JPEG, to keep the file small.

    Args:
        path: Bag folder to create.
        compressed: Whether the camera publishes CompressedImage messages.

    """

    def __init__(self, path: Path, compressed: bool) -> None:
        self.arrivals_ns: dict[int, int] = {}
        self.diagnostics: dict[str, str] = {}
        self._spool: queue.Queue[Spooled | None] = queue.Queue(_SPOOL)
        self._failure: Exception | None = None
        self._writing = threading.Thread(target=self._write, args=(path,), name="recorder")
        self._context = rclpy.Context()
        self._context.init(args=[])
        self._node = rclpy.create_node("segnet_recorder", context=self._context)
        camera = (CompressedImage, f"{CAMERA}/compressed") if compressed else (Image, CAMERA)
        for kind, topic in (camera, (Image, LABEL), (Image, OVERLAY)):
            self._node.create_subscription(kind, topic, self._spooler(topic), _QOS, raw=True)
        self._node.create_subscription(DiagnosticArray, "/diagnostics", self._note, 10)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._writing.start()

    def spin_until(self, done: Callable[[], bool], seconds: float) -> bool:
        """Record until `done` says so; False if that takes longer than `seconds`."""
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                return False
            self._executor.spin_once(timeout_sec=0.1)
        return True

    def hears(self, topic: str) -> bool:
        """Whether somebody publishes on a topic."""
        return bool(self._node.count_publishers(topic))

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._executor.shutdown()
        self._node.destroy_node()
        self._context.shutdown()
        self._spool.put(None)
        self._writing.join()
        if self._failure is not None and error is None:
            raise self._failure

    def _spooler(self, topic: str) -> Callable[[bytes], None]:
        def receive(cdr: bytes) -> None:
            now = time.time_ns()
            if topic == LABEL:
                self.arrivals_ns[stamp_of(cdr)] = now
            self._spool.put((topic, cdr, now))

        return receive

    def _note(self, message: DiagnosticArray) -> None:
        told = [status for status in message.status if status.name in _STATUSES]
        if told:
            self.diagnostics = {item.key: item.value for s in told for item in s.values}

    def _write(self, path: Path) -> None:
        try:
            with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
                self._drain(writer)
        except Exception as error:  # noqa: BLE001  # raised again where the block ends
            self._failure = error
            while self._spool.get() is not None:
                pass

    def _drain(self, writer: Writer) -> None:
        store = typestore()
        stored_as = {CAMERA: f"{CAMERA}/compressed", OVERLAY: f"{OVERLAY}/compressed"}
        connections = {LABEL: writer.add_connection(LABEL, IMAGE_TYPE, typestore=store)} | {
            topic: writer.add_connection(topic, COMPRESSED_IMAGE_TYPE, typestore=store)
            for topic in stored_as.values()
        }
        while (item := self._spool.get()) is not None:
            topic, cdr, arrival = item
            # A camera image that cannot be converted is the node's to report.
            with suppress(ImageConversionError):
                data = _as_jpeg(cdr) if topic in stored_as else cdr
                writer.write(connections[stored_as.get(topic, topic)], arrival, data)


def _as_jpeg(cdr: bytes) -> bytes:
    message: Any = typestore().deserialize_cdr(memoryview(cdr), IMAGE_TYPE)
    bgr = cv2.cvtColor(to_rgb(message), cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    jpeg = JpegMessage(header=message.header, format="rgb8; jpeg compressed bgr8", data=data)
    return bytes(typestore().serialize_cdr(jpeg, COMPRESSED_IMAGE_TYPE))
