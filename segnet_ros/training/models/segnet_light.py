# SPDX-License-Identifier: Apache-2.0
"""SegNet for computers without a GPU: camera rate at 480x360 on two CPU cores."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from segnet_ros.training.models.layers import (
    conv_bn,
    conv_bn_relu,
    initialize,
    initialize_classifier,
)
from segnet_ros.training.models.stages import encode_decode
from segnet_ros.training.models.switches import IndexSwitching, Switching


class SegNetLight(nn.Module):
    """SegNet's five pooling stages with few maps, and SegNet-Basic's lean decoder.

    The large maps get little work: one convolution each, 5x5 for the first. Every decoder stage is
    a single convolution without ReLU, as in SegNet-Basic; the classifier reads the last unpooled
    map directly. Such a shallow, linear decoder also learns several times faster from a few
    hundred frames than the deep mirrored one.

    Args:
        classes: Number of classes.
        widths: Maps per stage.
        depths: Encoder convolutions per stage.

    """

    def __init__(
        self,
        classes: int,
        widths: Sequence[int] = (24, 48, 96, 128, 160),
        depths: Sequence[int] = (1, 1, 2, 2, 2),
    ) -> None:
        super().__init__()
        self.switching: Switching = IndexSwitching()
        inputs = (3, *widths[:-1])
        self.encoder = nn.ModuleList(
            _encoder_stage(before, width, depth, kernel_size=5 if stage == 0 else 3)
            for stage, (before, width, depth) in enumerate(zip(inputs, widths, depths, strict=True))
        )
        self.decoder = nn.ModuleList([nn.Identity()])
        self.decoder.extend(conv_bn(width, after) for after, width in pairwise(widths))
        self.classifier = nn.Conv2d(widths[0], classes, 3, padding=1)
        self.apply(initialize)
        initialize_classifier(self.classifier)

    def forward(self, image: Tensor) -> Tensor:
        """Score classes: float [N, 3, H, W], normalised RGB, to logits [N, classes, H, W]."""
        x = encode_decode(image, self.encoder, self.decoder, self.switching)
        scores: Tensor = self.classifier(x)
        return scores


def _encoder_stage(before: int, width: int, depth: int, kernel_size: int) -> nn.Sequential:
    further = (conv_bn_relu(width, width) for _ in range(depth - 1))
    return nn.Sequential(conv_bn_relu(before, width, kernel_size), *further)
