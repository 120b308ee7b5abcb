"""The node's voice: labels, confidence, colours and overlay, each only when somebody listens."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from segnet_ros.inference.segmenter import Segmentation
from segnet_ros.ros.image_conversion import fill_image
from segnet_ros.ros.qos import explain_incompatible_qos

# Reliable: serves best-effort subscribers too, and a recorder loses nothing.
_QOS = QoSProfile(depth=5)

Pixels = npt.NDArray[np.uint8]

_TOPICS: Mapping[str, tuple[str, Callable[[Segmentation, float], Pixels]]] = {
    "~/label": ("mono8", lambda segmentation, alpha: segmentation.labels),
    "~/confidence": ("mono8", lambda segmentation, alpha: segmentation.confidence),
    "~/color": ("rgb8", lambda segmentation, alpha: segmentation.color),
    "~/overlay": ("rgb8", lambda segmentation, alpha: segmentation.overlay(alpha)),
}


class Outputs:
    """Publishers of one camera's results.

    Args:
        node: The node that publishes.
    """

    def __init__(self, node: LifecycleNode) -> None:
        self._node = node
        self._publishers = {topic: self._create(topic) for topic in _TOPICS}
        # Filled again for every frame: a new buffer costs more than the copy into an old one.
        self._messages = {topic: Image() for topic in _TOPICS}

    def publish(self, segmentation: Segmentation, header: Header, overlay_alpha: float) -> None:
        """Publish under the camera's own header: stamp and frame_id are not touched."""
        for topic, (encoding, pixels) in _TOPICS.items():
            publisher, message = self._publishers[topic], self._messages[topic]
            if publisher.get_subscription_count() > 0:
                message.header = header
                fill_image(message, pixels(segmentation, overlay_alpha), encoding)
                publisher.publish(message)

    def close(self) -> None:
        """Withdraw the topics."""
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)

    def _create(self, topic: str) -> Any:
        return self._node.create_lifecycle_publisher(
            Image,
            topic,
            _QOS,
            event_callbacks=PublisherEventCallbacks(incompatible_qos=partial(self._explain, topic)),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )

    def _explain(self, topic: str, event: Any) -> None:
        name = self._publishers[topic].topic_name
        self._node.get_logger().error(explain_incompatible_qos(name, "a subscriber", event))
