# SPDX-License-Identifier: Apache-2.0
"""From windows that were looked at to the report of a drive."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from segnet_ros.bags.drive.drive_events import HealthWatch
from segnet_ros.evaluation.drive_report import (
    UNLABELLED,
    CameraDrive,
    Drive,
    DriveReport,
    FlickerMoment,
    FlickerSummary,
    Skipped,
    Speed,
    Timeline,
)
from segnet_ros.evaluation.frame_times import frame_times

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from segnet_ros.bags.drive.drive_job import CameraWindow, DriveWindow, SeenFrame, Stopwatch
    from segnet_ros.bags.recorded import Fault
    from segnet_ros.bags.work import Outcome
    from segnet_ros.inference.model import SegmentationClass

_SECOND_NS = 1_000_000_000
_CERTAIN = 255
# Steps of the timeline, nanoseconds, each a multiple of the one before: the shortest one is taken
# that leaves as few steps as a page can show, and holds some frames.
_STEPS = [round(step * _SECOND_NS) for step in (0.2, 1, 5, 10, 30, 60, 300, 600, 3600)]
_MOST_STEPS = 800
_FRAMES_IN_A_STEP = 2
_WORST_MOMENTS = 3
_APART_NS = 2 * _SECOND_NS
# Of a frame of which less could be compared, flicker says little.
_ENOUGH_COMPARED = 0.2


class DriveReduction:
    """Puts the windows of one recording together, in their order.

    Sums are of whole numbers, and frames are judged one after the other: the result does not
    depend on how the recording was cut.

    Args:
        bag: Path or URL.
        start_ns: When the first message was recorded, nanoseconds since 1970.
        stop_ns: Just after the last one.
        faults: What was found wrong on opening.

    Attributes:
        bag: The one given.
        faults: All so far.

    """

    def __init__(self, bag: str, start_ns: int, stop_ns: int, faults: Iterable[Fault]) -> None:
        self.bag = bag
        self._start_ns = start_ns
        self._seconds = (stop_ns - start_ns) / _SECOND_NS
        self.faults = [*faults]
        self._cameras: dict[str, _CameraReduction] = {}
        self._names: Mapping[str, str] = {}

    def add(self, outcome: Outcome[DriveWindow]) -> None:
        """Go on with the next window."""
        window = outcome.value
        self.faults += outcome.faults
        self._names = window.names
        for topic in window.names:
            if topic not in self._cameras:
                self._cameras[topic] = _CameraReduction(
                    self._start_ns, self._seconds, window.classes, window.free
                )
        for topic, camera in window.cameras.items():
            self._cameras[topic].add(camera)

    def result(self) -> Drive:
        """What was found."""
        return Drive(
            bag=self.bag,
            start_ns=self._start_ns,
            seconds=self._seconds,
            cameras=[
                self._cameras[topic].result(topic, name)
                for topic, name in sorted(self._names.items())
            ],
            skipped=[self._skipped(fault) for fault in self.faults],
        )

    def _skipped(self, fault: Fault) -> Skipped:
        at = None if fault.time_ns is None else (fault.time_ns - self._start_ns) / _SECOND_NS
        return Skipped(fault.topic, at, fault.lost, fault.reason)


class _CameraReduction:
    def __init__(
        self,
        start_ns: int,
        seconds: float,
        classes: Sequence[SegmentationClass],
        free: frozenset[int],
    ) -> None:
        self._start_ns = start_ns
        self._seconds = seconds
        self._names = [item.name for item in (*classes, UNLABELLED)]
        self._step_ns = _shortest_step(seconds, 0.0)
        self._steps: dict[int, _Sums] = {}
        self._seen = np.zeros(len(self._names), np.int64)
        self._kept = np.zeros(len(self._names), np.int64)
        self._stamps: list[int] = []
        self._times: list[int] = []
        self._health = HealthWatch(classes, free)

    def add(self, window: CameraWindow) -> None:
        self._seen += window.seen
        self._kept += window.kept
        for frame in window.frames:
            self._add(frame)

    def _add(self, frame: SeenFrame) -> None:
        time_ns = frame.time_ns - self._start_ns
        interval_ns = time_ns - self._times[-1] if self._times else 0
        sums = self._steps.setdefault(time_ns // self._step_ns, self._no_sums())
        sums.merge(_sums_of(frame, interval_ns))
        self._stamps.append(frame.stamp_ns)
        self._times.append(time_ns)
        self._health.watch(frame)

    def _no_sums(self) -> _Sums:
        return _Sums(np.zeros(len(self._names), np.int64))

    def result(self, topic: str, name: str) -> CameraDrive:
        times = frame_times(np.array(self._stamps, np.int64), np.array(self._times, np.int64))
        total = self._merged(sys.maxsize).get(0, self._no_sums())
        return CameraDrive(
            topic=topic,
            name=name,
            frames=total.frames,
            shares=dict(zip(self._names, total.shares.tolist(), strict=True)),
            confidence=total.confidence,
            flicker=self._flicker(total),
            times=times,
            events=self._health.events,
            timeline=self._timeline(_shortest_step(self._seconds, times.rate)),
        )

    def _merged(self, step_ns: int) -> dict[int, _Sums]:
        """The steps put together to longer ones."""
        merged: dict[int, _Sums] = {}
        for place, sums in self._steps.items():
            longer = place * self._step_ns // step_ns
            merged.setdefault(longer, self._no_sums()).merge(sums)
        return merged

    def _flicker(self, total: _Sums) -> FlickerSummary:
        stability = np.where(self._seen > 0, self._kept / np.maximum(self._seen, 1), math.nan)
        return FlickerSummary(
            rate=total.flicker,
            compared=_ratio(total.compared, total.comparable),
            pairs=total.pairs,
            stability=dict(zip(self._names, stability.tolist(), strict=True)),
            worst=self._worst_moments(),
        )

    def _worst_moments(self) -> list[FlickerMoment]:
        chosen: list[tuple[float, int]] = []
        for rate, time_ns in sorted(
            (sums.worst for sums in self._steps.values() if sums.worst),
            key=lambda moment: (-moment[0], moment[1]),
        ):
            if all(abs(time_ns - other) >= _APART_NS for _, other in chosen):
                chosen.append((rate, time_ns))
        return [
            FlickerMoment((time_ns - self._start_ns) / _SECOND_NS, time_ns, rate)
            for rate, time_ns in chosen[:_WORST_MOMENTS]
        ]

    def _timeline(self, step_ns: int) -> Timeline:
        merged = self._merged(step_ns)
        steps = list(merged.values())
        shares = np.array([sums.shares for sums in steps]).reshape(len(steps), len(self._names))
        return Timeline(
            step=step_ns / _SECOND_NS,
            begin=[place * step_ns / _SECOND_NS for place in merged],
            frame_ns=[sums.first_ns for sums in steps],
            frames=[sums.frames for sums in steps],
            rate=[_ratio(sums.intervals, sums.intervals_ns / _SECOND_NS) for sums in steps],
            confidence=[sums.confidence for sums in steps],
            flicker=[sums.flicker if sums.tells_flicker else math.nan for sums in steps],
            shares=dict(zip(self._names, shares.T.tolist(), strict=True)),
        )


@dataclass
class _Sums:
    """Of some frames in the order of recording; whole numbers, so that grouping does not matter."""

    counts: npt.NDArray[np.int64]
    first_ns: int = 0
    frames: int = 0
    certainty: int = 0
    intervals: int = 0
    intervals_ns: int = 0
    pairs: int = 0
    comparable: int = 0
    compared: int = 0
    changed: int = 0
    worst: tuple[float, int] | None = None

    def merge(self, later: _Sums) -> None:
        self.first_ns = self.first_ns if self.frames else later.first_ns
        self.counts += later.counts
        self.frames += later.frames
        self.certainty += later.certainty
        self.intervals += later.intervals
        self.intervals_ns += later.intervals_ns
        self.pairs += later.pairs
        self.comparable += later.comparable
        self.compared += later.compared
        self.changed += later.changed
        if later.worst and (self.worst is None or later.worst[0] > self.worst[0]):
            self.worst = later.worst

    @property
    def shares(self) -> npt.NDArray[np.float64]:
        pixels = self.counts.sum()
        return self.counts / pixels if pixels else np.full(len(self.counts), math.nan)

    @property
    def confidence(self) -> float:
        return _ratio(self.certainty, _CERTAIN * int(self.counts.sum()))

    @property
    def flicker(self) -> float:
        return _ratio(self.changed, self.compared)

    @property
    def tells_flicker(self) -> bool:
        return self.compared >= _ENOUGH_COMPARED * self.comparable


def _sums_of(frame: SeenFrame, interval_ns: int) -> _Sums:
    sums = _Sums(
        counts=np.array(frame.counts, np.int64),
        first_ns=frame.time_ns,
        frames=1,
        certainty=frame.confidence,
        intervals=int(interval_ns > 0),
        intervals_ns=interval_ns,
    )
    if frame.compared is not None:
        sums.pairs, sums.comparable = 1, sum(frame.counts)
        sums.compared, sums.changed = frame.compared, frame.changed
        if frame.compared and sums.tells_flicker:
            sums.worst = sums.flicker, frame.time_ns
    return sums


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else math.nan


def _shortest_step(seconds: float, rate: float) -> int:
    """Of a timeline, nanoseconds; a rate of 0 or NaN is unknown."""
    by_rate = _FRAMES_IN_A_STEP / rate if rate > 0 else 0.0
    least_ns = max(seconds / _MOST_STEPS, by_rate) * _SECOND_NS
    return next((step for step in _STEPS if step >= least_ns), _STEPS[-1])


def report_on(
    recordings: Sequence[DriveReduction], outcomes: Iterable[Outcome[DriveWindow]]
) -> DriveReport:
    """Put everything together.

    Args:
        recordings: At least one, each with a window or more.
        outcomes: Of all windows; those of a recording in order.

    """
    by_bag = {recording.bag: recording for recording in recordings}
    watches: list[Stopwatch] = []
    first: DriveWindow | None = None
    for outcome in outcomes:
        by_bag[outcome.task.bag].add(outcome)
        watches.append(outcome.value.speed)
        first = first or outcome.value
    assert first is not None, "recordings without windows"
    return DriveReport(
        made_by=first.made_by,
        classes=first.classes,
        drives=[recording.result() for recording in recordings],
        speed=_speed(watches),
    )


def _speed(watches: Sequence[Stopwatch]) -> Speed:
    """Reduce what was timed; NaN without frames."""
    stages = {
        name: [seconds for watch in watches for seconds in getattr(watch, name)]
        for name in ("decode", "inference", "flicker", "frame")
    }
    frames = stages["frame"]
    return Speed(
        frames_per_second=_ratio(len(frames), sum(frames)),
        stages_ms={name: _median_and_p95(seconds) for name, seconds in stages.items()},
    )


def _median_and_p95(seconds: Sequence[float]) -> tuple[float, float]:
    if not seconds:
        return math.nan, math.nan
    median, high = np.percentile(np.array(seconds) * 1000, (50, 95)).tolist()
    return median, high
