"""Score an exported model on labelled frames, through the runtime that the vehicle uses."""

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from segnet_ros.datasets.frames import DatasetError, LabelledFrame, common_taxonomy, read_frame
from segnet_ros.datasets.taxonomy import Taxonomy, class_names
from segnet_ros.evaluation.metrics import confusion_matrix, scores
from segnet_ros.inference.segmenter import Segmenter


@dataclass(frozen=True)
class Evaluation:
    """Scores as fractions 0..1; see `metrics.Scores`.

    Attributes:
        per_class: Class name to `iou` and `accuracy`; NaN where the class does not occur.
        frames: Number of frames.
        ms_per_frame: Mean time from the camera image to labels at its size, milliseconds.
        model: Name of the model.
        runtime: What ran it.
    """

    global_accuracy: float
    class_accuracy: float
    miou: float
    fwiou: float
    per_class: dict[str, dict[str, float]]
    frames: int
    ms_per_frame: float
    model: str
    runtime: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; None for NaN, which JSON does not know."""
        plain = asdict(self)
        for row in plain["per_class"].values():
            row |= {key: None if math.isnan(value) else value for key, value in row.items()}
        return plain


def evaluate(segmenter: Segmenter, frames: Sequence[LabelledFrame]) -> Evaluation:
    """Segment every frame and compare at the size of its labels.

    Raises:
        DatasetError: the model's classes are not those of the frames, there is no frame, a file
            cannot be read, or every label is void.
    """
    classes = segmenter.model.classes
    _check_classes(class_names(classes), common_taxonomy(frames))
    total = np.zeros((len(classes), len(classes) + 1), np.int64)
    seconds = 0.0
    for frame in frames:
        image, truth = read_frame(frame)
        started = time.perf_counter()
        predicted = segmenter.segment(image).labels
        seconds += time.perf_counter() - started
        total += confusion_matrix(truth, predicted, len(classes))
    if not total.any():
        raise DatasetError(f"nothing to score in {len(frames)} frames: expected labelled pixels")
    result = scores(total)
    rows = zip(classes, result.iou.tolist(), result.recall.tolist(), strict=True)
    return Evaluation(
        global_accuracy=result.global_accuracy,
        class_accuracy=result.class_accuracy,
        miou=result.miou,
        fwiou=result.fwiou,
        per_class={item.name: {"iou": iou, "accuracy": recall} for item, iou, recall in rows},
        frames=len(frames),
        ms_per_frame=1e3 * seconds / len(frames),
        model=segmenter.model.name,
        runtime=segmenter.runtime,
    )


def _check_classes(names: Sequence[str], taxonomy: Taxonomy) -> None:
    """The labels' ids mean something else to a model with other classes: refuse to score it."""
    expected = class_names(taxonomy.classes)
    if names != expected:
        raise DatasetError(
            f"the model's classes are {', '.join(names)}; the labels hold {taxonomy.name}'s, in "
            f"this order: {', '.join(expected)}; choose a model trained on them"
        )
