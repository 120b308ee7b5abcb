# SPDX-License-Identifier: Apache-2.0
"""DeepLab-LargeFOV: Chen et al., arXiv 1412.7062v4."""

from collections.abc import Sequence
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from segnet_ros.training.models.layers import initialize, initialize_classifier
from segnet_ros.training.models.vgg16 import (
    VGG16_DEPTHS,
    VGG16_WIDTHS,
    chain,
    conv_relu,
    fully_connected,
    vgg16_encoder,
)

_POOLING_STRIDES = (2, 2, 2, 1, 1)
_STRIDE = 8
_FC6_RATE = 12


class DeepLabLargeFOV(nn.Module):
    """VGG16 that stops shrinking at an eighth, and convolutions with holes that keep its view.

    The last two poolings have stride 1, the convolutions between them dilation 2, and fc6 is a
    3x3 convolution at rate 12. Poolings are 3x3 with padding 1, and an average pooling follows the
    last one, as in the released network: cell i is then centred on pixel 8 * i, and bilinear
    interpolation between the cells' centres gives the scores of all pixels. Poolings round up, so
    that the last cell is at or beyond the last pixel, for images of any size.

    The paper refines the scores with a dense CRF; this is the network alone.

    Args:
        classes: Number of classes.
        widths: Maps per stage.
        fc_width: Maps of fc6 and fc7.

    """

    def __init__(
        self, classes: int, widths: Sequence[int] = VGG16_WIDTHS, fc_width: int = 1024
    ) -> None:
        super().__init__()
        self.encoder = vgg16_encoder(widths)
        last = [widths[-2]] + [widths[-1]] * VGG16_DEPTHS[-1]
        self.encoder[-1] = chain(last, partial(conv_relu, dilation=2))
        self.fc6 = fully_connected(widths[-1], fc_width, 3, dilation=_FC6_RATE)
        self.fc7 = fully_connected(fc_width, fc_width, 1)
        self.classifier = nn.Conv2d(fc_width, classes, 1)
        self.apply(initialize)
        initialize_classifier(self.classifier)

    def forward(self, image: Tensor) -> Tensor:
        """Score classes: float [N, 3, H, W], normalised RGB, to logits [N, classes, H, W]."""
        x = image
        for stage, stride in zip(self.encoder, _POOLING_STRIDES, strict=True):
            x = F.max_pool2d(stage(x), 3, stride, padding=1, ceil_mode=True)
        x = F.avg_pool2d(x, 3, stride=1, padding=1)
        scores = _between_centers(self.classifier(self.fc7(self.fc6(x))))
        return scores[:, :, : image.shape[2], : image.shape[3]]


def _between_centers(scores: Tensor) -> Tensor:
    """[N, C, H, W] to [N, C, 8 * (H - 1) + 1, 8 * (W - 1) + 1]: each cell keeps its own pixel."""
    size = [_STRIDE * (length - 1) + 1 for length in scores.shape[2:]]
    return F.interpolate(scores, size=size, mode="bilinear", align_corners=True)
