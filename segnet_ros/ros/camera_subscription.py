# SPDX-License-Identifier: Apache-2.0
"""The node's ear: one camera's images, raw or compressed, and its calibration."""

import copy
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from rclpy.node import Node
from rclpy.qos import QoSProfile, QoSReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from segnet_ros.messages.image_conversion import decode_compressed, to_rgb
from segnet_ros.ros.distribution import subscription_events
from segnet_ros.ros.image_reader import ImageReader

CameraMessage: TypeAlias = Image | CompressedImage

# Best effort hears reliable and best-effort cameras; the newest frame is the only one wanted.
_QOS = QoSProfile(depth=1, reliability=QoSReliabilityPolicy.BEST_EFFORT)


class CameraSubscription:
    """Subscribes to a camera's images and hands every message on.

    Args:
        node: The node that subscribes.
        camera: The camera's name; empty for a node's only one.
        transport: "raw" or "compressed".
        receive: Called with every message, in the reader's thread; must return at once.
        reader: Reads the messages.

    """

    def __init__(
        self,
        node: Node,
        camera: str,
        transport: str,
        receive: Callable[[CameraMessage], None],
        reader: ImageReader,
    ) -> None:
        self._node = node
        self._reader = reader
        self._subscription = node.create_subscription(
            MESSAGE_TYPES[transport],
            image_name(node, camera, transport),
            receive,
            copy.copy(_QOS),  # rclpy writes a topic's overrides into it
            callback_group=reader.group,
            event_callbacks=subscription_events(),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )
        reader.add(self._subscription)

    @property
    def topic(self) -> str:
        """The full name after remapping."""
        return str(self._subscription.topic_name)

    @property
    def qos(self) -> QoSProfile:
        """What is asked of the camera, overrides included."""
        return self._subscription.qos_profile

    def close(self) -> None:
        """Stop listening."""
        self._reader.remove(self._subscription)
        self._node.destroy_subscription(self._subscription)


class CalibrationSubscription:
    """Keeps the newest CameraInfo of a camera.

    Args:
        node: The node that subscribes.
        camera: See `CameraSubscription`.
        transport: See `CameraSubscription`.

    Attributes:
        newest: None before the first; never waited for.

    """

    def __init__(self, node: Node, camera: str, transport: str) -> None:
        self._node = node
        self._name = _under(camera, "camera_info")
        self.newest: CameraInfo | None = None
        self._subscription = node.create_subscription(
            CameraInfo,
            _calibration_name(node, camera, transport),
            self._keep,
            _QOS,
            event_callbacks=subscription_events(),
        )

    @property
    def problem(self) -> str:
        """Why there is no calibration; empty if there is one."""
        if self.newest is not None:
            return ""
        topic = self._subscription.topic_name
        return (
            f"no ~/{self._name} goes out: nothing came on {topic}, which has "
            f"{self._node.count_publishers(topic)} publisher(s); remap {self._name} to the camera's"
        )

    def close(self) -> None:
        """Stop listening."""
        self._node.destroy_subscription(self._subscription)

    def _keep(self, message: CameraInfo) -> None:
        self.newest = message


MESSAGE_TYPES = {"raw": Image, "compressed": CompressedImage}


def image_name(node: Node, camera: str, transport: str) -> str:
    """The name by which a camera's images are subscribed, before remapping.

    As with image_transport, `image/compressed` follows a remapped `image` unless it is remapped
    itself. Only the former is resolved here: two cameras may be exchanged by remapping, which
    therefore must not be done twice.
    """
    image = _under(camera, "image")
    compressed = f"{image}/compressed"
    if transport == "raw" or _is_remapped(node, compressed):
        return image if transport == "raw" else compressed
    return f"{node.resolve_topic_name(image)}/compressed"


def _calibration_name(node: Node, camera: str, transport: str) -> str:
    """`camera_info`, where that is remapped; else beside the images, as drivers publish it."""
    name = _under(camera, "camera_info")
    if _is_remapped(node, name):
        return name
    images = str(node.resolve_topic_name(image_name(node, camera, transport)))
    return f"{images.removesuffix('/compressed').rpartition('/')[0]}/camera_info"


def decode(message: CameraMessage) -> npt.NDArray[np.uint8]:
    """The picture of either message type, uint8 [H, W, 3] RGB.

    Raises:
        ImageConversionError: the message contradicts itself or cannot be decoded.

    """
    return to_rgb(message) if isinstance(message, Image) else decode_compressed(message)


def _under(camera: str, topic: str) -> str:
    return f"{camera}/{topic}" if camera else topic


def _is_remapped(node: Node, topic: str) -> bool:
    return bool(node.resolve_topic_name(topic) != node.resolve_topic_name(topic, only_expand=True))
