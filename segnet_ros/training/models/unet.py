# SPDX-License-Identifier: Apache-2.0
"""U-Net: Ronneberger, Fischer and Brox, arXiv 1505.04597."""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segnet_ros.training.models.layers import conv_bn_relu, initialize, initialize_classifier


class UNet(nn.Module):
    """Encoder whose whole feature maps are concatenated to the decoder's.

    Two things differ from the paper. Convolutions are padded, so that scores have the image's size;
    the original's are not, and it gets its border from mirrored pixels. And they are followed by
    batch normalisation, as in the networks it is compared with. Poolings round up and the enlarged
    maps are cropped to those they join, so that any size will do.

    Args:
        classes: Number of classes.
        widths: Maps per stage; between stages are poolings.

    """

    def __init__(self, classes: int, widths: Sequence[int] = (64, 128, 256, 512, 1024)) -> None:
        super().__init__()
        inputs = (3, *widths[:-1])
        self.encoder = nn.ModuleList(_stage(a, b) for a, b in zip(inputs, widths, strict=True))
        self.dropout = nn.Dropout()
        self.upsamplings = nn.ModuleList(
            nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in pairwise(widths)
        )
        self.decoder = nn.ModuleList(_stage(2 * width, width) for width in widths[:-1])
        self.classifier = nn.Conv2d(widths[0], classes, 1)
        self.apply(initialize)
        initialize_classifier(self.classifier)

    def forward(self, image: Tensor) -> Tensor:
        """Score classes: float [N, 3, H, W], normalised RGB, to logits [N, classes, H, W]."""
        *skipped, x = self._encode(image)
        x = self.dropout(x)
        for upsampling, stage, skip in zip(
            reversed(self.upsamplings), reversed(self.decoder), reversed(skipped), strict=True
        ):
            enlarged = upsampling(x)[:, :, : skip.shape[2], : skip.shape[3]]
            x = stage(torch.cat([skip, enlarged], dim=1))
        scores: Tensor = self.classifier(x)
        return scores

    def _encode(self, image: Tensor) -> list[Tensor]:
        first, *deeper = self.encoder
        maps = [first(image)]
        for stage in deeper:
            maps.append(stage(F.max_pool2d(maps[-1], 2, ceil_mode=True)))
        return maps


def _stage(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(conv_bn_relu(inputs, outputs), conv_bn_relu(outputs, outputs))
