"""The lifecycle node: camera images in, labels out."""

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import FrameType

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.exceptions import ParameterException
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.signals import SignalHandlerOptions
from rclpy.time import Time

from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.segmenter import Segmenter
from segnet_ros.inference.shipped import find_model
from segnet_ros.ros.camera_subscription import CameraMessage, CameraSubscription, decode
from segnet_ros.ros.diagnostics import Health, diagnostic_array, silence_explained
from segnet_ros.ros.fastdds import use_large_message_profile
from segnet_ros.ros.image_conversion import ImageConversionError
from segnet_ros.ros.latency import LatencyLog
from segnet_ros.ros.newest_frame_worker import Books, NewestFrameWorker, Outcome
from segnet_ros.ros.outputs import Outputs
from segnet_ros.ros.parameters import NodeParameters

_DIAGNOSTICS_PERIOD = 1.0
_LOG_PERIOD = 5.0
# A signal only sets a flag; this is how soon it is noticed.
_SPIN_SECONDS = 0.2


@dataclass
class _Configured:
    """What exists between configure and cleanup."""

    segmenter: Segmenter
    outputs: Outputs
    worker: NewestFrameWorker[CameraMessage]
    latency: LatencyLog


class NodeStartError(RuntimeError):
    """The node cannot be created with the arguments given."""


class SegmentationNode(LifecycleNode):  # type: ignore[misc]  # rclpy has no types
    """Segments the newest camera image, again and again.

    Topics, parameters and diagnostics are described in the README. Every transition that cannot
    succeed returns FAILURE, with the remedy in the log.
    """

    def __init__(self) -> None:
        super().__init__("segmentation")
        self._settings = NodeParameters(self)
        self._configured: _Configured | None = None
        self._camera: CameraSubscription | None = None
        self._state = "unconfigured"
        self._activated = time.monotonic()
        self._last_error = ""
        self._silent = False
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._timer = self.create_timer(_DIAGNOSTICS_PERIOD, self._report)

    @property
    def autostart(self) -> bool:
        """Whether the node is to configure and activate itself."""
        return self._settings.flag("autostart")

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load and warm up the model, announce the outputs."""
        try:
            folder = find_model(self._settings.text("model"))
            segmenter = Segmenter(folder, self._settings.text("runtime"))
        except InferenceError as error:
            self.get_logger().error(f"cannot configure: {error}")
            self._last_error = str(error)
            return TransitionCallbackReturn.FAILURE
        worker = NewestFrameWorker(self._process, self._fail)
        self._configured = _Configured(segmenter, Outputs(self), worker, LatencyLog())
        self._settings.configured = True
        self._state = "inactive"
        self.get_logger().info(f"{segmenter.model.name} on {segmenter.runtime}")
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Listen to the camera."""
        assert self._configured is not None
        result = super().on_activate(state)
        self._configured.worker.start()
        self._activated = time.monotonic()
        self._camera = CameraSubscription(
            self, self._settings.text("image_transport"), self._configured.worker.submit
        )
        self._state = "active"
        self.get_logger().info(f"listening to {self._camera.topic}")
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop listening and finish the frame in work."""
        self._stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the model and withdraw the outputs."""
        self._free()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and free, from whatever state."""
        self.close()
        self._state = "finalized"
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Come back to unconfigured after an unforeseen exception in a transition."""
        self.get_logger().error("a transition failed unexpectedly; back to unconfigured")
        self.close()
        return TransitionCallbackReturn.SUCCESS

    def close(self) -> None:
        """Stop and free everything that a transition made; may be called in any state."""
        self._stop()
        self._free()

    def _stop(self) -> None:
        if self._camera is None or self._configured is None:
            return
        self._camera.close()
        self._camera = None
        self._configured.worker.stop()
        self._state = "inactive"
        self.get_logger().info(_in_words(self._configured.worker.books))

    def _free(self) -> None:
        if self._configured is None:
            return
        self._configured.outputs.close()
        self._configured.segmenter.close()
        self._configured = None
        self._settings.configured = False
        self._state = "unconfigured"

    def _process(self, message: CameraMessage) -> Outcome:
        """One frame, in the worker's thread."""
        assert self._configured is not None
        age = self._age(message)
        max_age = self._settings.number("max_age")
        if 0 < max_age < age:
            return Outcome.STALE
        started = time.perf_counter()
        image = decode(message)
        decoded = time.perf_counter()
        segmentation = self._configured.segmenter.segment(image)
        segmented = time.perf_counter()
        alpha = self._settings.number("overlay_alpha")
        self._configured.outputs.publish(segmentation, message.header, alpha)
        finished = time.perf_counter()
        self._configured.latency.add(
            {
                "age": age,
                "decode": decoded - started,
                "resize": segmentation.resize_seconds,
                "infer": segmentation.infer_seconds,
                "publish": finished - segmented,
                "total": finished - started,
            }
        )
        return Outcome.PUBLISHED

    def _age(self, message: CameraMessage) -> float:
        """Seconds since the image was taken; 0 for an unset stamp or one from the future."""
        stamp = Time.from_msg(message.header.stamp)
        if stamp.nanoseconds == 0:
            return 0.0
        now = self.get_clock().now().nanoseconds
        return float(max(0, now - stamp.nanoseconds) * 1e-9)

    def _fail(self, error: Exception) -> None:
        known = isinstance(error, (ImageConversionError, InferenceError))
        self._last_error = str(error) if known else f"{type(error).__name__}: {error}"
        self.get_logger().error(
            f"frame dropped: {self._last_error}", throttle_duration_sec=_LOG_PERIOD
        )

    def _report(self) -> None:
        health = self._health()
        name = self.get_fully_qualified_name()
        self._diagnostics.publish(diagnostic_array(name, health, self.get_clock().now()))
        self._tell_silence(silence_explained(health))

    def _tell_silence(self, explanation: str) -> None:
        """Once when images cease, once when they come again."""
        if explanation and not self._silent:
            self.get_logger().warning(explanation)
        elif self._silent and not explanation and self._state == "active":
            self.get_logger().info("images arrive again")
        self._silent = bool(explanation)

    def _health(self) -> Health:
        configured, camera = self._configured, self._camera
        since = configured.worker.seconds_since_submission if configured else None
        active = time.monotonic() - self._activated
        return Health(
            state=self._state,
            model=configured.segmenter.model.name if configured else "",
            runtime=configured.segmenter.runtime if configured else "",
            topic=camera.topic if camera else "",
            publishers=camera.publishers if camera else 0,
            silence=active if since is None else min(since, active),
            books=configured.worker.books if configured else Books(),
            latency_ms=configured.latency.percentiles_ms() if configured else {},
            last_error=self._last_error,
        )


def _in_words(books: Books) -> str:
    return (
        f"received {books.received} frames: published {books.published}, superseded "
        f"{books.superseded}, stale {books.stale}, failed {books.failed}"
    )


def _create_node(arguments: Sequence[str] | None) -> SegmentationNode:
    use_large_message_profile()
    try:
        rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
        return SegmentationNode()
    except (ParameterException, RuntimeError) as error:
        raise NodeStartError(
            f"{' '.join(str(error).split())}; correct the ROS arguments or the parameter file "
            "(a number with decimals is written 1.0, not 1)"
        ) from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM.

    Args:
        arguments: ROS arguments, such as `--ros-args -r image:=/camera/image_raw`.

    Returns:
        The exit code, 0.

    Raises:
        NodeStartError: the ROS arguments or the parameters given with them are wrong.
    """
    stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    # Our own handlers: rclpy's invalidate the context under a frame that is being published.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    node = _create_node(arguments)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    if node.autostart and node.trigger_configure() == TransitionCallbackReturn.SUCCESS:
        node.trigger_activate()
    while not stopping:
        executor.spin_once(timeout_sec=_SPIN_SECONDS)
    node.close()
    executor.shutdown()
    node.destroy_node()
    rclpy.shutdown()
    return 0
