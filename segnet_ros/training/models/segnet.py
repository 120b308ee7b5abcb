# SPDX-License-Identifier: Apache-2.0
"""SegNet: Badrinarayanan, Kendall and Cipolla, arXiv 1511.00561v3, section 3."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from segnet_ros.training.models.layers import conv_bn_relu, initialize, initialize_classifier
from segnet_ros.training.models.stages import encode_decode
from segnet_ros.training.models.switches import IndexSwitching, Switching


class SegNet(nn.Module):
    """VGG16's thirteen convolutions, and their mirror image that unpools with their switches.

    Every stage is `depths[i]` convolutions (3x3, batch norm, ReLU) of `widths[i]` maps and a 2x2
    pooling. The decoder runs the stages backwards; the last convolution of a stage narrows to the
    width of the stage before it, and the very last one gives the class scores, without batch norm
    and ReLU.

    Args:
        classes: Number of classes.
        widths: Maps per stage.
        depths: Convolutions per stage.

    """

    def __init__(
        self,
        classes: int,
        widths: Sequence[int] = (64, 128, 256, 512, 512),
        depths: Sequence[int] = (2, 2, 3, 3, 3),
    ) -> None:
        super().__init__()
        self.switching: Switching = IndexSwitching()
        inputs = (3, *widths[:-1])
        self.encoder = nn.ModuleList(
            _stage([before] + [width] * depth)
            for before, width, depth in zip(inputs, widths, depths, strict=True)
        )
        narrower = (widths[0], *widths[:-1])
        self.decoder = nn.ModuleList(
            _stage([width] * depth + [after])
            for after, width, depth in zip(narrower[1:], widths[1:], depths[1:], strict=True)
        )
        self.decoder.insert(0, _stage([widths[0]] * depths[0]))
        self.classifier = nn.Conv2d(widths[0], classes, 3, padding=1)
        self.apply(initialize)
        initialize_classifier(self.classifier)

    def forward(self, image: Tensor) -> Tensor:
        """Score classes.

        Args:
            image: float [N, 3, H, W], normalised RGB.

        Returns:
            float [N, classes, H, W], logits.

        """
        x = encode_decode(image, self.encoder, self.decoder, self.switching)
        scores: Tensor = self.classifier(x)
        return scores


def _stage(maps: Sequence[int]) -> nn.Sequential:
    return nn.Sequential(*(conv_bn_relu(a, b) for a, b in pairwise(maps)))
