# SPDX-License-Identifier: Apache-2.0
"""Score the frames of recordings, a window at a time."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.image_topics import choose_image_topics
from segnet_ros.bags.last_recording import LastRecording
from segnet_ros.bags.mining.descriptor import describe
from segnet_ros.bags.mining.frame_scores import FrameScores, confidence_scores, disagreement
from segnet_ros.bags.mining.mining import ScoredFrame
from segnet_ros.bags.pictures import read_pictures
from segnet_ros.bags.recorded import Fault
from segnet_ros.bags.segmenting import SegmentedPicture, segment_pictures
from segnet_ros.bags.steps import LONGEST_STEP_NS
from segnet_ros.bags.work import Advance, Outcome, Task
from segnet_ros.evaluation.agreement import pair_classes
from segnet_ros.evaluation.flicker import flicker
from segnet_ros.inference.preprocessing import resize_image

if TYPE_CHECKING:
    from segnet_ros.bags.model_choice import ModelChoice
    from segnet_ros.inference.segmenter import Segmenter

Pixels = npt.NDArray[np.uint8]
Scored = tuple[ScoredFrame, ...]


@dataclass(frozen=True)
class MineJob:
    """Scores frames by what a model makes of them.

    Attributes:
        model: Whose labels are to be improved.
        against: Another one, for the disagreement; None for none.
        criteria: Names from `CRITERIA`. What none of them needs is not computed.
        unsure: Labels with a lower confidence, 0..1, are unsure.
        topics: Image topics; see `choose_image_topics`.
        all_images: Whether every image topic is wanted.

    """

    model: ModelChoice
    against: ModelChoice | None
    criteria: tuple[str, ...]
    unsure: float
    topics: tuple[str, ...] = ()
    all_images: bool = False

    def start(self) -> MineWorker:
        """Load the models in this process.

        Raises:
            InferenceError: one cannot be used.
            AgreementError: the two have no class in common.
            BagError: the model does not tell its uncertainty, which is wanted.

        """
        return MineWorker(self)


class MineWorker:
    """Scores windows, one after the other. See `Worker`."""

    def __init__(self, job: MineJob) -> None:
        self._job = job
        self._flicker = "flicker" in job.criteria
        self._recordings = LastRecording()
        choices = [job.model, job.against] if job.against else [job.model]
        with ExitStack() as opened:
            self._models = [_load(choice, opened) for choice in choices]
            self._check()
            self._classes = pair_classes(
                self._models[0].model.classes, self._models[-1].model.classes
            )
            self._opened = opened.pop_all()
        sizes = {each.model.size for each in self._models}
        self._network_size = sizes.pop() if len(sizes) == 1 else None

    def _check(self) -> None:
        model = self._models[0]
        if "uncertainty" in self._job.criteria and not model.bayesian:
            msg = (
                f"{model.model.name} does not tell its uncertainty; expected a Bayesian model. "
                "Leave uncertainty out of --by, or choose such a model"
            )
            raise BagError(msg)

    def work(self, task: Task, advance: Advance) -> Outcome[Scored]:
        """See `Worker.work`."""
        recording = self._recordings.open(task.bag)
        job = self._job
        pictures = read_pictures(
            recording,
            choose_image_topics(recording.topics, job.topics, job.all_images, task.bag),
            task.window,
            lead_ns=LONGEST_STEP_NS if self._flicker else 0,
            network_size=self._network_size,
        )
        scored: list[ScoredFrame] = []
        faults: list[Fault] = []
        before: dict[str, SegmentedPicture] = {}
        for item in segment_pictures(pictures, [model.segment_all for model in self._models]):
            if isinstance(item, Fault):
                faults.append(item)
            elif isinstance(item, SegmentedPicture):
                topic = item.picture.message.topic
                if not item.picture.leads:
                    scored.append(self._scored(task.bag, before.get(topic), item))
                    advance(1)
                if self._flicker:
                    before[topic] = item
        return Outcome(task, len(scored), tuple(faults), tuple(scored))

    def _scored(
        self, bag: str, before: SegmentedPicture | None, frame: SegmentedPicture
    ) -> ScoredFrame:
        picture = frame.picture
        return ScoredFrame(
            bag=bag,
            topic=picture.message.topic,
            time_ns=picture.message.time_ns,
            stamp_ns=picture.stamp_ns,
            scores=self._scores(before, frame),
            descriptor=describe(picture.image).tobytes(),
        )

    def _scores(self, before: SegmentedPicture | None, frame: SegmentedPicture) -> FrameScores:
        prediction, *others = [each.prediction for each in frame.segmentations]
        scores = confidence_scores(prediction, self._job.unsure)
        for other in others:
            differing = disagreement(prediction, other, self._classes)
            scores = scores._replace(disagreement=differing)
        if before is not None and _follow(before, frame):
            scores = scores._replace(flicker=_flicker_rate(before, frame))
        return scores

    def close(self) -> None:
        """Free the models and the recording."""
        self._recordings.close()
        self._opened.close()


def _load(choice: ModelChoice, opened: ExitStack) -> Segmenter:
    segmenter = choice.load().model.segmenter
    opened.callback(segmenter.close)
    return segmenter


def _follow(before: SegmentedPicture, frame: SegmentedPicture) -> bool:
    step = frame.picture.message.time_ns - before.picture.message.time_ns
    return step <= LONGEST_STEP_NS


def _flicker_rate(before: SegmentedPicture, frame: SegmentedPicture) -> float:
    """Share of the labels that changed, of those whose motion is known; NaN if none is."""
    both = (before, frame)
    labels = [each.segmentations[0].prediction.labels for each in both]
    found = flicker(*map(_network_input, both), *labels)
    return found.changed / found.compared if found.compared else float("nan")


def _network_input(frame: SegmentedPicture) -> Pixels:
    """The picture at the first model's size."""
    if frame.picture.network_input is not None:
        return frame.picture.network_input
    height, width = frame.segmentations[0].prediction.labels.shape
    return resize_image(frame.picture.image, (width, height))
