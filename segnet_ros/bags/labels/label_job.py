# SPDX-License-Identifier: Apache-2.0
"""Label the camera frames of recordings, a window at a time."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from segnet_ros.bags.ahead import map_ahead
from segnet_ros.bags.labels.label_encoding import LabelEncoder
from segnet_ros.bags.labels.label_messages import info_messages
from segnet_ros.bags.labels.label_plan import LabelOptions, LabelPlan, plan_labels
from segnet_ros.bags.labels.label_segment import LabelItem, LabelledFrame, LabelSegment, Segment
from segnet_ros.bags.labels.provenance import model_info_of, provenance, recording_name
from segnet_ros.bags.pictures import read_pictures
from segnet_ros.bags.places import join
from segnet_ros.bags.recorded import Fault, RecordedMessage
from segnet_ros.bags.recording import Recording
from segnet_ros.bags.segmenting import segment_pictures
from segnet_ros.bags.steps import LONGEST_STEP_NS, Step, steps
from segnet_ros.bags.work import Advance, Outcome, Task
from segnet_ros.bags.writing.bag_folder import segment_name
from segnet_ros.inference.rendering import Style

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from segnet_ros.bags.model_choice import ModelChoice
    from segnet_ros.bags.windows import Window

_ENCODE_THREADS = os.cpu_count() or 1
_ENCODE_AHEAD = 2 * _ENCODE_THREADS
_WRITE_AHEAD = 4


@dataclass(frozen=True)
class Destination:
    """Where the labels of a recording go.

    Attributes:
        location: Path or URL of the labelled recording.
        staging: The same of the folder where its files are put.

    """

    location: str
    staging: str


@dataclass(frozen=True)
class LabelJob:
    """Labels recordings with one model; each window becomes a file.

    Attributes:
        choice: The model.
        options: What is written.
        destinations: By recording.

    """

    choice: ModelChoice
    options: LabelOptions
    destinations: Mapping[str, Destination]

    def start(self) -> LabelWorker:
        """Load the model in this process.

        Raises:
            InferenceError: it cannot be used.
            BagError: it cannot tell what is wanted.

        """
        return LabelWorker(self)


class LabelWorker:
    """Labels windows, one after the other. See `Worker`."""

    def __init__(self, job: LabelJob) -> None:
        self._job = job
        self._labelling = job.choice.load()
        segmenter = self._labelling.model.segmenter
        try:
            self._outputs = job.options.chosen_outputs(segmenter.model.name, segmenter.bayesian)
        except BaseException:
            segmenter.close()
            raise
        self._opened: tuple[Recording, LabelPlan] | None = None

    def work(self, task: Task, advance: Advance) -> Outcome[Segment]:
        """See `Worker.work`."""
        recording, plan = self._open(task.bag)
        frames = 0
        faults: list[Fault] = []
        with (
            self._segment(task, plan) as segment,
            closing(self._labelled(recording, task.window, plan)) as items,
            # A single thread writes in order, while this one drives the engine.
            closing(map_ahead(segment.put, items, 1, _WRITE_AHEAD)) as written,
        ):
            for item in written:
                if isinstance(item, Fault):
                    faults.append(item)
                elif isinstance(item, LabelledFrame):
                    frames += 1
                    advance(1)
        return Outcome(task, frames, tuple(faults), segment.summary())

    def close(self) -> None:
        """Free the model and the recording."""
        self._close_recording()
        self._labelling.model.retire()

    def _open(self, bag: str) -> tuple[Recording, LabelPlan]:
        """The recording opened last, if it is still the same: its tasks follow each other."""
        if self._opened is None or self._opened[0].location != bag:
            self._close_recording()
            recording = Recording(bag)
            self._opened = recording, plan_labels(recording, self._job.options, self._outputs)
        return self._opened

    def _close_recording(self) -> None:
        if self._opened is not None:
            self._opened[0].close()
            self._opened = None

    def _labelled(
        self, recording: Recording, window: Window, plan: LabelPlan
    ) -> Generator[LabelItem, None, None]:
        """Each frame's messages, and the other items, in the order of recording."""
        options = self._job.options
        compare = "flicker" in self._outputs
        segmenter = self._labelling.model.segmenter
        pictures = read_pictures(
            recording,
            plan.cameras,
            window,
            others=options.keep_original,
            lead_ns=LONGEST_STEP_NS if compare else 0,
            network_size=segmenter.model.size,
        )
        items = steps(segment_pictures(pictures, [segmenter.segment_all]), self._labelling, compare)
        style = Style(options.network_size, options.alpha, legend=None)
        encoder = LabelEncoder(plan.cameras, self._outputs, style, options.keep_original)

        def encode(item: Step | RecordedMessage | Fault) -> LabelItem:
            return LabelledFrame(encoder.encode(item)) if isinstance(item, Step) else item

        for item in map_ahead(encode, items, _ENCODE_THREADS, _ENCODE_AHEAD):
            # An image that cannot be decoded is copied with all the others, or not at all.
            if options.keep_original or not isinstance(item, RecordedMessage):
                yield item

    def _segment(self, task: Task, plan: LabelPlan) -> LabelSegment:
        options = {"topics": [*plan.cameras], "outputs": self._outputs, **self._job.options.facts()}
        made_by = provenance(self._labelling, recording_name(task.bag), options)
        infos = partial(
            info_messages,
            plan.cameras.values(),
            self._labelling.taxonomy,
            self._labelling.threshold,
            model_info_of(self._labelling, made_by),
        )
        destination = self._job.destinations[task.bag]
        path = join(destination.staging, segment_name(destination.location, task.window.index))
        compressed = self._job.options.keep_original
        return LabelSegment(path, plan.topics, made_by, compressed, infos)
