# SPDX-License-Identifier: Apache-2.0
"""One camera: its subscription while somebody listens, its outputs, and what is known of both."""

import time
from collections.abc import Callable

from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CameraInfo

from segnet_ros.health.image_health import ImageHealth
from segnet_ros.health.label_health import LabelHealth
from segnet_ros.inference.rendering import Rendering
from segnet_ros.inference.taxonomy import Taxonomy
from segnet_ros.ros.books import Books
from segnet_ros.ros.camera_info import picture_size
from segnet_ros.ros.camera_subscription import (
    MESSAGE_TYPES,
    CalibrationSubscription,
    CameraMessage,
    CameraSubscription,
    image_name,
)
from segnet_ros.ros.frame_capture import FrameCapture
from segnet_ros.ros.frame_log import FrameLog
from segnet_ros.ros.graph import qos_mismatches, why_nothing_arrives
from segnet_ros.ros.health import CameraHealth
from segnet_ros.ros.image_reader import ImageReader
from segnet_ros.ros.outputs import Outputs
from segnet_ros.ros.parameters import NodeParameters
from segnet_ros.ros.recent_counts import RecentCounts
from segnet_ros.ros.size_health import SizeHealth

SILENCE_SECONDS = 3.0


class Camera:
    """Exists from configure to cleanup; made, opened and closed in the executor's thread.

    Args:
        node: Subscribes and publishes.
        name: Of the camera; empty for a node's only one.
        settings: The node's.
        reader: Takes the images from the middleware.
        receive: Called with every image, in the reader's thread.
        gone: Called when the subscription is dropped: what waits is not wanted any more.

    Attributes:
        name: The one given.
        topic: Full name of the images' topic, after remapping.
        outputs: Of this camera.
        log: About its frames.
        capture: Of its next frame, on request.
        images: Health of what comes in.
        sizes: The same of its size.
        labels: Health of what goes out.

    """

    def __init__(
        self,
        node: LifecycleNode,
        name: str,
        settings: NodeParameters,
        reader: ImageReader,
        receive: Callable[[CameraMessage], None],
        gone: Callable[[], None],
    ) -> None:
        self._node = node
        self._settings = settings
        self._reader = reader
        self._receive = receive
        self._gone = gone
        self._transport = settings.text("image_transport")
        self._subscription: CameraSubscription | None = None
        self._calibration: CalibrationSubscription | None = None
        self._is_open = False
        self._opened = 0.0
        self._recent = RecentCounts()
        self.name = name
        self._image_name = image_name(node, name, self._transport)
        self.topic = str(node.resolve_topic_name(self._image_name))
        self.log = FrameLog(node.get_clock())
        self.capture = FrameCapture(lambda: node.executor)
        self.images = ImageHealth()
        self.sizes = SizeHealth()
        self.labels = LabelHealth((), frozenset())
        self.outputs = Outputs(node, name, self.follow_listeners)

    @property
    def calibration(self) -> CameraInfo | None:
        """The newest CameraInfo; None if there is none or nobody wants it."""
        calibration = self._calibration
        return calibration.newest if calibration else None

    def open(self) -> None:
        """Listen to the camera whenever somebody listens to this."""
        self._is_open = True
        self.follow_listeners()
        if self._subscription is None:
            self._node.get_logger().info(
                f"nobody listens to {self._words}: {self.topic} is not subscribed until somebody "
                "does"
            )

    def close(self) -> None:
        """Stop listening."""
        self._is_open = False
        self.capture.offer(None)
        self.follow_listeners()

    def follow_listeners(self) -> None:
        """Subscribe or unsubscribe as listeners demand; in the executor's thread."""
        wanted = self._is_open and (self.capture.wanted or self.outputs.is_wanted)
        if wanted and self._subscription is None:
            self._subscribe()
        elif not wanted and self._subscription is not None:
            self._unsubscribe()
        self._follow_calibration_listeners(wanted)

    def restart_health(self, taxonomy: Taxonomy) -> None:
        """Other labels are to be compared with each other, not with those before."""
        self.labels = LabelHealth(taxonomy.classes, taxonomy.free)

    def look(self, shown: Rendering, network: tuple[int, int]) -> None:
        """Judge a frame that was published; in the worker's thread."""
        now, segmentation = time.monotonic(), shown.segmentation
        image, prediction = segmentation.image, segmentation.prediction
        calibrated = picture_size(self.calibration) if self.calibration else None
        self.sizes.look((image.shape[1], image.shape[0]), network, calibrated, now)
        self.images.look(image, now)
        self.labels.look(prediction.labels, prediction.confidence, now)

    def forget(self) -> None:
        """What comes has nothing to do with what was: the time went back, or there was a pause."""
        self.sizes = SizeHealth()
        self.images.reset()
        self.labels.reset()

    def health(self, state: str, books: Books, last_image: float | None) -> CameraHealth:
        """A snapshot; `last_image` in seconds ago, None before the first."""
        now = time.monotonic()
        log, outputs = self.log, self.outputs
        self._recent.update(now, books, log.missed_deadlines)
        since_opened = now - self._opened if self._subscription else 0.0
        silence = since_opened if last_image is None else min(last_image, since_opened)
        labels_at = max(log.published_at or 0.0, self._opened)
        return CameraHealth(
            name=self.name,
            state=state,
            topic=self.topic,
            transport=self._transport,
            listeners=outputs.listeners,
            idle=self._is_open and self._subscription is None,
            publishers=self._node.count_publishers(self.topic),
            hints=self._hints() if silence > SILENCE_SECONDS else (),
            silence=silence,
            label_silence=now - labels_at if self._subscription and last_image is not None else 0.0,
            books=books,
            recent=self._recent.books,
            missed_deadlines=log.missed_deadlines,
            recent_missed_deadlines=self._recent.missed_deadlines,
            deadline=self._settings.number("deadline"),
            failures_in_a_row=log.failures_in_a_row,
            last_error=log.last_error,
            priority=self._settings.priority(self.name),
            max_rate=self._settings.max_rate(self.name),
            rate_in=log.arrivals.rate(now),
            rate_out=log.labels.rate(now),
            latency_ms=log.latency.percentiles_ms(),
            image=log.image,
            stamp_offset=log.stamp_offset,
            stamps_went_back=log.stamps_went_back,
            max_age=self._settings.number("max_age"),
            image_problems=(*self.sizes.problems, *self.images.problems),
            image_values=self.images.values,
            label_problems=self.labels.problems,
            label_values=self.labels.values,
            calibration_problem=self._calibration.problem if self._calibration else "",
            qos_mismatches=qos_mismatches(self._node, outputs.publishers),
        )

    def withdraw(self) -> None:
        """Take back the outputs; must be closed."""
        self.outputs.close()

    @property
    def _words(self) -> str:
        return f"camera {self.name}" if self.name else "the labels"

    def _subscribe(self) -> None:
        self._subscription = CameraSubscription(
            self._node, self.name, self._transport, self._arrive, self._reader
        )
        self._opened = time.monotonic()
        self._node.get_logger().info(f"listening to {self._subscription.topic}")

    def _unsubscribe(self) -> None:
        assert self._subscription is not None
        self._subscription.close()
        self._subscription = None
        self._gone()
        self.forget()
        if self._is_open:
            self._node.get_logger().info(
                f"nobody listens to {self._words} any more: {self.topic} is not subscribed until "
                "somebody does"
            )

    def _follow_calibration_listeners(self, wanted: bool) -> None:
        wanted = wanted and self.outputs.wants_camera_info
        if wanted and self._calibration is None:
            self._calibration = CalibrationSubscription(self._node, self.name, self._transport)
        elif not wanted and self._calibration is not None:
            self._calibration.close()
            self._calibration = None

    def _arrive(self, message: CameraMessage) -> None:
        if not self.log.arrived(message):
            self.forget()
        self._receive(message)

    def _hints(self) -> list[str]:
        assert self._subscription is not None
        kind, qos = MESSAGE_TYPES[self._transport], self._subscription.qos
        return why_nothing_arrives(self._node, self._image_name, kind, qos, self._transport)
