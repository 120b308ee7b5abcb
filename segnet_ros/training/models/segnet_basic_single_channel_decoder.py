# SPDX-License-Identifier: Apache-2.0
"""SegNet-Basic-SingleChannelDecoder: arXiv 1511.00561v3, section 3.1 and Table 1."""

from torch import nn

from segnet_ros.training.models.basic import STAGES
from segnet_ros.training.models.layers import initialize
from segnet_ros.training.models.segnet_basic import SegNetBasic


class SegNetBasicSingleChannelDecoder(SegNetBasic):
    """SegNet-Basic whose decoder kernels see one map each: the map that they densify.

    0.627 M parameters for 11 classes; Table 1: 0.625 M.

    Args:
        classes: Number of classes.
        kernel_size: Of every encoder and decoder convolution, odd; the paper uses 7.
        width: Maps per layer; the paper uses 64.

    """

    def __init__(self, classes: int, kernel_size: int = 7, width: int = 64) -> None:
        super().__init__(classes, kernel_size, width)
        self.decoder = nn.ModuleList(_decoder(width, kernel_size) for _ in range(STAGES))
        self.decoder.apply(initialize)


def _decoder(width: int, kernel_size: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(width, width, kernel_size, padding=kernel_size // 2, groups=width),
        nn.BatchNorm2d(width),
    )
