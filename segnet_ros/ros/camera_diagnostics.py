# SPDX-License-Identifier: Apache-2.0
"""A camera's diagnostics: what became of its frames, and how fast."""

import math
from dataclasses import asdict

from segnet_ros.ros.health import CameraHealth, NodeHealth
from segnet_ros.ros.latency import PERCENTILES
from segnet_ros.ros.problem import Problem, errors, warnings
from segnet_ros.ros.recent_counts import RECENT_SECONDS
from segnet_ros.ros.silence import no_image, silence_explained
from segnet_ros.ros.stamps import stamp_problem

# A limit below this share of the camera's rate is what keeps frames back.
_LIMITED = 0.95


def frame_problems(camera: CameraHealth, node: NodeHealth) -> list[Problem]:
    """Why a camera's labels do not come, or not all of them."""
    if camera.state != "active":
        return warnings([f"{camera.state}: no labels until the node is active"])
    silence = silence_explained(camera, node)
    return [
        *errors([silence]),
        *warnings([*_lost(camera, silence), _late(camera), _several_cameras(camera)]),
        *warnings([_suspicious_stamp(camera, node, silence), camera.calibration_problem]),
        *warnings(camera.qos_mismatches),
    ]


def frame_message(camera: CameraHealth) -> str:
    """How a camera fares while nothing is wrong."""
    if camera.idle:
        outputs = ", ".join(camera.listeners) or "its outputs"
        return f"idle: nobody listens to {outputs}; {camera.topic} is not subscribed"
    if not camera.books.received:
        return f"waiting for the first image on {camera.topic}"
    rates = f"{camera.rate_out:.1f} labels/s of {camera.rate_in:.1f} images/s"
    if 0 < camera.max_rate < _LIMITED * camera.rate_in:
        return f"{rates}, limited by max_rate {camera.max_rate:g} Hz"
    return rates


def frame_values(camera: CameraHealth) -> dict[str, str]:
    """Everything that is known of a camera's frames."""
    return {
        "image topic": camera.topic,
        "image transport": camera.transport,
        "image publishers": str(camera.publishers),
        "image": camera.image,
        **{f"listeners {output}": str(count) for output, count in camera.listeners.items()},
        **{f"frames {fate}": str(count) for fate, count in asdict(camera.books).items()},
        "image rate [Hz]": f"{camera.rate_in:.1f}",
        "label rate [Hz]": f"{camera.rate_out:.1f}",
        "max rate [Hz]": f"{camera.max_rate:g}",
        "priority": str(camera.priority),
        "max age [s]": f"{camera.max_age:g}",
        "deadline [s]": f"{camera.deadline:g}",
        "missed deadlines": str(camera.missed_deadlines),
        "stamp offset [s]": _number(camera.stamp_offset),
        "stamps went back": str(camera.stamps_went_back),
        **_latencies(camera),
        "last error": camera.last_error,
    }


def _lost(camera: CameraHealth, silence: str) -> list[str]:
    """Frames lost lately; nothing if all were, because that has been said then."""
    recent = camera.recent
    if silence:
        return []
    lately = f"of {recent.received} frames of the last {RECENT_SECONDS:g} s"
    failed = f"{recent.failed} {lately} failed: {camera.last_error}" if recent.failed else ""
    stale = f"{recent.stale} {lately} were older than max_age {camera.max_age:g} s"
    return [failed, stale if recent.stale and camera.max_age else ""]


def _late(camera: CameraHealth) -> str:
    missed = camera.recent_missed_deadlines
    if not missed or not camera.deadline:
        return ""
    return (
        f"{missed} of {camera.recent.published} labels of the last {RECENT_SECONDS:g} s came later "
        f"than the deadline, {camera.deadline:g} s after the image's stamp{_slowest(camera)}"
    )


def _slowest(camera: CameraHealth) -> str:
    """The stage that takes longest: where to look first."""
    stages = {stage: p[0] for stage, p in camera.latency_ms.items() if stage != "total"}
    if not stages:
        return ""
    stage = max(stages, key=lambda stage: stages[stage])
    return f"; the longest stage is {stage} with p50 {stages[stage]:.0f} ms"


def _several_cameras(camera: CameraHealth) -> str:
    if camera.publishers < 2:
        return ""
    return (
        f"{camera.publishers} publishers on {camera.topic}: their pictures are mixed, unless one "
        f"was killed within the last 20 s; `ros2 topic info -v {camera.topic}` names them"
    )


def _suspicious_stamp(camera: CameraHealth, node: NodeHealth, silence: str) -> str:
    if camera.idle or no_image(camera):
        return ""
    problem = stamp_problem(camera, node)
    return "" if problem in silence else problem


def _latencies(camera: CameraHealth) -> dict[str, str]:
    return {
        f"{stage} {percentile} [ms]": f"{duration:.2f}"
        for stage, durations in camera.latency_ms.items()
        for percentile, duration in zip(PERCENTILES, durations, strict=True)
    }


def _number(value: float) -> str:
    return "unknown" if math.isnan(value) else f"{value:.3f}"
