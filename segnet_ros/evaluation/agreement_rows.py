# SPDX-License-Identifier: Apache-2.0
"""The agreement of two models class by class, as rows of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from segnet_ros.evaluation.agreement import AgreementCounts, PairedClasses, agreement
from segnet_ros.inference.model import SegmentationClass

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNLABELLED = SegmentationClass("unlabelled", (0, 0, 0))


@dataclass(frozen=True)
class ClassRow:
    """A class, or unlabelled. All shares are 0..1, and NaN of nothing.

    Attributes:
        name: Of the class.
        color: RGB.
        only: "A" or "B" if the other model does not have the class, otherwise empty.
        iou: Of B against A; NaN of unlabelled, and where `only` is not empty.
        share_a: Of all pixels that A gives the class.
        share_b: Of all pixels that B gives the class.
        became: By joint id, unlabelled last: of A's pixels of the class the share that is this to
            B.

    """

    name: str
    color: tuple[int, int, int]
    only: str
    iou: float
    share_a: float
    share_b: float
    became: Sequence[float]

    @property
    def occurs(self) -> bool:
        """Whether either model shows it."""
        return self.share_a > 0 or self.share_b > 0


def class_rows(counts: AgreementCounts, classes: PairedClasses) -> list[ClassRow]:
    """Rows by joint id, unlabelled last."""
    ious = [*agreement(counts, classes).iou.tolist(), float("nan")]
    pixels = int(counts.matrix.sum())
    of_a, of_b = counts.matrix.sum(axis=1).tolist(), counts.matrix.sum(axis=0).tolist()
    return [
        ClassRow(
            name=item.name,
            color=item.color,
            only="A" * (item.name in classes.only_a) or "B" * (item.name in classes.only_b),
            iou=ious[place],
            share_a=_share(of_a[place], pixels),
            share_b=_share(of_b[place], pixels),
            became=[_share(count, of_a[place]) for count in counts.matrix[place].tolist()],
        )
        for place, item in enumerate((*classes.classes, _UNLABELLED))
    ]


def shown(rows: Sequence[ClassRow]) -> list[int]:
    """Joint ids of what occurs."""
    return [place for place, row in enumerate(rows) if row.occurs]


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
