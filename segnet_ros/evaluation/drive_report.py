# SPDX-License-Identifier: Apache-2.0
"""What recorded drives were like for a segmentation model: all that a report says of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from segnet_ros.evaluation.frame_times import FrameTimes
from segnet_ros.inference.model import SegmentationClass

FORMAT = 1
"""Of `DriveReport.as_dict`."""

UNLABELLED = SegmentationClass("unlabelled", (0, 0, 0))
"""Stands for pixels without a class, after all classes."""


@dataclass(frozen=True)
class Event:
    """Something wrong with a camera or its labels, from when to when.

    Attributes:
        kind: "frozen", "black", "overexposed", "blurred", "class histogram drift", "confidence
            collapse" or "no drivable area".
        begin: Seconds since the start of the recording.
        end: When it was last seen; seconds since the start.
        value: The worst one: frozen and no drivable area, seconds; black and overexposed, share of
            the pixels; blurred, sharpness; drift, half the sum of the differences of the classes'
            shares; collapse, confidence lost.
        worst_ns: When the frame with it was recorded, nanoseconds since 1970.
        text: What was found there, and what to check.

    """

    kind: str
    begin: float
    end: float
    value: float
    worst_ns: int
    text: str


@dataclass(frozen=True)
class FlickerMoment:
    """A frame whose labels differ much from those of the frame before.

    Attributes:
        at: Seconds since the start of the recording.
        time_ns: When it was recorded, nanoseconds since 1970.
        rate: Share of the compared pixels that have changed.

    """

    at: float
    time_ns: int
    rate: float


@dataclass(frozen=True)
class Timeline:
    """A camera over time, in steps of equal length; steps without a frame are left out.

    Attributes:
        step: Seconds.
        begin: Of each step, seconds since the start of the recording.
        frame_ns: When its first frame was recorded, nanoseconds since 1970.
        frames: In the step.
        rate: Frames per second, from the recorded times between them; NaN where unknown.
        confidence: Mean, 0..1.
        flicker: Share of the compared pixels that have changed; NaN where less than a fifth of the
            pixels could be compared.
        shares: Of the pixels, 0..1, by class.

    """

    step: float
    begin: Sequence[float]
    frame_ns: Sequence[int]
    frames: Sequence[int]
    rate: Sequence[float]
    confidence: Sequence[float]
    flicker: Sequence[float]
    shares: Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class FlickerSummary:
    """Temporal consistency; see `flicker`.

    Attributes:
        rate: Share of the compared pixels that have changed; NaN if none were compared.
        compared: Share of the pixels that were compared, in frames that have a predecessor.
        pairs: Frames that have a predecessor, at most a second before them.
        stability: By class, share of its compared pixels that keep it in the next frame; NaN of
            classes that were not seen.
        worst: Frames with the highest rates, at least two seconds apart.

    """

    rate: float
    compared: float
    pairs: int
    stability: Mapping[str, float]
    worst: Sequence[FlickerMoment]


@dataclass(frozen=True)
class CameraDrive:
    """What one camera saw.

    Attributes:
        topic: Of its images.
        name: Empty for a single camera.
        frames: That could be decoded.
        shares: Of the pixels, 0..1, by class.
        confidence: Mean over all pixels, 0..1; NaN without frames.
        flicker: Temporal consistency.
        times: Rate and gaps.
        events: By their begin.
        timeline: All of it over time.

    """

    topic: str
    name: str
    frames: int
    shares: Mapping[str, float]
    confidence: float
    flicker: FlickerSummary
    times: FrameTimes
    events: Sequence[Event]
    timeline: Timeline


@dataclass(frozen=True)
class Skipped:
    """What could not be read.

    Attributes:
        topic: Empty if unknown.
        at: When the first of it was recorded, seconds since the start; None if unknown.
        lost: Messages; 0 if unknown.
        reason: In words.

    """

    topic: str
    at: float | None
    lost: int
    reason: str


@dataclass(frozen=True)
class Drive:
    """A recording.

    Attributes:
        bag: Path or URL.
        start_ns: Of the first message, nanoseconds since 1970.
        seconds: From the first message to the last one.
        cameras: By topic.
        skipped: In the order of recording.

    """

    bag: str
    start_ns: int
    seconds: float
    cameras: Sequence[CameraDrive]
    skipped: Sequence[Skipped]


@dataclass(frozen=True)
class Speed:
    """How fast the report was made; differs from run to run.

    Attributes:
        frames_per_second: Of one worker, while it worked.
        stages_ms: Median and 95th percentile over the frames, milliseconds, of `decode` (in
            threads), `inference` (what the pipeline waited for it, as it overlaps the rest),
            `flicker` and `frame` (from one to the next).

    """

    frames_per_second: float
    stages_ms: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class DriveReport:
    """Some drives, seen by one model.

    Attributes:
        made_by: Model, sha256, runtime, precision, taxonomy, version of this package.
        classes: What is published, in order; `UNLABELLED` follows them in all figures.
        drives: At least one.
        speed: Not part of what was found.

    """

    made_by: Mapping[str, str]
    classes: Sequence[SegmentationClass]
    drives: Sequence[Drive]
    speed: Speed = field(compare=False)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, with null for NaN.

        Keys are the attributes' names: format, made_by, classes (names) and drives are the same
        whenever and by however many workers the recordings are worked on; speed is not.
        """
        return {
            "format": FORMAT,
            "made_by": dict(self.made_by),
            "classes": [item.name for item in self.classes],
            "drives": [_plain(asdict(drive)) for drive in self.drives],
            "speed": _plain(asdict(self.speed)),
        }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
