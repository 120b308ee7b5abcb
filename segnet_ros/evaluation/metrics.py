"""Scores of semantic segmentation from a confusion matrix."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


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
    iou: npt.NDArray[np.float64]
    recall: npt.NDArray[np.float64]


def scores(confusion: npt.NDArray[np.int64]) -> Scores:
    """Score a confusion matrix as `confusion_matrix` gives it (sums of several are fine).

    Raises:
        ValueError: no labelled pixel was counted.
    """
    total = confusion.sum()
    if total == 0:
        raise ValueError("no labelled pixel to score: every label is void")
    hits = np.diag(confusion).astype(np.float64)
    truth = confusion.sum(axis=1).astype(np.float64)
    union = truth + confusion[:, :-1].sum(axis=0) - hits
    with np.errstate(invalid="ignore"):
        iou, recall = hits / union, hits / truth
    return Scores(
        global_accuracy=float(hits.sum() / total),
        class_accuracy=float(np.nanmean(recall)),
        miou=float(np.nanmean(iou)),
        fwiou=float(np.nansum(truth * iou) / total),
        iou=iou,
        recall=recall,
    )
