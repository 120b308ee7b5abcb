# SPDX-License-Identifier: Apache-2.0
"""What a page says about one model."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from segnet_ros.evaluation.cost import Cost
from segnet_ros.evaluation.differences import Difference
from segnet_ros.evaluation.evaluate import Evaluation
from segnet_ros.evaluation.showcase import Showcase
from segnet_ros.inference.model import SegmentationClass


@dataclass(frozen=True)
class Assessed:
    """One model, scored and measured.

    Attributes:
        evaluation: Its scores.
        classes: In order of their ids.
        showcase: Its best and worst frames.
        file_bytes: Size of the file that holds its weights.
        cost: None where its architecture is none of ours, or PyTorch is not installed.
        difference: To the model it is compared with; None where there is none.

    """

    evaluation: Evaluation
    classes: Sequence[SegmentationClass]
    showcase: Showcase
    file_bytes: int
    cost: Cost | None
    difference: Difference | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without pictures."""
        return self.evaluation.as_dict() | {
            "file_bytes": self.file_bytes,
            "cost": self.cost.as_dict() if self.cost else None,
            "difference": asdict(self.difference) if self.difference else None,
        }
