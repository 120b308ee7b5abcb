# SPDX-License-Identifier: Apache-2.0
"""Everything that /diagnostics says: one status of the node, three per camera, one of a Jetson."""

from collections.abc import Iterable, Mapping, Sequence
from textwrap import wrap

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from segnet_ros.inference.engine.jetson_health import JetsonHealth
from segnet_ros.ros.camera_diagnostics import frame_message, frame_problems, frame_values
from segnet_ros.ros.health import CameraHealth, NodeHealth
from segnet_ros.ros.jetson_diagnostics import jetson_message, jetson_values
from segnet_ros.ros.node_diagnostics import node_message, node_problems, node_values
from segnet_ros.ros.problem import Problem, summary, warnings
from segnet_ros.ros.silence import SILENCE_SECONDS, no_image, silence_explained

__all__ = ["SILENCE_SECONDS", "silence_explained", "statuses"]

_ECHOED_LENGTH = 128


def statuses(
    name: str, node: NodeHealth, cameras: Sequence[CameraHealth], jetson: JetsonHealth | None
) -> list[DiagnosticStatus]:
    """A snapshot as messages, named as diagnostic_updater does: `<name>: <task>`.

    Args:
        name: The node's, without namespace.
        node: The node's snapshot.
        cameras: Each camera's.
        jetson: None on other machines.

    """
    made = [_status("node", node_problems(node), node_message(node), node_values(node))]
    for camera in cameras:
        made += [_frames(camera, node), _image(camera), _labels(camera)]
    if jetson is not None:
        made.append(_jetson(jetson))
    for status in made:
        status.name = f"{name}: {status.name}"
        # The same on every machine and in every state: viewers tell statuses apart by it.
        status.hardware_id = "segnet_ros"
    return made


def _frames(camera: CameraHealth, node: NodeHealth) -> DiagnosticStatus:
    problems = frame_problems(camera, node)
    return _status(_task(camera, "frames"), problems, frame_message(camera), frame_values(camera))


def _image(camera: CameraHealth) -> DiagnosticStatus:
    values = {"image": camera.image, **camera.image_values}
    return _looked_at(camera, "image", camera.image_problems, values)


def _labels(camera: CameraHealth) -> DiagnosticStatus:
    return _looked_at(camera, "labels", camera.label_problems, camera.label_values)


def _looked_at(
    camera: CameraHealth, what: str, problems: Iterable[str], values: Mapping[str, str]
) -> DiagnosticStatus:
    if camera.state != "active" or camera.idle or no_image(camera) or not camera.image:
        return _status(_task(camera, what), [], "nothing to look at", {})
    return _status(_task(camera, what), warnings(problems), "nothing conspicuous", values)


def _jetson(jetson: JetsonHealth) -> DiagnosticStatus:
    problems = warnings([jetson.throttled])
    return _status("jetson", problems, jetson_message(jetson), jetson_values(jetson))


def _task(camera: CameraHealth, what: str) -> str:
    return f"{camera.name} {what}" if camera.name else what


def _status(
    task: str, problems: Iterable[Problem], message: str, values: Mapping[str, str]
) -> DiagnosticStatus:
    level, message = summary(problems, message)
    pairs = {**_in_full(message), **values}
    return DiagnosticStatus(
        level=level,
        name=task,
        message=message,
        values=[KeyValue(key=key, value=value) for key, value in pairs.items()],
    )


def _in_full(message: str) -> dict[str, str]:
    """A long message in lines that `ros2 topic echo` does not cut off."""
    if len(message) <= _ECHOED_LENGTH:
        return {}
    lines = wrap(message, _ECHOED_LENGTH, break_on_hyphens=False)
    return {f"message, line {number}": line for number, line in enumerate(lines, 1)}
