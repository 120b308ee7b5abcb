# SPDX-License-Identifier: Apache-2.0
"""What a network costs before it answers anything."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Cost:
    """Of one forward pass in float32, batch 1.

    Attributes:
        size: (width, height) of the image, pixels.
        parameters: Learnt numbers.
        macs: Multiply-accumulates of all convolutions.
        weight_bytes: What the convolutions hold once batch normalisation is folded into them.
        peak_bytes: Feature maps that must exist at the same time: every one from the operation
            that makes it to the last one that reads it.
        kept_bytes: All feature maps, as in Caffe, which keeps them to the end.

    """

    size: tuple[int, int]
    parameters: int
    macs: int
    weight_bytes: int
    peak_bytes: int
    kept_bytes: int

    @property
    def inference_bytes(self) -> int:
        """The least memory that holds weights and feature maps."""
        return self.weight_bytes + self.peak_bytes

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"inference_bytes": self.inference_bytes}
