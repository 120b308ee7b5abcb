# SPDX-License-Identifier: Apache-2.0
"""Snapshots of the running node and of its cameras: all that /diagnostics is made from."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from segnet_ros.inference.engine.status import EngineStatus
from segnet_ros.ros.books import Books


@dataclass(frozen=True)
class NodeHealth:
    """The node itself.

    Attributes:
        state: Lifecycle state, such as "active".
        full_name: With the namespace, such as "/front/segmentation": for commands to type.
        engine_build: An engine's build in progress, in words; empty if there is none.
        refusal: Why the last configure failed; empty once one succeeded.
        hang: What hangs, so that the process ends; empty if nothing does.
        model: Name of the model; empty while unconfigured.
        version: Counts the model's and the taxonomy's changes, from 1; as in model_info.
        sha256: Of the model's model.onnx, hexadecimal.
        taxonomy: Its name; empty for the model's own classes.
        runtime: `Segmenter.runtime`; empty while unconfigured.
        precision: The one asked for; empty where the runtime gives no choice.
        engine: `Segmenter.engine`.
        swap: What is being loaded in the background, in words; empty if nothing.
        swap_failure: Why the newest model or taxonomy was refused while the old one runs on.
        sim_time: Whether the node's clock is /clock.
        clock_running: Whether /clock has moved within the last seconds; true without sim_time.
        clock_publishers: How many nodes publish /clock; counts with and without sim_time.
        clock_jumps: How often the clock jumped.
        last_jump: The newest jump, in words.
        missing: Packages that are absent, each with what that costs.

    """

    state: str
    full_name: str = "/segmentation"
    engine_build: str = ""
    refusal: str = ""
    hang: str = ""
    model: str = ""
    version: int = 0
    sha256: str = ""
    taxonomy: str = ""
    runtime: str = ""
    precision: str = ""
    engine: EngineStatus | None = None
    swap: str = ""
    swap_failure: str = ""
    sim_time: bool = False
    clock_running: bool = True
    clock_publishers: int = 0
    clock_jumps: int = 0
    last_jump: str = ""
    missing: Sequence[str] = ()


@dataclass(frozen=True)
class CameraHealth:
    """One camera.

    Attributes:
        name: Empty for the single camera.
        state: Lifecycle state of the node.
        topic: Full name of the images' topic, after remapping.
        transport: "raw" or "compressed".
        listeners: Subscribers that get each output, by its full topic name, such as
            {"/segmentation/label": 1}.
        idle: Active, but nobody listens: the camera subscription is dropped.
        publishers: How many nodes publish `topic`.
        hints: `why_nothing_arrives`, asked while nothing arrives.
        silence: Seconds since the newest image or, before the first, since the subscription.
        label_silence: Seconds since the newest label was published or, before the first, since the
            first image after the subscription; 0 before that.
        books: What became of every frame since the node was configured.
        recent: The books of the last seconds: `RecentCounts.books`.
        missed_deadlines: Labels published later than `deadline` after the image's stamp.
        recent_missed_deadlines: Of the last seconds: `RecentCounts.missed_deadlines`.
        deadline: Seconds; 0 if there is none.
        failures_in_a_row: Frames that failed since the last one that did not.
        last_error: Text of the newest failure; empty if there was none.
        priority: The camera's.
        max_rate: The smaller one of both limits, Hz; 0 is no limit.
        rate_in: Images that arrive, Hz.
        rate_out: Labels published, Hz.
        latency_ms: `LatencyLog.percentiles_ms`.
        image: Size and encoding of the newest image, such as "1280x720 bgr8"; empty before it.
        stamp_offset: Seconds that the newest image's stamp was ahead of the node's clock when it
            arrived; negative is the past. NaN before the first image and for an unset stamp.
        stamps_went_back: How often an image's stamp was older than that of the image before.
        max_age: Seconds; 0 keeps every frame.
        image_problems: `ImageHealth.problems`.
        image_values: `ImageHealth.values`.
        label_problems: `LabelHealth.problems`.
        label_values: `LabelHealth.values`.
        calibration_problem: Why ~/camera_info is silent although somebody listens to it; empty if
            it is not.
        qos_mismatches: `qos_mismatches`: subscribers of the outputs that get nothing.

    """

    name: str
    state: str
    topic: str = ""
    transport: str = "raw"
    listeners: Mapping[str, int] = field(default_factory=dict)
    idle: bool = False
    publishers: int = 0
    hints: Sequence[str] = ()
    silence: float = 0.0
    label_silence: float = 0.0
    books: Books = field(default_factory=Books)
    recent: Books = field(default_factory=Books)
    missed_deadlines: int = 0
    recent_missed_deadlines: int = 0
    deadline: float = 0.0
    failures_in_a_row: int = 0
    last_error: str = ""
    priority: int = 0
    max_rate: float = 0.0
    rate_in: float = 0.0
    rate_out: float = 0.0
    latency_ms: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    image: str = ""
    stamp_offset: float = math.nan
    stamps_went_back: int = 0
    max_age: float = 0.0
    image_problems: Sequence[str] = ()
    image_values: Mapping[str, str] = field(default_factory=dict)
    label_problems: Sequence[str] = ()
    label_values: Mapping[str, str] = field(default_factory=dict)
    calibration_problem: str = ""
    qos_mismatches: Sequence[str] = ()
