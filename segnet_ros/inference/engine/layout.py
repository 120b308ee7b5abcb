# SPDX-License-Identifier: Apache-2.0
"""Where an inference's outputs lie: side by side in one piece, so that one copy takes them all."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segnet_ros.inference.runtime import Prediction

_ALIGNMENT = 256  # TensorRT's demand on every address


@dataclass(frozen=True)
class OutputLayout:
    """Outputs uint8 [count, 1, H, W], one after the other.

    Attributes:
        names: Of the outputs.
        shape: (H, W) in pixels.

    """

    names: tuple[str, ...]
    shape: tuple[int, int]

    def size(self, count: int) -> int:
        """Bytes of all outputs of so many frames."""
        return len(self.names) * self._stride(count)

    def offsets(self, count: int) -> dict[str, int]:
        """Byte at which each output begins."""
        return {name: index * self._stride(count) for index, name in enumerate(self.names)}

    def predictions(self, block: npt.NDArray[np.uint8], count: int) -> Iterator[Prediction]:
        """The frames' answers, copied: the next inference overwrites the block."""
        area = self.shape[0] * self.shape[1]
        for index in range(count):
            starts = {name: at + index * area for name, at in self.offsets(count).items()}
            yield Prediction(**{k: self._map(block[at : at + area]) for k, at in starts.items()})

    def _map(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        return np.array(pixels.reshape(self.shape))

    def _stride(self, count: int) -> int:
        height, width = self.shape
        return -(-count * height * width // _ALIGNMENT) * _ALIGNMENT
