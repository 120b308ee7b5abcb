# SPDX-License-Identifier: Apache-2.0
"""How node and cameras fare: on /diagnostics, and where it changes, in the log."""

from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.lifecycle import LifecycleNode

from segnet_ros.inference.engine.jetson_health import read_jetson_health
from segnet_ros.ros.clock_watch import ClockWatch
from segnet_ros.ros.diagnostics import silence_explained, statuses
from segnet_ros.ros.health import CameraHealth, NodeHealth
from segnet_ros.ros.missing import missing_packages
from segnet_ros.ros.model_swap import ModelSwap
from segnet_ros.ros.parameters import NodeParameters
from segnet_ros.ros.pipeline import Pipeline


@dataclass(frozen=True)
class Situation:
    """Where the node stands.

    Attributes:
        state: Lifecycle state, such as "active".
        refusal: Why the last configure failed; empty once one succeeded.
        engine_build: An engine's build in progress, in words; empty if there is none.
        hang: What hangs, so that the process ends; empty if nothing does.
        pipeline: None while the node is not configured.

    """

    state: str
    refusal: str
    engine_build: str
    hang: str
    pipeline: Pipeline | None


class NodeReport:
    """Makes the statuses, and tells the log when a camera falls silent and when it is back.

    Args:
        node: Whose.
        settings: The node's.
        clock: The node's.
        swap: The node's.

    """

    def __init__(
        self, node: LifecycleNode, settings: NodeParameters, clock: ClockWatch, swap: ModelSwap
    ) -> None:
        self._node = node
        self._settings = settings
        self._clock = clock
        self._swap = swap
        self._silent: set[str] = set()
        self._left_out: set[str] = set()
        self._jetson = read_jetson_health()
        self._missing = missing_packages()
        for line in self._missing:
            node.get_logger().info(line)

    def statuses(self, situation: Situation) -> list[DiagnosticStatus]:
        """Look at everything; to be called once a second."""
        node = self._node_health(situation)
        pipeline = situation.pipeline
        cameras = pipeline.health(situation.state) if pipeline else []
        for camera in cameras:
            self._tell_silence(camera, node)
        self._tell_left_out({line for camera in cameras for line in camera.qos_mismatches})
        # Alarms of the power supply are counted since boot: only the difference tells.
        self._jetson = read_jetson_health(previous=self._jetson)
        return statuses(self._node.get_name(), node, cameras, self._jetson)

    def _node_health(self, situation: Situation) -> NodeHealth:
        labelling = situation.pipeline.labelling if situation.pipeline else None
        segmenter = labelling.model.segmenter if labelling else None
        return NodeHealth(
            state=situation.state,
            full_name=self._node.get_fully_qualified_name(),
            engine_build=situation.engine_build,
            refusal=situation.refusal,
            hang=situation.hang,
            model=segmenter.model.name if segmenter else "",
            version=labelling.version if labelling else 0,
            sha256=segmenter.model.sha256 if segmenter else "",
            taxonomy=labelling.taxonomy.name if labelling else "",
            runtime=segmenter.runtime if segmenter else "",
            precision=self._settings.text("precision") if segmenter and segmenter.engine else "",
            engine=segmenter.engine if segmenter else None,
            swap=self._swap.progress,
            swap_failure=self._swap.failure,
            sim_time=self._clock.simulated,
            clock_running=self._clock.runs(),
            clock_publishers=self._node.count_publishers("/clock"),
            clock_jumps=self._clock.jumps,
            last_jump=self._clock.last_jump,
            missing=self._missing,
        )

    def _tell_left_out(self, lines: set[str]) -> None:
        for line in sorted(lines - self._left_out):
            self._node.get_logger().error(line)
        self._left_out = lines

    def _tell_silence(self, camera: CameraHealth, node: NodeHealth) -> None:
        explanation = silence_explained(camera, node)
        words = f"camera {camera.name}: " if camera.name else ""
        if explanation and camera.name not in self._silent:
            self._silent.add(camera.name)
            self._node.get_logger().warning(f"{words}{explanation}")
        elif not explanation and camera.name in self._silent:
            self._silent.remove(camera.name)
            if camera.state == "active" and not camera.idle:
                self._node.get_logger().info(f"{words}labels are published again")
