# SPDX-License-Identifier: Apache-2.0
"""Whether a graph for TensorRT labels frames as well as model.onnx does."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from segnet_ros.datasets.camvid import CAMVID
from segnet_ros.datasets.frames import DatasetError, LabelledFrame, common_taxonomy, read_frame
from segnet_ros.datasets.layouts import find_frames
from segnet_ros.datasets.taxonomy import class_names
from segnet_ros.evaluation.metrics import confusion_matrix, scores
from segnet_ros.inference.engine.golden import GoldenFrames
from segnet_ros.inference.model import EngineGraph, SegmentationClass
from segnet_ros.inference.postprocessing import resize_labels
from segnet_ros.inference.preprocessing import resize_image
from segnet_ros.training.errors import ExportError
from segnet_ros.training.golden import label_agreement
from segnet_ros.training.graph_labels import Labeller, Reference, engine_labels
from segnet_ros.training.rendered_frames import Frame

MAX_DROP = 0.005
"""Of the mIoU: half a point."""

MAX_FRAMES = 128
"""Of larger sets as many, spread evenly."""

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Exam:
    """Labelled frames, and how model.onnx does on them.

    Attributes:
        frames: Pictures at the network's size, labels of any size.
        description: Of the frames, for model.yaml.
        classes: Number of classes; other ids in the labels do not count.
        reference: Runs model.onnx in float32.

    """

    frames: Sequence[Frame]
    description: str
    classes: int
    reference: Reference

    @cached_property
    def reference_miou(self) -> float:
        """Of model.onnx, 0..1."""
        return self.miou(self.reference.labels)

    def miou(self, labeller: Labeller) -> float:
        """Mean intersection over union of a graph, 0..1.

        Raises:
            ExportError: no pixel is labelled.

        """
        confusion = np.sum([self._confusion(frame, labeller) for frame in self.frames], axis=0)
        if not confusion.any():
            msg = (
                f"{self.description}: no pixel has a label that counts; "
                "give labelled frames of the model's classes"
            )
            raise ExportError(msg)
        return scores(confusion).miou

    def passes(self, miou: float) -> bool:
        """Whether a graph with this mIoU may answer in the place of model.onnx."""
        return miou > self.reference_miou - MAX_DROP

    def _confusion(self, frame: Frame, labeller: Labeller) -> npt.NDArray[np.int64]:
        height, width = frame.labels.shape
        predicted = resize_labels(labeller(frame.image), (width, height))
        return confusion_matrix(frame.labels, predicted, self.classes)


def rendered_exam(
    frames: Sequence[Frame], classes: Sequence[SegmentationClass], reference: Reference
) -> Exam:
    """Frames labelled with CamVid's classes.

    For a model of other classes model.onnx labels them, where it is certain.
    """
    description = f"{len(frames)} rendered frames"
    if class_names(classes) != class_names(CAMVID.classes):
        frames = [Frame(frame.image, reference.certain_labels(frame.image)) for frame in frames]
        description += ", labelled by model.onnx itself"
    return Exam(frames, description, len(classes), reference)


def data_exam(
    data: Path,
    size: tuple[int, int],
    classes: Sequence[SegmentationClass],
    reference: Reference,
    without: Iterable[LabelledFrame] = (),
) -> Exam:
    """Frames of a data set: its split `val`, or `train` where it has no other.

    Args:
        data: See `find_frames`.
        size: (width, height) of the network's input.
        classes: Of the model.
        reference: Runs model.onnx in float32.
        without: Frames that do not count, as the graph has seen them.

    Raises:
        DatasetError: the data cannot be read.
        ExportError: their classes are not the model's, or no frame is left.

    """
    split, found = _find_split(data)
    seen = {frame.image_path for frame in without}
    unseen = [frame for frame in found if frame.image_path not in seen]
    if not unseen:
        msg = f"{data}: all {len(found)} frames of {split} served for calibration"
        raise ExportError(msg)
    chosen = spread(unseen, MAX_FRAMES)
    taxonomy = common_taxonomy(chosen)
    if class_names(taxonomy.classes) != class_names(classes):
        msg = (
            f"the model's classes are {', '.join(class_names(classes))}; the labels hold "
            f"{taxonomy.name}'s: {', '.join(class_names(taxonomy.classes))}; expected the same in "
            "the same order; give labelled frames of the model's classes"
        )
        raise ExportError(msg)
    pairs = (read_frame(frame) for frame in chosen)
    frames = [Frame(resize_image(image, size), labels) for image, labels in pairs]
    return Exam(frames, f"{taxonomy.name} {split}, {len(frames)} frames", len(classes), reference)


def spread(items: Sequence[_Item], count: int) -> list[_Item]:
    """At most `count` items at equal distances."""
    count = min(count, len(items))
    return [items[place * len(items) // count] for place in range(count)]


def accept(graph: bytes, precision: str, exam: Exam, golden: GoldenFrames) -> EngineGraph:
    """Measure a graph, and refuse it if it is worse than model.onnx.

    Raises:
        ExportError: its mIoU is too low.

    """
    labeller = engine_labels(graph)
    miou = exam.miou(labeller)
    if not exam.passes(miou):
        msg = (
            f"the {precision} graph reaches mIoU {miou:.2%} on {exam.description}, model.onnx "
            f"{exam.reference_miou:.2%}; expected a drop of less than {100 * MAX_DROP:.1f} points"
        )
        raise ExportError(msg)
    return EngineGraph(
        file=graph_file(precision),
        sha256=hashlib.sha256(graph).hexdigest(),
        agreement=round(label_agreement(golden, labeller), 6),
        frames=exam.description,
        miou=round(miou, 6),
        reference_miou=round(exam.reference_miou, 6),
    )


def in_words(graph: EngineGraph) -> str:
    """How an accepted graph compares with model.onnx, in one line."""
    return (
        f"mIoU {graph.miou:.2%} where model.onnx has {graph.reference_miou:.2%} ({graph.frames}); "
        f"model.onnx's label on {graph.agreement:.2%} of the golden frames"
    )


def graph_file(precision: str) -> str:
    """Where a model folder holds its graph of one precision."""
    return f"model_{precision}.onnx"


def other_graph_file(precision: str) -> str:
    """Where it holds a graph that was made while `graph_file` held another one."""
    return f"model_{precision}_again.onnx"


def _find_split(data: Path) -> tuple[str, list[LabelledFrame]]:
    try:
        return "val", find_frames(data, "val")
    except DatasetError:
        return "train", find_frames(data, "train")
