# SPDX-License-Identifier: Apache-2.0
"""The lifecycle node: camera images in, labels out."""

from collections.abc import Callable
from functools import wraps

from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from segnet_ros.inference.labelling import LoadedModel
from segnet_ros.inference.segmenter import Segmenter
from segnet_ros.ros.background import in_executor
from segnet_ros.ros.books import Books
from segnet_ros.ros.clock_watch import ClockWatch
from segnet_ros.ros.diagnostics_publisher import DiagnosticsPublisher
from segnet_ros.ros.engine_preparation import InterruptedBuildError
from segnet_ros.ros.failure import in_words
from segnet_ros.ros.frame_service import FrameService
from segnet_ros.ros.live_changes import LiveChanges
from segnet_ros.ros.model_loading import ModelLoader
from segnet_ros.ros.node_report import NodeReport, Situation
from segnet_ros.ros.parameters import NodeParameters
from segnet_ros.ros.pipeline import Pipeline
from segnet_ros.ros.transitions import Transitions

# How soon a subscriber is noticed where rclpy does not tell, seconds.
_POLL_PERIOD = 0.5

_Transition = Callable[["SegmentationNode", LifecycleState], TransitionCallbackReturn]


def _explained(transition: _Transition) -> _Transition:
    """Log what a transition raises: rclpy goes to `on_error` without a word of it."""

    @wraps(transition)
    def explained(node: "SegmentationNode", state: LifecycleState) -> TransitionCallbackReturn:
        try:
            return transition(node, state)
        except Exception as error:
            node.get_logger().error(f"{transition.__name__} failed: {error!r}")
            raise

    return explained


class SegmentationNode(LifecycleNode):  # type: ignore[misc]  # rclpy has no types
    """Segments the newest images of its cameras, again and again.

    Topics, parameters and diagnostics are described in the README. Every transition that cannot
    succeed returns FAILURE, with the remedy in the log.

    Attributes:
        transitions: How it is asked to change its state.

    """

    def __init__(self) -> None:
        super().__init__("segmentation")
        self._settings = NodeParameters(self)
        self.transitions = Transitions(self)
        self._loader = ModelLoader(self.get_logger(), self._settings, self.transitions.interrupted)
        self._pipeline: Pipeline | None = None
        self._state = "unconfigured"
        self._refusal = ""
        self._hang = ""
        self._changes = LiveChanges(self, self._settings, lambda: self._pipeline)
        self._frames = FrameService(self, self._settings, lambda: self._pipeline)
        clock = ClockWatch(self, self._forget)
        report = NodeReport(self, self._settings, clock, self._changes.swap)
        self._diagnostics = DiagnosticsPublisher(self, lambda: report.statuses(self._situation))
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._poll = self.create_timer(_POLL_PERIOD, self._follow_listeners, clock=steady)

    @property
    def autostart(self) -> bool:
        """Whether the node is to configure and activate itself."""
        return self._settings.flag("autostart")

    @property
    def idle(self) -> bool:
        """Whether nothing goes on in the background."""
        return self.transitions.idle and not self._changes.swap.running

    def on_configure(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Load and warm up the model, announce the outputs; in a thread of its own."""
        self._state, self._refusal = "configuring", ""
        self._settings.in_use = True
        try:
            self._load()
        except InterruptedBuildError as interruption:
            self.get_logger().warning(str(interruption))
            return self._give_up()
        except Exception as error:  # noqa: BLE001  # rclpy would hide whatever a library raises
            return self._refuse(in_words(error))
        self._state = "inactive"
        return TransitionCallbackReturn.SUCCESS

    @_explained
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Listen to the cameras whose labels somebody wants."""
        assert self._pipeline is not None
        result = super().on_activate(state)
        self._state = "active"
        self._pipeline.start()
        return result

    @_explained
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop listening and finish the frame in work."""
        self._stop()
        return super().on_deactivate(state)

    @_explained
    def on_cleanup(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Free the model and withdraw the outputs."""
        self._free()
        return TransitionCallbackReturn.SUCCESS

    @_explained
    def on_shutdown(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and free, from whatever state."""
        self.close()
        self._state = "finalized"
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Come back to unconfigured after an unforeseen exception in a transition."""
        self.get_logger().error("a transition failed unexpectedly; back to unconfigured")
        self.close()
        return TransitionCallbackReturn.SUCCESS

    def stop(self) -> None:
        """Begin nothing more, and interrupt what is in progress."""
        self.transitions.stop()
        self._changes.swap.cancel()

    def close(self) -> None:
        """Stop and free everything that a transition made; may be called in any state."""
        self._stop()
        self._free()

    @property
    def _situation(self) -> Situation:
        return Situation(
            self._state, self._refusal, self._loader.engine_build, self._hang, self._pipeline
        )

    def _load(self) -> None:
        segmenter = self._loader.load(self._settings.text("model"))
        try:
            in_executor(self.executor, lambda: self._set_up(segmenter))
        except Exception:  # the taxonomy's file changed meanwhile, a camera's priority is no number
            segmenter.close()
            raise

    def _set_up(self, segmenter: Segmenter) -> None:
        self._settings.declare_cameras()
        model = LoadedModel(segmenter, self._settings.text("model"))
        labelling = self._changes.labelling(model, version=1)
        self._pipeline = Pipeline(self, labelling, self._settings, self._tell_hang)
        self.get_logger().info(labelling.in_words)

    def _refuse(self, refusal: str) -> TransitionCallbackReturn:
        self._refusal = refusal
        self.get_logger().error(f"cannot configure: {refusal}")
        return self._give_up()

    def _give_up(self) -> TransitionCallbackReturn:
        self._free()
        return TransitionCallbackReturn.FAILURE

    def _stop(self) -> None:
        if self._pipeline is None or not self._pipeline.is_active:
            return
        self._pipeline.stop()
        self._state = "inactive"
        for camera in self._pipeline.cameras:
            self.get_logger().info(_in_words(camera, self._pipeline.books(camera)))

    def _free(self) -> None:
        self._changes.swap.cancel()
        if self._pipeline is not None:
            self._pipeline.close()
            self._pipeline = None
        self._settings.in_use = False
        self._state = "unconfigured"

    def _tell_hang(self, hang: str) -> None:
        """In the watchdog's thread: the executor's may be waiting for what hangs."""
        self._hang = hang
        self.get_logger().fatal(hang)
        self._diagnostics.publish_now()

    def _follow_listeners(self) -> None:
        if self._pipeline is not None:
            self._pipeline.follow_listeners()

    def _forget(self) -> None:
        if self._pipeline is not None:
            self._pipeline.forget()


def _in_words(camera: str, books: Books) -> str:
    whose = f"camera {camera}: " if camera else ""
    return (
        f"{whose}received {books.received} frames: published {books.published}, superseded "
        f"{books.superseded}, stale {books.stale}, failed {books.failed}"
    )
