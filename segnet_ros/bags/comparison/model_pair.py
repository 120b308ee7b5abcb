# SPDX-License-Identifier: Apache-2.0
"""Two models that see the same frames of recordings."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from segnet_ros.bags.image_topics import choose_image_topics
from segnet_ros.bags.labels.provenance import provenance
from segnet_ros.bags.last_recording import LastRecording
from segnet_ros.bags.pictures import Picture, read_pictures
from segnet_ros.bags.recorded import Fault
from segnet_ros.bags.segmenting import SegmentedPicture, segment_pictures
from segnet_ros.evaluation.agreement import pair_classes
from segnet_ros.inference.runtime import Prediction

if TYPE_CHECKING:
    from collections.abc import Generator

    from segnet_ros.bags.model_choice import ModelChoice
    from segnet_ros.bags.recording import Recording
    from segnet_ros.bags.work import Task
    from segnet_ros.inference.labelling import Labelling
    from segnet_ros.inference.segmenter import Segmentation


@dataclass(frozen=True)
class PairChoice:
    """Which models see what. Can be pickled.

    Attributes:
        models: A and B.
        topics: Image topics; see `choose_image_topics`.
        all_images: Whether all are wanted.

    """

    models: tuple[ModelChoice, ModelChoice]
    topics: tuple[str, ...] = ()
    all_images: bool = False


@dataclass(frozen=True)
class PairedFrame:
    """A frame as both models see it.

    Attributes:
        picture: The frame.
        a: Under A's published ids.
        b: Under B's published ids.

    """

    picture: Picture
    a: Segmentation
    b: Segmentation

    def predictions(self, network_size: bool) -> tuple[Prediction, Prediction]:
        """Labels and confidence of A and B, at the networks' size or at the camera's."""
        if network_size:
            return self.a.prediction, self.b.prediction
        return at_camera_size(self.a), at_camera_size(self.b)


def at_camera_size(segmentation: Segmentation) -> Prediction:
    """Labels and confidence at the picture's size."""
    return Prediction(segmentation.labels, segmentation.confidence)


class ModelPair:
    """Both models, loaded, and the recording they saw last, open.

    Args:
        choice: Of models and topics.

    Attributes:
        classes: Of both.
        size: (width, height) of both networks, pixels; None if they differ.
        facts: Provenance of A and of B.

    Raises:
        InferenceError: a model cannot be loaded.
        AgreementError: their classes cannot be compared.

    """

    def __init__(self, choice: PairChoice) -> None:
        self._choice = choice
        self._recordings = LastRecording()
        with ExitStack() as opened:
            self._models = [_load(model, opened) for model in choice.models]
            a, b = self._models
            self.classes = pair_classes(a.taxonomy.classes, b.taxonomy.classes)
            self._opened = opened.pop_all()
        sizes = [each.model.segmenter.model.size for each in self._models]
        self.size = sizes[0] if sizes[0] == sizes[1] else None
        self.facts = _facts(a), _facts(b)

    def frames(self, task: Task) -> Generator[PairedFrame | Fault, None, None]:
        """Segment a window's frames in order, and pass on what cannot be read.

        Raises:
            BagError: the recording cannot be opened.
            InferenceError: a runtime fails.

        """
        recording = self.recording(task.bag)
        cameras = choose_image_topics(
            recording.topics, self._choice.topics, self._choice.all_images, task.bag
        )
        items = read_pictures(recording, cameras, task.window, network_size=self.size)
        a, b = self._models
        for item in segment_pictures(items, [each.model.segmenter.segment_all for each in (a, b)]):
            if isinstance(item, SegmentedPicture):
                of_a, of_b = item.segmentations
                yield PairedFrame(item.picture, a.published(of_a), b.published(of_b))
            elif isinstance(item, Fault):
                yield item

    def recording(self, bag: str) -> Recording:
        """Open a recording, or return the one that is open; it stays open until the next one.

        Raises:
            BagError: it cannot be opened.

        """
        return self._recordings.open(bag)

    def close(self) -> None:
        """Free the models and the recording."""
        self._recordings.close()
        self._opened.close()


def _load(choice: ModelChoice, opened: ExitStack) -> Labelling:
    labelling = choice.load()
    opened.callback(labelling.model.segmenter.close)
    return labelling


def _facts(labelling: Labelling) -> dict[str, str]:
    """Without the source, of which there may be many."""
    facts = provenance(labelling, "", {})
    return {key: value for key, value in facts.items() if key != "source"}
