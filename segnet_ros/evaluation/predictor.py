# SPDX-License-Identifier: Apache-2.0
"""What `evaluate` asks of a model: an exported one in any runtime, or weights in PyTorch."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from segnet_ros.inference.model import SegmentationClass


class Described(Protocol):
    """Facts about a model."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    @property
    def classes(self) -> Sequence[SegmentationClass]:
        """In order of their ids."""
        ...


class Answer(Protocol):
    """What a model says about one picture, at the picture's size."""

    @property
    def labels(self) -> npt.NDArray[np.uint8]:
        """Class ids, uint8 [H, W]."""
        ...

    @property
    def confidence(self) -> npt.NDArray[np.uint8]:
        """Probability of the label, uint8 [H, W], 255 = certain."""
        ...


class Predictor(Protocol):
    """A model that is ready to answer; `Segmenter` is one."""

    @property
    def model(self) -> Described:
        """Its facts."""
        ...

    @property
    def runtime(self) -> str:
        """What runs it, in one line."""
        ...

    def segment(self, image: npt.NDArray[np.uint8]) -> Answer:
        """Segment one picture, uint8 [H, W, 3] RGB of any size."""
        ...
