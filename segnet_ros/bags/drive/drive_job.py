# SPDX-License-Identifier: Apache-2.0
"""Look at the frames of recordings and their labels, a window at a time."""

from __future__ import annotations

import os
import time
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from segnet_ros.bags.ahead import map_ahead
from segnet_ros.bags.image_topics import camera_names, choose_image_topics
from segnet_ros.bags.labels.provenance import provenance
from segnet_ros.bags.last_recording import LastRecording
from segnet_ros.bags.pictures import read_pictures
from segnet_ros.bags.recorded import Fault, RecordedMessage
from segnet_ros.bags.segmenting import segment_pictures
from segnet_ros.bags.steps import LONGEST_STEP_NS, Labelled, Step, steps
from segnet_ros.bags.work import Advance, Outcome, Task
from segnet_ros.evaluation.flicker import Flicker, flicker
from segnet_ros.health.image_look import ImageLook, look_at_image
from segnet_ros.health.label_look import LabelLook, look_at_labels

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence

    from segnet_ros.bags.model_choice import ModelChoice
    from segnet_ros.bags.recording import Recording
    from segnet_ros.bags.windows import Window
    from segnet_ros.inference.model import SegmentationClass

Counts = npt.NDArray[np.int64]

_SECOND = 1e9
_IDS = 256
_MEASURE_THREADS = os.cpu_count() or 1
_MEASURE_AHEAD = 2 * _MEASURE_THREADS


@dataclass(frozen=True, slots=True)
class SeenFrame:
    """A frame in numbers.

    Attributes:
        time_ns: When it was recorded, nanoseconds since 1970.
        stamp_ns: Of its header, nanoseconds.
        counts: Pixels of each class, and of none, at the network's size.
        confidence: Sum over the same pixels, 0..255 each.
        image: A look at the picture, in seconds since the start of the recording.
        labels: A look at the labels, likewise.
        compared: Pixels compared with the frame before; None without such a frame.
        changed: Those among them that have another label.

    """

    time_ns: int
    stamp_ns: int
    counts: tuple[int, ...]
    confidence: int
    image: ImageLook
    labels: LabelLook
    compared: int | None
    changed: int


@dataclass
class CameraWindow:
    """What a window shows of one camera.

    Attributes:
        seen: int64 [classes + 1], compared pixels by the class that they had, the last of none.
        kept: int64 [classes + 1], those among them that kept it.
        frames: In the order of recording.

    """

    seen: Counts
    kept: Counts
    frames: list[SeenFrame] = field(default_factory=list)

    def add(self, measured: _Measured) -> None:
        """Go on with the next frame."""
        self.seen += measured.seen
        self.kept += measured.kept
        self.frames.append(measured.frame)


@dataclass
class Stopwatch:
    """Seconds that each frame took; differs from run to run.

    Attributes:
        decode: In a thread beside everything else.
        inference: That the pipeline waited for it.
        flicker: Of those that have a frame before them; in a thread.
        frame: From one to the next.

    """

    decode: list[float] = field(default_factory=list)
    inference: list[float] = field(default_factory=list)
    flicker: list[float] = field(default_factory=list)
    frame: list[float] = field(default_factory=list)
    _last: float = field(default_factory=time.perf_counter)

    def note(self, measured: _Measured) -> None:
        """A frame is done."""
        self.decode.append(measured.decode_seconds)
        self.inference.append(measured.infer_seconds)
        if measured.flicker_seconds is not None:
            self.flicker.append(measured.flicker_seconds)
        now = time.perf_counter()
        self.frame.append(now - self._last)
        self._last = now


@dataclass(frozen=True)
class DriveWindow:
    """The value of a task. Can be pickled.

    Attributes:
        made_by: Provenance of the labels.
        classes: That are published.
        free: Ids where the robot may drive.
        names: Of all cameras by topic.
        cameras: By topic; those that have frames in the window.
        speed: No part of what was found.

    """

    made_by: Mapping[str, str]
    classes: Sequence[SegmentationClass]
    free: frozenset[int]
    names: Mapping[str, str]
    cameras: Mapping[str, CameraWindow]
    speed: Stopwatch = field(compare=False)


@dataclass(frozen=True)
class DriveJob:
    """Looks at recordings through one model. Can be pickled.

    Attributes:
        choice: The model.
        topics: Image topics; none for the only one.
        all_images: Whether every image topic is wanted.

    """

    choice: ModelChoice
    topics: tuple[str, ...] = ()
    all_images: bool = False

    def start(self) -> DriveWorker:
        """Load the model in this process.

        Raises:
            InferenceError: it cannot be used.

        """
        return DriveWorker(self)


class DriveWorker:
    """Looks at windows, one after the other. See `Worker`."""

    def __init__(self, job: DriveJob) -> None:
        self._job = job
        self._labelling = job.choice.load()
        self._recordings = LastRecording()

    def work(self, task: Task, advance: Advance) -> Outcome[DriveWindow]:
        """See `Worker.work`."""
        recording = self._recordings.open(task.bag)
        topics = choose_image_topics(
            recording.topics, self._job.topics, self._job.all_images, task.bag
        )
        taxonomy = self._labelling.taxonomy
        gauge = _Gauge(len(taxonomy.classes), recording.start_ns)
        faults: list[Fault] = []
        cameras: dict[str, CameraWindow] = {}
        speed = Stopwatch()
        with closing(self._measured(recording, topics, task.window, gauge)) as items:
            for item in items:
                if isinstance(item, Fault):
                    faults.append(item)
                else:
                    cameras.setdefault(item.topic, gauge.empty_window()).add(item)
                    speed.note(item)
                    advance(1)
        value = DriveWindow(
            made_by=self._made_by(),
            classes=tuple(taxonomy.classes),
            free=taxonomy.free,
            names=camera_names(topics),
            cameras=cameras,
            speed=speed,
        )
        frames = sum(len(camera.frames) for camera in cameras.values())
        return Outcome(task, frames, tuple(faults), value)

    def close(self) -> None:
        """Free the model and the recording."""
        self._recordings.close()
        self._labelling.model.retire()

    def _measured(
        self, recording: Recording, topics: Sequence[str], window: Window, gauge: _Gauge
    ) -> Generator[_Measured | Fault, None, None]:
        segmenter = self._labelling.model.segmenter
        pictures = read_pictures(
            recording,
            topics,
            window,
            lead_ns=LONGEST_STEP_NS,
            network_size=segmenter.model.size,
        )
        segmented = segment_pictures(pictures, [segmenter.segment_all])
        items = _comparable(steps(segmented, self._labelling, compare=True))
        yield from map_ahead(gauge.measure, items, _MEASURE_THREADS, _MEASURE_AHEAD)

    def _made_by(self) -> dict[str, str]:
        facts = provenance(self._labelling, "", {})
        del facts["source"]  # a report has several
        return facts


def _comparable(items: Iterable[Step | RecordedMessage | Fault]) -> Iterator[Step | Fault]:
    """Take predecessors away that are none: behind an image that could not be decoded, or by time.

    Such an image comes as its message.
    """
    interrupted: set[str] = set()
    for item in items:
        if isinstance(item, RecordedMessage):
            interrupted.add(item.topic)
        elif isinstance(item, Step):
            topic = item.now.picture.message.topic
            follows = topic not in interrupted and _follows(item)
            interrupted.discard(topic)
            yield item if follows else replace(item, before=None)
        else:
            yield item


def _follows(step: Step) -> bool:
    """Whether stamps allow a comparison; unset ones (0) say nothing."""
    if step.before is None:
        return False
    before_ns, now_ns = step.before.picture.stamp_ns, step.now.picture.stamp_ns
    return not (before_ns and now_ns) or 0 <= now_ns - before_ns <= LONGEST_STEP_NS


@dataclass(frozen=True)
class _Measured:
    """A frame with what its window sums up, and the seconds that it took."""

    topic: str
    frame: SeenFrame
    seen: Counts
    kept: Counts
    decode_seconds: float
    infer_seconds: float
    flicker_seconds: float | None


@dataclass(frozen=True)
class _Gauge:
    """Turns frames into numbers, each independently of all others: threads can share the work."""

    classes: int
    start_ns: int

    def empty_window(self) -> CameraWindow:
        return CameraWindow(self._zeros(), self._zeros())

    def measure(self, item: Step | Fault) -> _Measured | Fault:
        if isinstance(item, Fault):
            return item
        started = time.perf_counter()
        compared = _compare(item.before, item.now) if item.before else None
        seconds = time.perf_counter() - started
        return _Measured(
            topic=item.now.picture.message.topic,
            frame=self._frame(item.now, compared),
            seen=self._by_class(compared.seen) if compared else self._zeros(),
            kept=self._by_class(compared.kept) if compared else self._zeros(),
            decode_seconds=item.now.picture.decode_seconds,
            infer_seconds=item.now.segmentation.infer_seconds,
            flicker_seconds=seconds if compared else None,
        )

    def _frame(self, now: Labelled, compared: Flicker | None) -> SeenFrame:
        picture, prediction = now.picture, now.segmentation.prediction
        seconds = (picture.message.time_ns - self.start_ns) / _SECOND
        return SeenFrame(
            time_ns=picture.message.time_ns,
            stamp_ns=picture.stamp_ns,
            counts=tuple(self._by_class(_count(prediction.labels)).tolist()),
            confidence=int(prediction.confidence.sum(dtype=np.int64)),
            image=look_at_image(picture.image, seconds),
            labels=look_at_labels(prediction.labels, prediction.confidence, seconds),
            compared=compared.compared if compared else None,
            changed=compared.changed if compared else 0,
        )

    def _by_class(self, by_id: Counts) -> Counts:
        """Ids without a class together, after all classes."""
        return np.append(by_id[: self.classes], by_id[self.classes :].sum())

    def _zeros(self) -> Counts:
        return np.zeros(self.classes + 1, np.int64)


def _compare(before: Labelled, now: Labelled) -> Flicker:
    labels = [each.segmentation.prediction.labels for each in (before, now)]
    return flicker(before.network_input, now.network_input, *labels)


def _count(labels: npt.NDArray[np.uint8]) -> Counts:
    """Pixels by id, int64 [256]."""
    # A third of the time that NumPy's bincount takes; exact up to 2**24 pixels.
    return cv2.calcHist([labels], [0], None, [_IDS], [0, _IDS]).ravel().astype(np.int64)
