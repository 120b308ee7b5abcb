# SPDX-License-Identifier: Apache-2.0
"""SegNet-Basic-EncoderAddition: arXiv 1511.00561v3, section 3.1 and Table 1."""

from typing import Any

from torch import Tensor

from segnet_ros.training.models.segnet_basic import SegNetBasic


class SegNetBasicEncoderAddition(SegNetBasic):
    """SegNet-Basic whose decoders add the maps of the encoder that they mirror.

    1.417 M parameters for 11 classes, as SegNet-Basic; Table 1: 1.425 M. What it costs is memory:
    every encoder's maps are kept until their decoder has run.

    The paper unpools, convolves, and adds "the corresponding encoder feature maps" to the result.
    It does not say which side of the pooling these come from; here it is the one before it (after
    the ReLU), which is the one that all four decoders have in their own size.
    """

    def forward(self, image: Tensor) -> Tensor:
        """Score classes: float [N, 3, H, W], normalised RGB, to logits [N, classes, H, W]."""
        x = image
        memory: list[tuple[Tensor, Any]] = []
        for stage in self.encoder:
            maps = stage(x)
            x, switches = self.switching.pool(maps)
            memory.append((maps, switches))
        for stage, (maps, switches) in zip(reversed(self.decoder), reversed(memory), strict=True):
            size = (maps.shape[2], maps.shape[3])
            x = stage(self.switching.unpool(x, switches, size)) + maps
        scores: Tensor = self.classifier(x)
        return scores
