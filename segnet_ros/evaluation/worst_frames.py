# SPDX-License-Identifier: Apache-2.0
"""Which frames to look at first where two models differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segnet_ros.evaluation.comparison import ComparedCamera, ComparedFrame, DifferingFrame, Event

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LEAST_DISTANCE_NS = 2_000_000_000
"""Frames of one camera are chosen at least so far apart: neighbours show the same scene."""

_FROZEN = "frozen"
_HIDING = (_FROZEN, "black", "overexposed", "blurred")


def worst_frames(cameras: Sequence[ComparedCamera], count: int) -> list[DifferingFrame]:
    """Choose the frames with the lowest agreement, the lowest first.

    Frames on which the models agree altogether are none of them, nor are black, overexposed and
    blurred ones; while a camera is frozen, its first frame stands for all.

    Args:
        cameras: Of all recordings.
        count: How many at most.

    """
    chosen: list[DifferingFrame] = []
    # Sorting is stable: of equals the earlier one comes first.
    for candidate in sorted(_candidates(cameras), key=lambda each: each.frame.agreement):
        if len(chosen) == count:
            break
        if not any(_same_scene(candidate, other) for other in chosen):
            chosen.append(candidate)
    return chosen


def _candidates(cameras: Sequence[ComparedCamera]) -> Iterator[DifferingFrame]:
    for camera in cameras:
        for frame in _of_scenes(camera):
            if frame.agreement < 1:
                yield DifferingFrame(camera.bag, camera.topic, camera.start_ns, frame)


def _of_scenes(camera: ComparedCamera) -> Iterator[ComparedFrame]:
    """Frames that show something, and something new."""
    hidden = [event for event in camera.events if event.kind in _HIDING]
    for frame in camera.frames:
        if not any(_hides(event, frame) for event in hidden):
            yield frame


def _hides(event: Event, frame: ComparedFrame) -> bool:
    if event.kind == _FROZEN:
        return event.begin_ns < frame.time_ns <= event.end_ns
    return event.begin_ns <= frame.time_ns <= event.end_ns


def _same_scene(one: DifferingFrame, other: DifferingFrame) -> bool:
    distance = abs(one.frame.time_ns - other.frame.time_ns)
    return (one.bag, one.topic) == (other.bag, other.topic) and distance < LEAST_DISTANCE_NS
