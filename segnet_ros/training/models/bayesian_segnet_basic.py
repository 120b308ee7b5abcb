# SPDX-License-Identifier: Apache-2.0
"""Bayesian SegNet-Basic: the smaller network of arXiv 1511.02680."""

from torch import Tensor

from segnet_ros.training.models.sampled_dropout import (
    PROBABILITY,
    after_deepest,
    append_to_deepest,
)
from segnet_ros.training.models.segnet_basic import SegNetBasic
from segnet_ros.training.models.stages import encode_decode

_DEEPEST = 2


class BayesianSegNetBasic(SegNetBasic):
    """SegNet-Basic with dropout after its two deepest poolings and after their decoders.

    Dropout has no weights: SegNet-Basic's fit, and bear the same names.

    Args:
        classes: Number of classes.
        kernel_size: Of every encoder and decoder convolution, odd; the paper uses 7.
        width: Maps per layer; the paper uses 64.
        probability: Of dropping a cell.

    """

    def __init__(
        self,
        classes: int,
        kernel_size: int = 7,
        width: int = 64,
        probability: float = PROBABILITY,
    ) -> None:
        super().__init__(classes, kernel_size, width)
        self.after_pooling = after_deepest(len(self.encoder), _DEEPEST, probability)
        append_to_deepest(self.decoder, _DEEPEST, probability)

    def forward(self, image: Tensor) -> Tensor:
        """Score classes: float [N, 3, H, W], normalised RGB, to logits [N, classes, H, W]."""
        x = encode_decode(image, self.encoder, self.decoder, self.switching, self.after_pooling)
        scores: Tensor = self.classifier(x)
        return scores
