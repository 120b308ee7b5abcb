# SPDX-License-Identifier: Apache-2.0
"""Moments of recordings, read and segmented again to be shown."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from segnet_ros.bags.last_recording import LastRecording
from segnet_ros.bags.pictures import read_pictures
from segnet_ros.bags.segmenting import segment_pictures
from segnet_ros.bags.steps import LONGEST_STEP_NS, Step, steps
from segnet_ros.bags.windows import Window
from segnet_ros.bags.work import Advance, Outcome, Task
from segnet_ros.evaluation.drive_pictures import Moment, MomentPictures, draw_moment
from segnet_ros.evaluation.flicker import flicker

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from segnet_ros.bags.model_choice import ModelChoice
    from segnet_ros.inference.labelling import Labelling


def tasks_of(moments: Sequence[Moment]) -> list[Task]:
    """One for each moment: a window of its time alone, with the moment's place as its index."""
    return [
        Task(each.bag, Window(index, each.time_ns, each.time_ns + 1))
        for index, each in enumerate(moments)
    ]


@dataclass(frozen=True)
class MomentsJob:
    """Make the pictures of `tasks_of`; None of a frame that cannot be read any more.

    Attributes:
        choice: The model.
        moments: What is wanted.

    """

    choice: ModelChoice
    moments: tuple[Moment, ...]

    def start(self) -> MomentsWorker:
        """Load the model in this process."""
        return MomentsWorker(self.choice.load(), self.moments)


class MomentsWorker:
    """See `Worker`."""

    def __init__(self, labelling: Labelling, moments: Sequence[Moment]) -> None:
        self._labelling = labelling
        self._moments = moments
        self._recordings = LastRecording()

    def work(self, task: Task, advance: Advance) -> Outcome[MomentPictures | None]:
        """See `Worker.work`."""
        with closing(self._steps(task)) as found:
            step = next(found, None)
        if step is None:
            return Outcome(task, 0, (), None)
        advance(1)
        return Outcome(task, 1, (), _draw(step))

    def _steps(self, task: Task) -> Generator[Step, None, None]:
        segmenter = self._labelling.model.segmenter
        pictures = read_pictures(
            self._recordings.open(task.bag),
            [self._moments[task.window.index].topic],
            task.window,
            lead_ns=LONGEST_STEP_NS,
            network_size=segmenter.model.size,
        )
        segmented = segment_pictures(pictures, [segmenter.segment_all])
        for item in steps(segmented, self._labelling, compare=True):
            if isinstance(item, Step):
                yield item

    def close(self) -> None:
        """Free the model and the recording."""
        self._recordings.close()
        self._labelling.model.retire()


def _draw(step: Step) -> MomentPictures:
    changed = None
    if step.before is not None:
        before, now = step.before, step.now
        labels = [each.segmentation.prediction.labels for each in (before, now)]
        changed = flicker(before.network_input, now.network_input, *labels).mask
    return draw_moment(step.now.segmentation, changed)
