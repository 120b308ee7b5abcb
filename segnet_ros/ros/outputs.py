# SPDX-License-Identifier: Apache-2.0
"""The node's voice: one camera's topics, each filled only when somebody listens."""

import copy
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from lifecycle_msgs.msg import State
from rclpy.lifecycle import LifecycleNode, LifecycleState
from rclpy.qos import QoSDurabilityPolicy, QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header, String

from segnet_ros.inference.rendering import Pixels, Rendering
from segnet_ros.messages.image_conversion import encode_png, fill_image
from segnet_ros.ros.camera_info import scaled_camera_info
from segnet_ros.ros.distribution import publisher_events
from segnet_ros.ros.label_info import label_info_type

# Reliable: serves best-effort subscribers too, and a recorder loses nothing.
_QOS = QoSProfile(depth=5)
_LATCHED = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)

_UNCERTAINTY = "uncertainty"


class _Picture(NamedTuple):
    """A topic with a picture: its type, what it shows, and how that gets into a message."""

    kind: type
    pixels: Callable[[Rendering], Pixels | None]
    fill: Callable[[Any, Pixels], None]


_fill_mono8 = partial(fill_image, encoding="mono8")
_fill_rgb8 = partial(fill_image, encoding="rgb8")
_PICTURES = {
    "label": _Picture(Image, lambda shown: shown.labels, _fill_mono8),
    "label/compressed": _Picture(CompressedImage, lambda shown: shown.labels, encode_png),
    "confidence": _Picture(Image, lambda shown: shown.confidence, _fill_mono8),
    _UNCERTAINTY: _Picture(Image, lambda shown: shown.uncertainty, _fill_mono8),
    "color": _Picture(Image, lambda shown: shown.color, _fill_rgb8),
    "overlay": _Picture(Image, lambda shown: shown.overlay, _fill_rgb8),
}


class Outputs:
    """Publishers of one camera's results.

    Args:
        node: The node that publishes.
        camera: The camera's name; empty for a node's only one.
        listeners_changed: Called in the executor's thread when a subscriber comes or goes, where
            rclpy tells.

    """

    def __init__(
        self, node: LifecycleNode, camera: str, listeners_changed: Callable[[], None]
    ) -> None:
        self._node = node
        self._prefix = f"~/{camera}/" if camera else "~/"
        self._listeners_changed = listeners_changed
        self._publishers = {
            topic: self._create(topic, picture.kind)
            for topic, picture in _PICTURES.items()
            if topic != _UNCERTAINTY
        }
        # Filled again for every frame: a new buffer costs more than the copy into an old one.
        self._messages = {topic: picture.kind() for topic, picture in _PICTURES.items()}
        self._camera_info = self._create("camera_info", CameraInfo)
        self._model_info = self._create("model_info", String, _LATCHED)
        kind = label_info_type()
        self._label_info = self._create("label_info", kind, _LATCHED) if kind else None

    @property
    def is_wanted(self) -> bool:
        """Whether somebody listens to a picture."""
        return any(p.get_subscription_count() for p in self._publishers.values())

    @property
    def listeners(self) -> Mapping[str, int]:
        """Subscribers of every picture by its topic's full name."""
        return {p.topic_name: p.get_subscription_count() for p in self._publishers.values()}

    @property
    def wants_camera_info(self) -> bool:
        """Whether somebody listens to the calibration."""
        return bool(self._camera_info.get_subscription_count() > 0)

    @property
    def publishers(self) -> Mapping[str, Any]:
        """Every publisher by its topic's full name."""
        latched = [self._model_info, *filter(None, [self._label_info])]
        every = [*self._publishers.values(), self._camera_info, *latched]
        return {publisher.topic_name: publisher for publisher in every}

    def offer_uncertainty(self, active: bool) -> None:
        """Announce the Bayesian models' topic; `active` is the node's state.

        It stays until `close`, silent while another model is in use: the worker may be publishing.
        """
        if _UNCERTAINTY in self._publishers:
            return
        publisher = self._create(_UNCERTAINTY, Image)
        if active:  # the transition has enabled only those that were there
            publisher.on_activate(LifecycleState("active", State.PRIMARY_STATE_ACTIVE))
        self._publishers[_UNCERTAINTY] = publisher

    def publish(self, shown: Rendering, header: Header, calibration: CameraInfo | None) -> None:
        """Publish under the camera's own header: stamp and frame_id are not touched."""
        # A copy: uncertainty may be offered meanwhile.
        for topic, publisher in tuple(self._publishers.items()):
            if publisher.get_subscription_count() > 0:
                self._publish(topic, publisher, shown, header)
        if calibration is not None and self.wants_camera_info:
            height, width = shown.labels.shape
            scaled = scaled_camera_info(calibration, (width, height))
            scaled.header = header
            self._camera_info.publish(scaled)

    def announce(self, model_info: str, label_info: Any) -> None:
        """Tell late subscribers, too, what the labels mean."""
        self._model_info.publish(String(data=model_info))
        if self._label_info is not None:
            self._label_info.publish(label_info)

    def close(self) -> None:
        """Withdraw the topics."""
        for publisher in (*self._publishers.values(), self._camera_info, self._model_info):
            self._node.destroy_lifecycle_publisher(publisher)
        if self._label_info is not None:
            self._node.destroy_lifecycle_publisher(self._label_info)

    def _publish(self, topic: str, publisher: Any, shown: Rendering, header: Header) -> None:
        message, picture = self._messages[topic], _PICTURES[topic]
        pixels = picture.pixels(shown)
        if pixels is not None:
            message.header = header
            picture.fill(message, pixels)
            publisher.publish(message)

    def _create(self, topic: str, kind: type, qos: QoSProfile = _QOS) -> Any:
        name = f"{self._prefix}{topic}"
        return self._node.create_lifecycle_publisher(
            kind,
            name,
            copy.copy(qos),  # rclpy writes a topic's overrides into it
            event_callbacks=publisher_events(
                self._listeners_changed if topic in _PICTURES else None
            ),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )
