# SPDX-License-Identifier: Apache-2.0
"""The windows of all recordings, compared one by one, put together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from segnet_ros.bags.comparison.camera_events import CameraEvents
from segnet_ros.bags.errors import BagError
from segnet_ros.evaluation.agreement import AgreementCounts
from segnet_ros.evaluation.comparison import (
    ComparedCamera,
    ComparedFrame,
    Comparison,
    Event,
    Facts,
    Skipped,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from segnet_ros.bags.comparison.compare_job import CameraWindow, WindowComparison
    from segnet_ros.bags.recorded import Fault
    from segnet_ros.bags.work import Outcome

LOST = "lost"
"""Kind of the event that something cannot be read."""


def put_together(
    outcomes: Iterable[Outcome[WindowComparison]], faults: Sequence[Fault]
) -> Comparison:
    """Add up what was found in the windows.

    Args:
        outcomes: In the order of the recordings and their windows.
        faults: What was wrong with the recordings on opening.

    Raises:
        BagError: there is no window at all.

    """
    skipped = [_skipped("", fault) for fault in faults]
    models: tuple[list[Facts], list[Facts]] = ([], [])
    bags: dict[str, _Bag] = {}
    newest: WindowComparison | None = None
    for outcome in outcomes:
        newest = outcome.value
        skipped += [_skipped(outcome.task.bag, fault) for fault in outcome.faults]
        _note_models(newest.facts, models)
        bags.setdefault(outcome.task.bag, _Bag(outcome.task.bag, newest.start_ns)).add(newest)
    if newest is None:
        msg = "the recordings hold no messages; expected images; check how they were made"
        raise BagError(msg)
    cameras = [camera for bag in bags.values() for camera in bag.finished(skipped)]
    return Comparison(models, newest.classes, newest.size, cameras, skipped)


def _note_models(facts: Sequence[Facts], known: Sequence[list[Facts]]) -> None:
    for fact, of_model in zip(facts, known, strict=True):
        if fact not in of_model:
            of_model.append(fact)


def _skipped(bag: str, fault: Fault) -> Skipped:
    return Skipped(bag, fault.topic, fault.time_ns, fault.lost, fault.reason)


class _Bag:
    """Adds up the windows of a recording."""

    def __init__(self, name: str, start_ns: int) -> None:
        self._name = name
        self._start_ns = start_ns
        self._cameras: dict[str, _Camera] = {}

    def add(self, window: WindowComparison) -> None:
        for topic, part in window.cameras.items():
            if topic not in self._cameras:
                nothing = AgreementCounts.none(len(window.classes.classes))
                self._cameras[topic] = _Camera(nothing, CameraEvents(self._start_ns))
            self._cameras[topic].add(part)

    def finished(self, skipped: Sequence[Skipped]) -> Iterable[ComparedCamera]:
        for topic, camera in sorted(self._cameras.items()):
            events = [*camera.health.found, *_lost(skipped, self._name, topic)]
            yield ComparedCamera(
                bag=self._name,
                topic=topic,
                start_ns=self._start_ns,
                counts=camera.counts,
                frames=camera.frames,
                events=sorted(events, key=lambda event: event.begin_ns),
            )


@dataclass
class _Camera:
    counts: AgreementCounts
    health: CameraEvents
    frames: list[ComparedFrame] = field(default_factory=list)

    def add(self, window: CameraWindow) -> None:
        self.counts += window.counts
        self.frames += window.frames
        stamps = [frame.stamp_ns for frame in window.frames]
        self.health.judge(zip(stamps, window.looks, strict=True))


def _lost(skipped: Sequence[Skipped], bag: str, topic: str) -> Iterable[Event]:
    """Marks of what is missing of a camera; faults of a whole file may be of any camera."""
    for each in skipped:
        if each.time_ns is not None and each.bag in ("", bag) and each.topic in ("", topic):
            yield Event(LOST, each.time_ns, each.time_ns, each.reason)
