"""One camera's frames: decoded, segmented, published, and counted."""

import time

from rclpy.lifecycle import LifecycleNode
from rclpy.time import Time

from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.segmenter import Segmenter
from segnet_ros.ros.camera_subscription import CameraMessage, decode
from segnet_ros.ros.image_conversion import ImageConversionError
from segnet_ros.ros.latency import LatencyLog
from segnet_ros.ros.newest_frame_worker import NewestFrameWorker, Outcome
from segnet_ros.ros.outputs import Outputs
from segnet_ros.ros.parameters import NodeParameters

_LOG_PERIOD = 5.0


class Pipeline:
    """What exists between configure and cleanup.

    Args:
        node: Publishes the outputs.
        segmenter: Loaded; freed by `close`.
        settings: The node's; the live ones are read anew for every frame.

    Attributes:
        segmenter: The one given.
        worker: Takes camera messages while it is started.
        latency: Of the frames published.
        last_error: Text of the newest failure; empty if there was none.
        failures_in_a_row: Frames that failed since the last one that did not.
    """

    def __init__(self, node: LifecycleNode, segmenter: Segmenter, settings: NodeParameters) -> None:
        self._node = node
        self._settings = settings
        self._outputs = Outputs(node)
        self.segmenter = segmenter
        self.worker: NewestFrameWorker[CameraMessage] = NewestFrameWorker(self._process, self._fail)
        self.latency = LatencyLog()
        self.last_error = ""
        self.failures_in_a_row = 0

    def close(self) -> None:
        """Withdraw the outputs and free the model; the worker must be stopped."""
        self._outputs.close()
        self.segmenter.close()

    def _process(self, message: CameraMessage) -> Outcome:
        """One frame, in the worker's thread."""
        age = self._age(message)
        max_age = self._settings.number("max_age")
        if 0 < max_age < age:
            return Outcome.STALE
        started = time.perf_counter()
        image = decode(message)
        decoded = time.perf_counter()
        segmentation = self.segmenter.segment(image)
        segmented = time.perf_counter()
        alpha = self._settings.number("overlay_alpha")
        self._outputs.publish(segmentation, message.header, alpha)
        finished = time.perf_counter()
        self.latency.add(
            {
                "age": age,
                "decode": decoded - started,
                "resize": segmentation.resize_seconds,
                "infer": segmentation.infer_seconds,
                **self._gpu_seconds(),
                "publish": finished - segmented,
                "total": finished - started,
            }
        )
        self.failures_in_a_row = 0
        return Outcome.PUBLISHED

    def _gpu_seconds(self) -> dict[str, float]:
        """What of "infer" the GPU did, by its own clock."""
        engine = self.segmenter.engine
        timings = engine.timings if engine else {}
        return {f"gpu {stage}": 1e-3 * duration for stage, duration in timings.items()}

    def _age(self, message: CameraMessage) -> float:
        """Seconds since the image was taken; 0 for an unset stamp or one from the future."""
        stamp = Time.from_msg(message.header.stamp)
        if stamp.nanoseconds == 0:
            return 0.0
        now = self._node.get_clock().now().nanoseconds
        return float(max(0, now - stamp.nanoseconds) * 1e-9)

    def _fail(self, error: Exception) -> None:
        known = isinstance(error, (ImageConversionError, InferenceError))
        self.last_error = str(error) if known else f"{type(error).__name__}: {error}"
        self.failures_in_a_row += 1
        self._node.get_logger().error(
            f"frame dropped: {self.last_error}", throttle_duration_sec=_LOG_PERIOD
        )
