# SPDX-License-Identifier: Apache-2.0
"""What is shown of a segmentation: each map computed once, and only if somebody asks."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from segnet_ros.inference.segmenter import Segmentation
from segnet_ros.inference.visualization import Legend, colorize

Pixels = npt.NDArray[np.uint8]
Map = TypeVar("Map", Pixels, Pixels | None)


@dataclass(frozen=True)
class Style:
    """How results are shown.

    Attributes:
        network_size: Whether maps keep the network's size instead of the camera's.
        alpha: Share of the class colours in the overlay, 0..1.
        legend: Drawn into the overlay; None for no legend.

    """

    network_size: bool
    alpha: float
    legend: Legend | None


@dataclass(frozen=True)
class Rendering:
    """One frame's results as they are published.

    Attributes:
        segmentation: Under the published ids.
        style: How to show it.

    """

    segmentation: Segmentation
    style: Style

    @property
    def labels(self) -> Pixels:
        """Published ids, uint8 [H, W]; 255 = unlabelled."""
        return self._sized(lambda s: s.prediction.labels, lambda s: s.labels)

    @property
    def confidence(self) -> Pixels:
        """Probability of the label, uint8 [H, W]; 255 = certain."""
        return self._sized(lambda s: s.prediction.confidence, lambda s: s.confidence)

    @property
    def uncertainty(self) -> Pixels | None:
        """How far a Bayesian model's samples differ, uint8 [H, W]; None for other models."""
        return self._sized(lambda s: s.prediction.uncertainty, lambda s: s.uncertainty)

    @cached_property
    def color(self) -> Pixels:
        """Class colours, uint8 [H, W, 3] RGB."""
        segmentation = self.segmentation
        return self._sized(
            lambda s: colorize(s.prediction.labels, segmentation.colors), lambda s: s.color
        )

    @property
    def overlay(self) -> Pixels:
        """The picture under its class colours, always at the camera's size, uint8 [H, W, 3] RGB."""
        overlay = self.segmentation.overlay(self.style.alpha)
        if self.style.legend is not None:
            self.style.legend.draw(overlay, self.segmentation.prediction.labels)
        return overlay

    def _sized(
        self,
        at_network_size: Callable[[Segmentation], Map],
        at_camera_size: Callable[[Segmentation], Map],
    ) -> Map:
        return (at_network_size if self.style.network_size else at_camera_size)(self.segmentation)
