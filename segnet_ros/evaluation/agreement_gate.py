# SPDX-License-Identifier: Apache-2.0
"""How far two models must agree for a new engine to pass."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segnet_ros.evaluation.agreement import Agreement, PairedClasses


@dataclass(frozen=True)
class AgreementGate:
    """Least values, 0..1; None asks for nothing.

    Attributes:
        agreement: Of the pixel agreement.
        miou: Of the mean IoU.
        class_iou: Of the IoU of every class that either model shows.

    """

    agreement: float | None = None
    miou: float | None = None
    class_iou: float | None = None

    @property
    def asks(self) -> bool:
        """Whether it asks for anything."""
        return (self.agreement, self.miou, self.class_iou) != (None, None, None)

    def misses(self, found: Agreement, classes: PairedClasses) -> list[str]:
        """What falls short, in words with figures; empty if nothing does.

        Where no pixel could be compared everything that is asked for falls short.
        """
        if self.asks and not found.compared:
            return ["no pixel could be compared"]
        return [
            *_miss("pixel agreement", found.agreement, self.agreement),
            *_miss("mean IoU", found.miou, self.miou),
            *self._class_misses(found, classes),
        ]

    def _class_misses(self, found: Agreement, classes: PairedClasses) -> Iterator[str]:
        for name, iou in zip(classes.names, found.iou.tolist(), strict=True):
            if not math.isnan(iou):
                yield from _miss(f"IoU of {name}", iou, self.class_iou)


def _miss(what: str, value: float, least: float | None) -> Iterator[str]:
    # NaN, of no class in sight, is no success.
    if least is not None and not value >= least:
        yield f"{what} is {value:.6f}, expected at least {least:g}"
