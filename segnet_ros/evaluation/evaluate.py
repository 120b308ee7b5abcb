# SPDX-License-Identifier: Apache-2.0
"""Score a model on labelled frames, through the runtime that the vehicle uses or in PyTorch."""

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from segnet_ros.datasets.frames import DatasetError, LabelledFrame, common_taxonomy, read_frame
from segnet_ros.datasets.taxonomy import Taxonomy, class_names
from segnet_ros.evaluation.bootstrap import class_intervals, intervals
from segnet_ros.evaluation.boundary import boundary_f1
from segnet_ros.evaluation.calibration import (
    ReliabilityBin,
    confidence_histogram,
    expected_calibration_error,
    reliability,
)
from segnet_ros.evaluation.metrics import (
    MEASURES,
    class_scores,
    confusion_matrix,
    known_mean,
    measures,
    tally,
)
from segnet_ros.evaluation.predictor import Predictor

Scored = dict[str, float]
Interval = tuple[float, float]


@dataclass(frozen=True)
class FrameScore:
    """Scores of one frame, by which to find the best and the worst.

    Attributes:
        name: File name of the picture without its suffix.
        sequence: The recording it belongs to.
        miou: As `metrics.Scores` has it, over this frame alone; NaN where every label is void.
        bf: See `boundary`; NaN where the labels show no boundary.

    """

    name: str
    sequence: str
    miou: float
    bf: float


@dataclass(frozen=True)
class Evaluation:
    """Scores as fractions 0..1; see `metrics.Scores`, `boundary` and `calibration`.

    Pixels of all frames count alike in every measure but BF, which is a mean over frames. Frames
    whose every label is void are segmented and counted, and change no score.

    Attributes:
        bf: Boundary measure; NaN where no frame shows a boundary.
        ece: Expected calibration error of the confidence.
        per_class: Class name to `iou`, `accuracy` and `bf` (mean over the frames that show its
            boundary); NaN where the class does not occur.
        intervals: 95 % of `metrics.MEASURES` and of `bf`: low and high; see `bootstrap`.
        class_intervals: 95 % of the IoU by class name: low and high.
        sequences: Sequence to `metrics.MEASURES`, `bf` and number of `frames`; NaN where every
            label is void.
        sequence_intervals: Sequence to its own `intervals`, None where every label is void.
        frames: Number of frames.
        ms_per_frame: Mean time from the camera image to labels at its size, milliseconds.
        model: Name of the model.
        runtime: What ran it.
        confusion: Pixels by true class (row) and predicted class (column); the last column counts
            pixels without a predicted class.
        reliability: Confidence against accuracy.
        per_frame: In the order of the frames.

    """

    global_accuracy: float
    class_accuracy: float
    miou: float
    fwiou: float
    bf: float
    ece: float
    per_class: dict[str, Scored]
    intervals: dict[str, Interval]
    class_intervals: dict[str, Interval]
    sequences: dict[str, Scored]
    sequence_intervals: dict[str, dict[str, Interval] | None]
    frames: int
    ms_per_frame: float
    model: str
    runtime: str
    confusion: list[list[int]]
    reliability: list[ReliabilityBin]
    per_frame: list[FrameScore]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; None for NaN, which JSON does not know."""
        plain: dict[str, Any] = _without_nan(asdict(self))
        return plain


def evaluate(predictor: Predictor, frames: Sequence[LabelledFrame]) -> Evaluation:
    """Segment every frame and compare at the size of its labels.

    Raises:
        DatasetError: the model's classes are not those of the frames, there is no frame, a file
            cannot be read, or every label is void.

    """
    names = class_names(predictor.model.classes)
    _check_classes(names, common_taxonomy(frames))
    observed = [_observe(predictor, frame, len(names)) for frame in frames]
    confusions = np.stack([item.confusion for item in observed])
    if not confusions.any():
        msg = f"nothing to score in {len(frames)} frames: expected labelled pixels"
        raise DatasetError(msg)
    boundaries = np.stack([item.boundary for item in observed])
    histogram = np.sum([item.confidence for item in observed], axis=0)
    return Evaluation(
        **_means(confusions, boundaries),
        ece=expected_calibration_error(histogram),
        per_class=_per_class(names, confusions, boundaries),
        intervals=intervals(confusions, known_mean(boundaries)),
        class_intervals=dict(zip(names, class_intervals(confusions), strict=True)),
        sequences={
            name: _means(confusions[member], boundaries[member]) | {"frames": int(member.sum())}
            for name, member in _members(frames).items()
        },
        sequence_intervals={
            name: _intervals(confusions[member], boundaries[member])
            for name, member in _members(frames).items()
        },
        frames=len(frames),
        ms_per_frame=1e3 * sum(item.seconds for item in observed) / len(frames),
        model=predictor.model.name,
        runtime=predictor.runtime,
        confusion=confusions.sum(axis=0).tolist(),
        reliability=reliability(histogram),
        per_frame=_per_frame(frames, confusions, boundaries),
    )


def _check_classes(names: Sequence[str], taxonomy: Taxonomy) -> None:
    """The labels' ids mean something else to a model with other classes: refuse to score it."""
    expected = class_names(taxonomy.classes)
    if names != expected:
        msg = (
            f"the model's classes are {', '.join(names)}; the labels hold {taxonomy.name}'s, in "
            f"this order: {', '.join(expected)}; choose a model trained on them"
        )
        raise DatasetError(msg)


@dataclass(frozen=True)
class _Observation:
    """One frame, counted."""

    confusion: npt.NDArray[np.int64]
    boundary: npt.NDArray[np.float64]
    confidence: npt.NDArray[np.int64]
    seconds: float


def _observe(predictor: Predictor, frame: LabelledFrame, classes: int) -> _Observation:
    image, truth = read_frame(frame)
    started = time.perf_counter()
    answer = predictor.segment(image)
    labels = answer.labels
    seconds = time.perf_counter() - started
    return _Observation(
        confusion=confusion_matrix(truth, labels, classes),
        boundary=boundary_f1(truth, labels, classes),
        confidence=confidence_histogram(truth, labels, answer.confidence, classes),
        seconds=seconds,
    )


def _means(confusions: npt.NDArray[np.int64], boundaries: npt.NDArray[np.float64]) -> Scored:
    values = measures(tally(confusions.sum(axis=0))).tolist()
    bf = float(known_mean(known_mean(boundaries)))
    return dict(zip(MEASURES, values, strict=True)) | {"bf": bf}


def _per_class(
    names: Sequence[str],
    confusions: npt.NDArray[np.int64],
    boundaries: npt.NDArray[np.float64],
) -> dict[str, Scored]:
    iou, recall = class_scores(tally(confusions.sum(axis=0)))
    columns = np.column_stack([iou, recall, known_mean(boundaries.T)]).tolist()
    keys = ("iou", "accuracy", "bf")
    return {
        name: dict(zip(keys, row, strict=True)) for name, row in zip(names, columns, strict=True)
    }


def _members(frames: Sequence[LabelledFrame]) -> dict[str, npt.NDArray[np.bool_]]:
    """Which frames belong to each sequence, bool [frames]."""
    sequences = np.array([frame.sequence for frame in frames])
    return {name: sequences == name for name in dict.fromkeys(sequences.tolist())}


def _intervals(
    confusions: npt.NDArray[np.int64], boundaries: npt.NDArray[np.float64]
) -> dict[str, Interval] | None:
    return intervals(confusions, known_mean(boundaries)) if confusions.any() else None


def _per_frame(
    frames: Sequence[LabelledFrame],
    confusions: npt.NDArray[np.int64],
    boundaries: npt.NDArray[np.float64],
) -> list[FrameScore]:
    mious = measures(tally(confusions))[:, MEASURES.index("miou")].tolist()
    bfs = known_mean(boundaries).tolist()
    return [
        FrameScore(frame.image_path.stem, frame.sequence, miou, bf)
        for frame, miou, bf in zip(frames, mious, bfs, strict=True)
    ]


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
