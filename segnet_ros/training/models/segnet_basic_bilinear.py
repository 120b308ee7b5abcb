# SPDX-License-Identifier: Apache-2.0
"""Bilinear-Interpolation: arXiv 1511.00561v3, section 3.1 and Table 1."""

from torch import Tensor, nn

from segnet_ros.training.models.basic import basic_encoder, double, encode, score_maps
from segnet_ros.training.models.layers import initialize


class SegNetBasicBilinear(nn.Module):
    """SegNet-Basic's encoder, then scores, then fixed bilinear interpolation: no decoder to learn.

    0.613 M parameters for 11 classes; Table 1: 0.625 M.

    The paper does not say whether maps or scores are interpolated. A 1x1 convolution and
    bilinear interpolation may change places, so the results are equal; scores are fewer. The
    published time is FCN-Basic's, which upsamples as many maps as there are classes.

    Args:
        classes: Number of classes.
        kernel_size: Of every encoder convolution, odd; the paper uses 7.
        width: Maps per encoder; the paper uses 64.

    """

    def __init__(self, classes: int, kernel_size: int = 7, width: int = 64) -> None:
        super().__init__()
        self.encoder = basic_encoder(kernel_size, width)
        self.encoder.apply(initialize)
        self.classifier = score_maps(width, classes)
        self.doubling = nn.Upsample(scale_factor=2, mode="bilinear")

    def forward(self, image: Tensor) -> Tensor:
        """Score classes: float [N, 3, H, W], normalised RGB, to logits [N, classes, H, W]."""
        x, sizes = encode(image, self.encoder)
        x = self.classifier(x)
        for size in reversed(sizes):
            x = double(x, self.doubling, size)
        return x
