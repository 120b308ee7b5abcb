"""The node's ear: one subscription to raw or compressed images."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import QoSProfile, QoSReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CompressedImage, Image

from segnet_ros.ros.image_conversion import decode_compressed, to_rgb
from segnet_ros.ros.qos import explain_incompatible_qos

CameraMessage: TypeAlias = Image | CompressedImage

# Best effort hears reliable and best-effort cameras; the newest frame is the only one wanted.
_QOS = QoSProfile(depth=1, reliability=QoSReliabilityPolicy.BEST_EFFORT)


class CameraSubscription:
    """Subscribes to `image` or `image/compressed` and hands every message on.

    Args:
        node: The node that subscribes.
        transport: "raw" or "compressed".
        receive: Called with every message, in the executor's thread; must return at once.
    """

    def __init__(
        self, node: Node, transport: str, receive: Callable[[CameraMessage], None]
    ) -> None:
        self._node = node
        kind, topic = (
            (Image, "image") if transport == "raw" else (CompressedImage, "image/compressed")
        )
        self._subscription = node.create_subscription(
            kind,
            topic,
            receive,
            _QOS,
            event_callbacks=SubscriptionEventCallbacks(
                incompatible_qos=lambda event: node.get_logger().error(
                    explain_incompatible_qos(self.topic, "the camera", event)
                )
            ),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )

    @property
    def topic(self) -> str:
        """The full name after remapping."""
        return str(self._subscription.topic_name)

    @property
    def publishers(self) -> int:
        """How many cameras publish on the topic."""
        return int(self._node.count_publishers(self.topic))

    def close(self) -> None:
        """Stop listening."""
        self._node.destroy_subscription(self._subscription)


def decode(message: CameraMessage) -> npt.NDArray[np.uint8]:
    """The picture of either message type, uint8 [H, W, 3] RGB.

    Raises:
        ImageConversionError: the message contradicts itself or cannot be decoded.
    """
    return to_rgb(message) if isinstance(message, Image) else decode_compressed(message)
