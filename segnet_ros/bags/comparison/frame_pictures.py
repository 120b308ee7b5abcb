# SPDX-License-Identifier: Apache-2.0
"""Frames on which two models differ, read and segmented again to be shown."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

from segnet_ros.bags.comparison.model_pair import ModelPair, PairChoice, PairedFrame
from segnet_ros.bags.recorded import Fault
from segnet_ros.bags.windows import Window
from segnet_ros.bags.work import Advance, Outcome, Task
from segnet_ros.evaluation.frame_pictures import FramePictures, draw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segnet_ros.evaluation.comparison import DifferingFrame


def tasks_of(frames: Sequence[DifferingFrame]) -> list[Task]:
    """One for each frame: a window of its time alone, with the frame's place as its index."""
    times = [each.frame.time_ns for each in frames]
    return [
        Task(each.bag, Window(index, time, time + 1))
        for index, (each, time) in enumerate(zip(frames, times, strict=True))
    ]


@dataclass(frozen=True)
class PictureJob:
    """Make the pictures of `tasks_of`; None of a frame that cannot be read any more.

    Attributes:
        choice: As for `CompareJob`.
        frames: What is wanted.

    """

    choice: PairChoice
    frames: tuple[DifferingFrame, ...]

    def start(self) -> PictureWorker:
        """Load both models."""
        return PictureWorker(ModelPair(self.choice), self.frames)


class PictureWorker:
    """See `Worker`."""

    def __init__(self, pair: ModelPair, frames: Sequence[DifferingFrame]) -> None:
        self._pair = pair
        self._frames = frames

    def work(self, task: Task, advance: Advance) -> Outcome[FramePictures | None]:
        """See `Worker.work`."""
        wanted = self._frames[task.window.index]
        with closing(self._pair.frames(task)) as items:
            frame = next((item for item in items if _is(item, wanted)), None)
        if frame is None:
            return Outcome(task, 0, (), None)
        advance(1)
        return Outcome(task, 1, (), draw(frame.a, frame.b, self._pair.classes))

    def close(self) -> None:
        """See `Worker.close`."""
        self._pair.close()


def _is(item: PairedFrame | Fault, wanted: DifferingFrame) -> TypeGuard[PairedFrame]:
    if isinstance(item, Fault):
        return False
    found = item.picture.message.topic, item.picture.stamp_ns
    return found == (wanted.topic, wanted.frame.stamp_ns)
