# SPDX-License-Identifier: Apache-2.0
"""Compare two models on recordings, a window at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from segnet_ros.bags.comparison.model_pair import ModelPair, PairChoice, PairedFrame
from segnet_ros.bags.recorded import Fault
from segnet_ros.bags.work import Advance, Outcome, Task
from segnet_ros.evaluation.agreement import (
    Agreement,
    AgreementCounts,
    PairedClasses,
    agreement,
    count_agreement,
)
from segnet_ros.evaluation.comparison import ComparedFrame
from segnet_ros.health.image_look import ImageLook, look_at_image

if TYPE_CHECKING:
    from segnet_ros.bags.pictures import Picture

_SECOND_NS = 1e9


@dataclass
class CameraWindow:
    """What a window shows of one camera.

    Attributes:
        counts: Of its frames.
        frames: In the order of recording.
        looks: At its pictures, likewise; times are since the recording's begin.

    """

    counts: AgreementCounts
    frames: list[ComparedFrame] = field(default_factory=list)
    looks: list[ImageLook] = field(default_factory=list)


@dataclass(frozen=True)
class WindowComparison:
    """The value of a task. Can be pickled.

    Attributes:
        facts: Provenance of A and of B.
        classes: Of both.
        size: Of the label maps compared; see `ModelPair`.
        start_ns: Where the recording begins, nanoseconds since 1970.
        cameras: By topic.

    """

    facts: tuple[dict[str, str], dict[str, str]]
    classes: PairedClasses
    size: tuple[int, int] | None
    start_ns: int
    cameras: dict[str, CameraWindow]


@dataclass(frozen=True)
class CompareJob:
    """Compare what is published of two models.

    Attributes:
        choice: Of models and topics.

    """

    choice: PairChoice

    def start(self) -> CompareWorker:
        """Load both models."""
        return CompareWorker(ModelPair(self.choice))


class CompareWorker:
    """See `Worker`."""

    def __init__(self, pair: ModelPair) -> None:
        self._pair = pair

    def work(self, task: Task, advance: Advance) -> Outcome[WindowComparison]:
        """See `Worker.work`."""
        pair = self._pair
        start_ns = pair.recording(task.bag).start_ns
        value = WindowComparison(pair.facts, pair.classes, pair.size, start_ns, {})
        faults = []
        for item in pair.frames(task):
            if isinstance(item, Fault):
                faults.append(item)
            else:
                _add(item, value)
                advance(1)
        frames = sum(len(camera.frames) for camera in value.cameras.values())
        return Outcome(task, frames, tuple(faults), value)

    def close(self) -> None:
        """See `Worker.close`."""
        self._pair.close()


def _add(frame: PairedFrame, found: WindowComparison) -> None:
    picture, classes = frame.picture, found.classes
    nothing = CameraWindow(AgreementCounts.none(len(classes.classes)))
    camera = found.cameras.setdefault(picture.message.topic, nothing)
    a, b = frame.predictions(network_size=found.size is not None)
    counts = count_agreement(a, b, classes)
    camera.counts += counts
    camera.frames.append(_row(picture, agreement(counts, classes)))
    time = (picture.message.time_ns - found.start_ns) / _SECOND_NS
    camera.looks.append(look_at_image(picture.image, time))


def _row(picture: Picture, found: Agreement) -> ComparedFrame:
    return ComparedFrame(
        time_ns=picture.message.time_ns,
        stamp_ns=picture.stamp_ns,
        agreement=found.agreement,
        miou=found.miou,
        certain_disagreement=found.certain_disagreement,
        inside_disagreement=found.inside_disagreement,
    )
