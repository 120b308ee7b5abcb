# SPDX-License-Identifier: Apache-2.0
"""Everything that is found when two models see the same recordings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from operator import add
from typing import Any

from segnet_ros.evaluation.agreement import (
    BORDER,
    Agreement,
    AgreementCounts,
    PairedClasses,
    agreement,
)

FORMAT = 1
"""Of `Comparison.as_dict`."""

Facts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ComparedFrame:
    """One frame. Shares are those of `Agreement`, 0..1, and NaN of nothing.

    Attributes:
        time_ns: When it was recorded, nanoseconds since 1970.
        stamp_ns: Of its header, nanoseconds.
        agreement: Of pixels.
        miou: Over the classes that either model shows in this frame.
        certain_disagreement: Weighted with confidence.
        inside_disagreement: Away from the borders between A's labels.

    """

    time_ns: int
    stamp_ns: int
    agreement: float
    miou: float
    certain_disagreement: float
    inside_disagreement: float


@dataclass(frozen=True)
class Event:
    """Something wrong with a camera's pictures, or with the recording of them.

    Attributes:
        kind: "frozen", "black", "overexposed" or "blurred"; "lost" for what cannot be read.
        begin_ns: When it began, nanoseconds since 1970.
        end_ns: When it was last seen.
        text: In words.

    """

    kind: str
    begin_ns: int
    end_ns: int
    text: str


@dataclass(frozen=True)
class Skipped:
    """What a recording holds but cannot be read.

    Attributes:
        bag: Path or URL; empty of what was found on opening.
        topic: Full name; empty if unknown.
        time_ns: When the first of it was recorded, nanoseconds since 1970; None if unknown.
        lost: Messages; 0 if unknown.
        reason: In words.

    """

    bag: str
    topic: str
    time_ns: int | None
    lost: int
    reason: str


@dataclass(frozen=True, eq=False)
class ComparedCamera:
    """One camera of one recording.

    Attributes:
        bag: Path or URL.
        topic: Full name.
        start_ns: Where the recording begins, nanoseconds since 1970.
        counts: Of all its frames.
        frames: In the order of recording.
        events: By their begin.

    """

    bag: str
    topic: str
    start_ns: int
    counts: AgreementCounts
    frames: Sequence[ComparedFrame]
    events: Sequence[Event]

    def as_dict(self, classes: PairedClasses) -> dict[str, Any]:
        """Plain values for JSON; see `Comparison.as_dict`."""
        columns = ComparedFrame.__slots__
        return {
            "bag": self.bag,
            "topic": self.topic,
            "start_ns": self.start_ns,
            "frames": len(self.frames),
            **_measures(self.counts, classes),
            "events": [asdict(event) for event in self.events],
            "timeline": {
                name: [_known(getattr(frame, name)) for frame in self.frames] for name in columns
            },
        }


@dataclass(frozen=True)
class DifferingFrame:
    """A frame on which the models differ much, and where to find it.

    Attributes:
        bag: Path or URL.
        topic: Full name.
        start_ns: Where the recording begins, nanoseconds since 1970.
        frame: Its figures.

    """

    bag: str
    topic: str
    start_ns: int
    frame: ComparedFrame

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON: bag, topic, and what `ComparedFrame` has."""
        facts = {key: _known(value) for key, value in asdict(self.frame).items()}
        return {"bag": self.bag, "topic": self.topic, **facts}


@dataclass(frozen=True, eq=False)
class Comparison:
    """Models A and B on the same frames.

    Attributes:
        models: Provenance of A and of B; several where a fleet's machines differ in runtime.
        classes: Of both.
        size: (width, height) of the label maps compared, pixels; None for each camera's own.
        cameras: In the order of the recordings, each recording's by topic.
        skipped: In the order of the recordings.

    """

    models: tuple[Sequence[Facts], Sequence[Facts]]
    classes: PairedClasses
    size: tuple[int, int] | None
    cameras: Sequence[ComparedCamera]
    skipped: Sequence[Skipped]

    @property
    def frames(self) -> int:
        """Of all cameras."""
        return sum(len(camera.frames) for camera in self.cameras)

    @property
    def counts(self) -> AgreementCounts:
        """Of all cameras together."""
        nothing = AgreementCounts.none(len(self.classes.classes))
        return reduce(add, (camera.counts for camera in self.cameras), nothing)

    @property
    def overall(self) -> Agreement:
        """Of all cameras together."""
        return agreement(self.counts, self.classes)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, with every digit; null stands for what nothing is known of.

        Returns:
            format: 1.
            models: "a" and "b", each a list of provenances: model, sha256 (of model.onnx),
                graph_sha256 (of the graph that ran), runtime, precision, taxonomy,
                confidence_threshold, version (of this package).
            classes: "names" by joint id, "only_a", "only_b": those that one model lacks.
            compared_size: [width, height], pixels; null for the camera's.
            border: Pixels on either side of a border that count as lying at it.
            frames: How many were compared.
            skipped: bag, topic, time_ns, lost (messages), reason of each fault.
            overall: Of all cameras, pixels (all), compared (those of classes that both have, or
                unlabelled), agreement, miou, certain_disagreement, border_pixels,
                border_disagreement, inside_disagreement, share_at_borders: see `Agreement`;
                confidence_a and confidence_b: mean where the models agree and where they differ;
                per_class: by name iou, pixels_a, pixels_b, pixels_both; matrix: pixels by A's
                label (row) and B's (column) in the order of names, unlabelled last.
            cameras: bag, topic, start_ns, frames, the same figures, events (kind, begin_ns, end_ns,
                text), timeline: a list of every frame's value of each of `ComparedFrame`'s facts.

        """
        a, b = self.models
        return {
            "format": FORMAT,
            "models": {"a": [dict(each) for each in a], "b": [dict(each) for each in b]},
            "classes": {
                "names": self.classes.names,
                "only_a": self.classes.only_a,
                "only_b": self.classes.only_b,
            },
            "compared_size": self.size and list(self.size),
            "border": BORDER,
            "frames": self.frames,
            "skipped": [asdict(each) for each in self.skipped],
            "overall": _measures(self.counts, self.classes),
            "cameras": [camera.as_dict(self.classes) for camera in self.cameras],
        }


def _measures(counts: AgreementCounts, classes: PairedClasses) -> dict[str, Any]:
    found = agreement(counts, classes)
    facts = {key: value for key, value in vars(found).items() if key not in ("iou", "confidence")}
    confidence = [dict(zip(("agreeing", "differing"), map(_known, row), strict=True))
                  for row in found.confidence.tolist()]  # fmt: skip
    return {
        **{key: _known(value) for key, value in facts.items()},
        "confidence_a": confidence[0],
        "confidence_b": confidence[1],
        "per_class": _per_class(found, counts, classes),
        "matrix": counts.matrix.tolist(),
    }


def _per_class(
    found: Agreement, counts: AgreementCounts, classes: PairedClasses
) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "iou": _known(float(found.iou[place])),
            "pixels_a": int(counts.matrix[place].sum()),
            "pixels_b": int(counts.matrix[:, place].sum()),
            "pixels_both": int(counts.matrix[place, place]),
        }
        for place, name in enumerate(classes.names)
    }


def _known(value: float) -> float | None:
    """JSON has no NaN."""
    return None if math.isnan(value) else value
