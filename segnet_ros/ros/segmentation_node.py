"""The lifecycle node: camera images in, labels out."""

import time
from dataclasses import replace

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.runtime import resolve_runtime
from segnet_ros.inference.segmenter import Segmenter
from segnet_ros.inference.shipped import find_model
from segnet_ros.ros.camera_subscription import CameraSubscription
from segnet_ros.ros.diagnostics import Health, diagnostic_array, silence_explained
from segnet_ros.ros.engine_preparation import EnginePreparation, InterruptedBuildError
from segnet_ros.ros.newest_frame_worker import Books
from segnet_ros.ros.parameters import NodeParameters
from segnet_ros.ros.pipeline import Pipeline
from segnet_ros.ros.transitions import Transitions

_DIAGNOSTICS_PERIOD = 1.0


class SegmentationNode(LifecycleNode):  # type: ignore[misc]  # rclpy has no types
    """Segments the newest camera image, again and again.

    Topics, parameters and diagnostics are described in the README. Every transition that cannot
    succeed returns FAILURE, with the remedy in the log.

    Attributes:
        transitions: How it is asked to change its state.
    """

    def __init__(self) -> None:
        super().__init__("segmentation")
        self._settings = NodeParameters(self)
        self.transitions = Transitions(self)
        self._preparation = EnginePreparation(self.get_logger(), self.transitions.interrupted)
        self._pipeline: Pipeline | None = None
        self._camera: CameraSubscription | None = None
        self._state = "unconfigured"
        self._activated = time.monotonic()
        self._refusal = ""
        self._silent = False
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._timer = self.create_timer(_DIAGNOSTICS_PERIOD, self._report)

    @property
    def autostart(self) -> bool:
        """Whether the node is to configure and activate itself."""
        return self._settings.flag("autostart")

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load and warm up the model, announce the outputs; in a thread of its own."""
        self._state, self._refusal = "configuring", ""
        self._settings.in_use = True
        try:
            segmenter = self._load()
        except InferenceError as error:
            self._refusal = str(error)
            self.get_logger().error(f"cannot configure: {error}")
            return self._give_up()
        except InterruptedBuildError as interruption:
            self.get_logger().warning(str(interruption))
            return self._give_up()
        self._pipeline = self.transitions.in_executor(
            lambda: Pipeline(self, segmenter, self._settings)
        )
        self._state = "inactive"
        self.get_logger().info(f"{segmenter.model.name} on {segmenter.runtime}")
        return TransitionCallbackReturn.SUCCESS

    def _give_up(self) -> TransitionCallbackReturn:
        self._free()
        return TransitionCallbackReturn.FAILURE

    def _load(self) -> Segmenter:
        folder = find_model(self._settings.text("model"))
        runtime = resolve_runtime(self._settings.text("runtime"))
        engine = self._settings.engine
        if runtime == "tensorrt":
            self._preparation.prepare(folder, engine)
        # A build in this process could be neither watched nor ended.
        return Segmenter(folder, runtime, replace(engine, build=False))

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Listen to the camera."""
        assert self._pipeline is not None
        result = super().on_activate(state)
        self._pipeline.worker.start()
        self._activated = time.monotonic()
        self._camera = CameraSubscription(
            self, self._settings.text("image_transport"), self._pipeline.worker.submit
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
        if self._camera is None or self._pipeline is None:
            return
        self._camera.close()
        self._camera = None
        self._pipeline.worker.stop()
        self._state = "inactive"
        self.get_logger().info(_in_words(self._pipeline.worker.books))

    def _free(self) -> None:
        if self._pipeline is not None:
            self._pipeline.close()
            self._pipeline = None
        self._settings.in_use = False
        self._state = "unconfigured"

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
        pipeline, camera = self._pipeline, self._camera
        active = time.monotonic() - self._activated
        if pipeline is None:
            return Health(
                state=self._state, engine_build=self._preparation.progress, last_error=self._refusal
            )
        since = pipeline.worker.seconds_since_submission
        return Health(
            state=self._state,
            model=pipeline.segmenter.model.name,
            runtime=pipeline.segmenter.runtime,
            engine=pipeline.segmenter.engine,
            topic=camera.topic if camera else "",
            publishers=camera.publishers if camera else 0,
            silence=active if since is None else min(since, active),
            books=pipeline.worker.books,
            failures_in_a_row=pipeline.failures_in_a_row,
            latency_ms=pipeline.latency.percentiles_ms(),
            last_error=pipeline.last_error,
        )


def _in_words(books: Books) -> str:
    return (
        f"received {books.received} frames: published {books.published}, superseded "
        f"{books.superseded}, stale {books.stale}, failed {books.failed}"
    )
