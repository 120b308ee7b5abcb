# SPDX-License-Identifier: Apache-2.0
"""DeconvNet: Noh, Hong and Han, arXiv 1505.04366."""

from collections.abc import Sequence
from itertools import repeat

import torch.nn.functional as F
from torch import Tensor, nn

from segnet_ros.training.models.layers import conv_bn_relu, initialize, initialize_classifier
from segnet_ros.training.models.stages import encode_decode
from segnet_ros.training.models.switches import IndexSwitching, Switching
from segnet_ros.training.models.vgg16 import VGG16_DEPTHS, VGG16_WIDTHS, chain, vgg16_encoder

_FC6_SIZE = 7


class DeconvNet(nn.Module):
    """VGG16 with its fully connected layers, and their mirror image of transposed convolutions.

    Every convolution, fully connected or not, has batch normalisation. The decoder unpools with
    the encoder's switches, as SegNet's does; fc6 and fc7 between them hold nine tenths of the
    parameters.

    The authors feed 224x224 pixels, so that pool5 is 7x7 and fc6 gives one vector. Larger images
    give a map of such vectors: fc6 slides over pool5, and its transposed counterpart gives pool5's
    size back. For smaller ones pool5 is padded with zeros to 7x7. A single image of up to 224x224
    pixels is too little to train with: batch normalisation needs more than one vector.

    Args:
        classes: Number of classes.
        widths: Maps per stage.
        fc_width: Maps of fc6 and fc7.

    """

    def __init__(
        self, classes: int, widths: Sequence[int] = VGG16_WIDTHS, fc_width: int = 4096
    ) -> None:
        super().__init__()
        self.switching: Switching = IndexSwitching()
        self.encoder = vgg16_encoder(widths, conv_bn_relu)
        self.fully_connected = _FullyConnected(widths[-1], fc_width)
        narrower = (widths[0], *widths[:-1])
        self.decoder = nn.ModuleList(
            chain([width] * depth + [after], _deconv_bn_relu)
            for after, width, depth in zip(narrower, widths, VGG16_DEPTHS, strict=True)
        )
        self.classifier = nn.Conv2d(widths[0], classes, 1)
        self.apply(initialize)
        initialize_classifier(self.classifier)

    def forward(self, image: Tensor) -> Tensor:
        """Score classes: float [N, 3, H, W], normalised RGB, to logits [N, classes, H, W]."""
        after_pooling = [*repeat(nn.Identity(), len(self.encoder) - 1), self.fully_connected]
        x = encode_decode(image, self.encoder, self.decoder, self.switching, after_pooling)
        scores: Tensor = self.classifier(x)
        return scores


class _FullyConnected(nn.Module):
    """VGG16's fc6 and fc7, and fc6's counterpart, between pool5 and its unpooling."""

    def __init__(self, maps: int, width: int) -> None:
        super().__init__()
        self.fc6 = _bn_relu(nn.Conv2d(maps, width, _FC6_SIZE))
        self.fc7 = _bn_relu(nn.Conv2d(width, width, 1))
        self.deconv_fc6 = _bn_relu(nn.ConvTranspose2d(width, maps, _FC6_SIZE))

    def forward(self, pooled: Tensor) -> Tensor:
        height, width = pooled.shape[2:]
        missing = (0, max(0, _FC6_SIZE - width), 0, max(0, _FC6_SIZE - height))
        x: Tensor = self.deconv_fc6(self.fc7(self.fc6(F.pad(pooled, missing))))
        return x[:, :, :height, :width]


def _deconv_bn_relu(inputs: int, outputs: int) -> nn.Sequential:
    return _bn_relu(nn.ConvTranspose2d(inputs, outputs, 3, padding=1))


def _bn_relu(convolution: nn.Conv2d | nn.ConvTranspose2d) -> nn.Sequential:
    maps = convolution.out_channels
    return nn.Sequential(convolution, nn.BatchNorm2d(maps), nn.ReLU(inplace=True))
