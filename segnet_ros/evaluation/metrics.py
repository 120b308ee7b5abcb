# SPDX-License-Identifier: Apache-2.0
"""Scores of semantic segmentation from confusion matrices."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MEASURES = ("global_accuracy", "class_accuracy", "miou", "fwiou")


def confusion_matrix(
    truth: npt.NDArray[np.uint8], predicted: npt.NDArray[np.uint8], classes: int
) -> npt.NDArray[np.int64]:
    """Count pixels by (true class, predicted class).

    Args:
        truth: uint8, any shape; ids of `classes` and above are void and not counted.
        predicted: uint8, the same shape; an id of `classes` and above (unlabelled) is a miss.
        classes: Number of classes.

    Returns:
        int64 [classes, classes + 1]; the last column counts pixels without a predicted class.

    """
    labelled = truth < classes
    columns = classes + 1
    miss = np.minimum(predicted[labelled], classes).astype(np.int64)
    cells = truth[labelled].astype(np.int64) * columns + miss
    return np.bincount(cells, minlength=classes * columns).reshape(classes, columns)


class Tally(NamedTuple):
    """All that the measures need of confusion matrices: float64 [..., classes] each.

    Attributes:
        hits: Pixels of a class that are predicted as it.
        truth: Labelled pixels of a class.
        predicted: Labelled pixels predicted as a class.

    """

    hits: Floats
    truth: Floats
    predicted: Floats


def tally(confusion: npt.NDArray[np.int64]) -> Tally:
    """Reduce confusion matrices, [..., classes, classes + 1]; tallies of frames add up."""
    counts = confusion.astype(np.float64)
    return Tally(
        hits=np.diagonal(counts, axis1=-2, axis2=-1),
        truth=counts.sum(axis=-1),
        predicted=counts[..., :-1].sum(axis=-2),
    )


def class_scores(counted: Tally) -> tuple[Floats, Floats]:
    """IoU and recall per class, [..., classes] each; see `Scores` for NaN."""
    union = counted.truth + counted.predicted - counted.hits
    with np.errstate(invalid="ignore"):
        return counted.hits / union, counted.hits / counted.truth


def measures(counted: Tally) -> Floats:
    """The `MEASURES` of every tally, [..., 4]; NaN where no pixel is labelled."""
    iou, recall = class_scores(counted)
    total = counted.truth.sum(axis=-1)
    with np.errstate(invalid="ignore"):
        global_accuracy = counted.hits.sum(axis=-1) / total
        fwiou = np.nansum(counted.truth * iou, axis=-1) / total
    return np.stack([global_accuracy, known_mean(recall), known_mean(iou), fwiou], axis=-1)


def known_mean(values: Floats) -> Floats:
    """Mean over the last axis of what is not NaN; NaN where nothing is known."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0.0).sum(axis=-1) / known.sum(axis=-1))


@dataclass(frozen=True)
class Scores:
    """The measures of the SegNet paper, all fractions 0..1.

    Attributes:
        global_accuracy: Labelled pixels that are right (G).
        class_accuracy: Mean over classes of the share of their pixels that are right (C).
        miou: Mean over classes of intersection over union.
        fwiou: Intersection over union, weighted by class frequency.
        iou: Intersection over union per class; NaN for a class that occurs in neither the
            labels nor the predictions. NaN classes count in no mean.
        recall: Share of each class's pixels that are right; NaN where there are none.

    """

    global_accuracy: float
    class_accuracy: float
    miou: float
    fwiou: float
    iou: Floats
    recall: Floats


def scores(confusion: npt.NDArray[np.int64]) -> Scores:
    """Score a confusion matrix as `confusion_matrix` gives it (sums of several are fine).

    Raises:
        ValueError: no labelled pixel was counted.

    """
    if not confusion.any():
        msg = "no labelled pixel to score: every label is void"
        raise ValueError(msg)
    counted = tally(confusion)
    iou, recall = class_scores(counted)
    means = dict(zip(MEASURES, measures(counted).tolist(), strict=True))
    return Scores(**means, iou=iou, recall=recall)
