# SPDX-License-Identifier: Apache-2.0
"""Bayesian SegNet-Basic as its authors released it: the picture is contrast-normalised first."""

from torch import Tensor

from segnet_ros.training.models.bayesian_segnet_basic import BayesianSegNetBasic
from segnet_ros.training.models.sampled_dropout import PROBABILITY
from segnet_ros.training.models.segnet_basic_lrn import PictureResponseNorm


class BayesianSegNetBasicLRN(BayesianSegNetBasic):
    """Bayesian SegNet-Basic behind a local response normalisation.

    Args:
        classes: Number of classes.
        kernel_size: Of every encoder and decoder convolution, odd.
        width: Maps per layer.
        probability: Of dropping a cell.

    """

    def __init__(
        self,
        classes: int,
        kernel_size: int = 7,
        width: int = 64,
        probability: float = PROBABILITY,
    ) -> None:
        super().__init__(classes, kernel_size, width, probability)
        self.response_norm = PictureResponseNorm()

    def forward(self, image: Tensor) -> Tensor:
        """Score classes: float [N, 3, H, W], raw 0..255, to logits [N, classes, H, W]."""
        return super().forward(self.response_norm(image))
