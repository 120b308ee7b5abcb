# SPDX-License-Identifier: Apache-2.0
"""Bayesian SegNet: Kendall, Badrinarayanan and Cipolla, arXiv 1511.02680."""

from collections.abc import Sequence

from torch import Tensor

from segnet_ros.training.models.sampled_dropout import (
    PROBABILITY,
    after_deepest,
    append_to_deepest,
)
from segnet_ros.training.models.segnet import SegNet
from segnet_ros.training.models.stages import encode_decode

_DEEPEST = 3


class BayesianSegNet(SegNet):
    """SegNet with dropout after its three deepest poolings and after their decoders.

    The paper's best variant, "central encoder-decoder". Dropout has no weights: SegNet's fit, and
    bear the same names.

    Args:
        classes: Number of classes.
        widths: Maps per stage.
        depths: Convolutions per stage.
        probability: Of dropping a cell.

    """

    def __init__(
        self,
        classes: int,
        widths: Sequence[int] = (64, 128, 256, 512, 512),
        depths: Sequence[int] = (2, 2, 3, 3, 3),
        probability: float = PROBABILITY,
    ) -> None:
        super().__init__(classes, widths, depths)
        self.after_pooling = after_deepest(len(widths), _DEEPEST, probability)
        append_to_deepest(self.decoder, _DEEPEST, probability)

    def forward(self, image: Tensor) -> Tensor:
        """Score classes: float [N, 3, H, W], normalised RGB, to logits [N, classes, H, W]."""
        x = encode_decode(image, self.encoder, self.decoder, self.switching, self.after_pooling)
        scores: Tensor = self.classifier(x)
        return scores
