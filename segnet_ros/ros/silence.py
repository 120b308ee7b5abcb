# SPDX-License-Identifier: Apache-2.0
"""Why no labels come out of an active node."""

from collections.abc import Callable

from segnet_ros.ros.durations import in_words
from segnet_ros.ros.health import CameraHealth, NodeHealth
from segnet_ros.ros.stamps import stamp_problem

SILENCE_SECONDS = 3.0
_FAILING = 3
_SLOWEST_PERIODS = 2.0


def silence_explained(camera: CameraHealth, node: NodeHealth) -> str:
    """Why no labels of a camera come although somebody waits for them; empty if they do.

    An inactive node, and an idle one, that nobody listens to, are silent by intention.
    """
    if camera.state != "active" or camera.idle:
        return ""
    return " | ".join(filter(None, (cause(camera, node) for cause in _CAUSES)))


def no_image(camera: CameraHealth) -> bool:
    """Whether the camera is silent; false while nobody listens to it."""
    return not camera.idle and camera.silence >= SILENCE_SECONDS


def _engine(_camera: CameraHealth, node: NodeHealth) -> str:
    failure = node.engine.failure if node.engine else ""
    return f"the engine failed: {failure}" if failure else ""


def _no_image(camera: CameraHealth, node: NodeHealth) -> str:
    if not no_image(camera):
        return ""
    causes = [*camera.hints] or [_unexplained(camera)]
    if node.sim_time and not node.clock_running:
        causes.insert(0, "/clock stands still: is the playback paused?")
    return f"no image for {in_words(camera.silence)}: {'; '.join(causes)}"


def _unexplained(camera: CameraHealth) -> str:
    if camera.publishers == 0:
        return f"nobody publishes {camera.topic}; start the camera, or remap to its topic"
    return (
        f"{camera.topic} has {camera.publishers} publisher(s), but they send nothing, or their QoS "
        "or message type does not fit"
    )


def _failing(camera: CameraHealth, _node: NodeHealth) -> str:
    if camera.failures_in_a_row < _FAILING or not camera.recent.failed:
        return ""
    return f"every frame fails: {camera.last_error}"


def _stale(camera: CameraHealth, node: NodeHealth) -> str:
    recent = camera.recent
    if no_image(camera) or not recent.stale or recent.published or recent.failed:
        return ""
    if not camera.max_age:  # it has just been set to 0
        return ""
    return f"every frame is older than max_age {camera.max_age:g} s: {_why_stale(camera, node)}"


def _why_stale(camera: CameraHealth, node: NodeHealth) -> str:
    if problem := stamp_problem(camera, node):
        return problem
    age = max(0.0, -camera.stamp_offset)
    if age > camera.max_age:
        return (
            f"images are {in_words(age)} old when they arrive; look for what delays them on their "
            "way, synchronize the machines' clocks, or raise max_age"
        )
    return (
        f"images arrive {in_words(age)} old and then wait for the network{_slowness(camera)}; take "
        "a faster model, limit other cameras by <camera>.max_rate, or raise max_age"
    )


def _superseded(camera: CameraHealth, _node: NodeHealth) -> str:
    recent = camera.recent
    if no_image(camera) or camera.label_silence < _patience(camera):
        return ""
    if recent.published or recent.stale or recent.failed or not recent.received:
        return ""
    return (
        f"no label for {in_words(camera.label_silence)} although images arrive: "
        f"{recent.superseded} frames were superseded before their turn, {recent.pending} pending. "
        f"Either one inference takes that long{_slowness(camera)}, or cameras of higher priority "
        f"(this one has {camera.priority}) take all the time: limit them by <camera>.max_rate"
    )


def _patience(camera: CameraHealth) -> float:
    """Seconds without a label that the rate limit does not explain."""
    slowest = _SLOWEST_PERIODS / camera.max_rate if camera.max_rate > 0 else 0.0
    return max(SILENCE_SECONDS, slowest)


def _slowness(camera: CameraHealth) -> str:
    infer = camera.latency_ms.get("infer")
    return f" (infer p50 {infer[0]:.0f} ms, max {infer[-1]:.0f} ms)" if infer else ""


_CAUSES: tuple[Callable[[CameraHealth, NodeHealth], str], ...] = (
    _engine,
    _no_image,
    _failing,
    _stale,
    _superseded,
)
