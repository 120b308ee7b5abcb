# SPDX-License-Identifier: Apache-2.0
"""How far two models give the same labels to the same pictures: counts that add up, and shares."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from segnet_ros.evaluation.metrics import Tally, class_scores, known_mean
from segnet_ros.inference.model import UNLABELLED, SegmentationClass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segnet_ros.inference.runtime import Prediction

Pixels = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

BORDER = 2
"""Pixels on either side of a border between two labels that count as lying at it."""

_CERTAIN = 255
_AROUND = np.ones((2 * BORDER + 1, 2 * BORDER + 1), np.uint8)


class AgreementError(ValueError):
    """Two models cannot be compared; the text says what to do about it."""


@dataclass(frozen=True, eq=False)
class PairedClasses:
    """The classes of models A and B, matched by name; a class's place here is its joint id.

    Attributes:
        classes: A's in the order of its ids, then those that only B has; colours are A's where A
            has the class.
        ids_a: uint8 [256], the joint id of each of A's ids; n, the number of classes, for ids
            without a class (unlabelled).
        ids_b: The same for B.

    """

    classes: Sequence[SegmentationClass]
    ids_a: Pixels
    ids_b: Pixels

    @property
    def names(self) -> list[str]:
        """In the order of the joint ids."""
        return [each.name for each in self.classes]

    @property
    def only_a(self) -> list[str]:
        """Names of the classes that B does not have."""
        return [name for place, name in enumerate(self.names) if place not in self.ids_b]

    @property
    def only_b(self) -> list[str]:
        """Names of the classes that A does not have."""
        return [name for place, name in enumerate(self.names) if place not in self.ids_a]

    @property
    def comparable(self) -> npt.NDArray[np.bool_]:
        """Whether both models can give a label: bool [n + 1], the last, unlabelled, True."""
        places = np.arange(len(self.classes) + 1)
        return np.isin(places, self.ids_a) & np.isin(places, self.ids_b)


def pair_classes(a: Sequence[SegmentationClass], b: Sequence[SegmentationClass]) -> PairedClasses:
    """Match classes by name.

    Args:
        a: Of model A as published, in the order of its ids.
        b: Of model B.

    Raises:
        AgreementError: they have no name in common, or more than 255 names together.

    """
    names_a, names_b = [each.name for each in a], [each.name for each in b]
    if not set(names_a) & set(names_b):
        msg = (
            f"the models have no class in common: A has {', '.join(names_a)}; B has "
            f"{', '.join(names_b)}; give each a taxonomy with --taxonomies that brings them to "
            "common names"
        )
        raise AgreementError(msg)
    names = list(dict.fromkeys((*names_a, *names_b)))
    if len(names) > UNLABELLED:
        msg = (
            f"the models have {len(names)} classes together; expected at most {UNLABELLED}; "
            "bring them to fewer ones with --taxonomy"
        )
        raise AgreementError(msg)
    by_name = {each.name: each for each in (*b, *a)}
    return PairedClasses(
        classes=[by_name[name] for name in names],
        ids_a=_table([names.index(name) for name in names_a], len(names)),
        ids_b=_table([names.index(name) for name in names_b], len(names)),
    )


def _table(places: Sequence[int], unlabelled: int) -> Pixels:
    table = np.full(256, unlabelled, np.uint8)
    table[: len(places)] = places
    return table


@dataclass(frozen=True, eq=False)
class AgreementCounts:
    """What is counted of one frame or of many: counts of frames add up.

    Pixels count as comparable where both labels are of classes that both models have, or
    unlabelled; the others are in the matrix only.

    Attributes:
        matrix: int64 [n + 1, n + 1], pixels by joint id of A (row) and B (column); the last row
            and column are unlabelled.
        at_borders: int64 [2], comparable pixels within `BORDER` pixels of a border between A's
            labels: where the models agree, and where they differ.
        confidence: int64 [2, 2], sums of the confidence 0..255 over comparable pixels, by model
            and by whether the models agree (0) or differ (1).
        lower_confidence: int64 [], sum of the lower one of the two confidences, 0..255, over
            comparable pixels where the models differ.

    """

    matrix: Counts
    at_borders: Counts
    confidence: Counts
    lower_confidence: Counts

    @classmethod
    def none(cls, classes: int) -> AgreementCounts:
        """Of no frame at all."""
        shapes = (classes + 1, classes + 1), (2,), (2, 2), ()
        return cls(*(np.zeros(shape, np.int64) for shape in shapes))

    def __add__(self, other: AgreementCounts) -> AgreementCounts:
        """Of both together."""
        names = [each.name for each in fields(self)]
        return AgreementCounts(*(getattr(self, name) + getattr(other, name) for name in names))


def joint_labels(labels: Pixels, ids: Pixels) -> Pixels:
    """Turn a model's labels into joint ids; uint8 of the same shape."""
    return np.asarray(cv2.LUT(labels, ids), np.uint8)


def count_agreement(a: Prediction, b: Prediction, classes: PairedClasses) -> AgreementCounts:
    """Compare two models' labels of one picture.

    Args:
        a: Of model A under its published ids.
        b: Of model B, of the same size.
        classes: Of both.

    """
    labels_a = joint_labels(a.labels, classes.ids_a)
    labels_b = joint_labels(b.labels, classes.ids_b)
    comparable = comparable_pixels(labels_a, labels_b, classes)
    unequal = cv2.compare(labels_a, labels_b, cv2.CMP_NE)
    differ = np.asarray(cv2.bitwise_and(comparable, unequal), np.uint8)
    kinds = comparable ^ differ, differ
    borders = near_borders(labels_a)
    lower = np.minimum(a.confidence, b.confidence)
    return AgreementCounts(
        matrix=_matrix(labels_a, labels_b, len(classes.classes) + 1),
        at_borders=np.array([cv2.countNonZero(cv2.bitwise_and(kind, borders)) for kind in kinds]),
        confidence=np.array([[_sum(each.confidence, kind) for kind in kinds] for each in (a, b)]),
        lower_confidence=np.array(_sum(lower, differ)),
    )


def comparable_pixels(a: Pixels, b: Pixels, classes: PairedClasses) -> Pixels:
    """Where both joint labels are such that both models can give: 255, elsewhere 0."""
    table = np.zeros(256, np.uint8)
    table[: len(classes.classes) + 1] = 255 * classes.comparable
    return np.asarray(cv2.bitwise_and(cv2.LUT(a, table), cv2.LUT(b, table)), np.uint8)


def _matrix(a: Pixels, b: Pixels, labels: int) -> Counts:
    """Count pixels by (label of A, label of B); there are at most 256 of each."""
    cells = a.astype(np.uint16) * np.uint16(labels) + b
    return np.bincount(cells.ravel(), minlength=labels**2).reshape(labels, labels)


def near_borders(labels: Pixels) -> Pixels:
    """Where another label lies within `BORDER` pixels in any of the eight directions: 255, else 0.

    The edge of the picture is no border.
    """
    spread = cv2.morphologyEx(labels, cv2.MORPH_GRADIENT, _AROUND)
    return np.asarray(cv2.threshold(spread, 0, 255, cv2.THRESH_BINARY)[1], np.uint8)


def _sum(values: Pixels, where: Pixels) -> int:
    """Sum under a mask of 0 and 255; doubles hold it exactly."""
    return int(cv2.sumElems(cv2.bitwise_and(values, where))[0])


@dataclass(frozen=True, eq=False)
class Agreement:
    """What the counts say. All shares are 0..1, and NaN of nothing.

    Attributes:
        pixels: All.
        compared: Those that are comparable; everything below is about them.
        agreement: Share of pixels with the same label; unlabelled by both is the same.
        iou: float64 [n], IoU of B against A by joint id; NaN for classes that neither shows and
            those that only one model has.
        miou: Mean IoU over the classes that either shows.
        certain_disagreement: Share of pixels that differ, each weighted with the lower one of the
            two confidences: what both are certain of and yet disagree on weighs most.
        confidence: float64 [2, 2], mean confidence 0..1 of A and B (rows) where they agree and
            where they differ (columns).
        border_pixels: Within `BORDER` pixels of a border between A's labels.
        border_disagreement: Share of these that differ.
        inside_disagreement: Share of all others that differ.
        share_at_borders: Share of the differing pixels that lie at borders.

    """

    pixels: int
    compared: int
    agreement: float
    iou: Floats
    miou: float
    certain_disagreement: float
    confidence: Floats
    border_pixels: int
    border_disagreement: float
    inside_disagreement: float
    share_at_borders: float


def agreement(counts: AgreementCounts, classes: PairedClasses) -> Agreement:
    """Turn counts of one frame or of many into shares."""
    known = classes.comparable
    matrix = np.where(known[:, None] & known, counts.matrix, 0)
    same, compared = int(np.trace(matrix)), int(matrix.sum())
    by_kind = np.array([same, compared - same])
    inside = by_kind - counts.at_borders
    iou = _iou(matrix)
    with np.errstate(invalid="ignore"):
        confidence = counts.confidence / by_kind / _CERTAIN
    return Agreement(
        pixels=int(counts.matrix.sum()),
        compared=compared,
        agreement=_share(same, compared),
        iou=iou,
        miou=float(known_mean(iou)),
        certain_disagreement=_share(int(counts.lower_confidence) / _CERTAIN, compared),
        confidence=confidence,
        border_pixels=int(counts.at_borders.sum()),
        border_disagreement=_share(int(counts.at_borders[1]), int(counts.at_borders.sum())),
        inside_disagreement=_share(int(inside[1]), int(inside.sum())),
        share_at_borders=_share(int(counts.at_borders[1]), compared - same),
    )


def _iou(matrix: Counts) -> Floats:
    """Of the classes; unlabelled, which is none, is left out of the answer only."""
    counts = matrix.astype(np.float64)
    counted = Tally(np.diagonal(counts), counts.sum(axis=1), counts.sum(axis=0))
    return class_scores(counted)[0][:-1]


def _share(part: float, whole: int) -> float:
    return part / whole if whole else float("nan")
