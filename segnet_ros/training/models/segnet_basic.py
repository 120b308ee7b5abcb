# SPDX-License-Identifier: Apache-2.0
"""SegNet-Basic: arXiv 1511.00561v3, section 3.1 and Table 1."""

from torch import Tensor, nn

from segnet_ros.training.models.basic import STAGES, basic_encoder
from segnet_ros.training.models.layers import conv_bn, initialize, initialize_classifier
from segnet_ros.training.models.stages import encode_decode
from segnet_ros.training.models.switches import IndexSwitching, Switching


class SegNetBasic(nn.Module):
    """Four encoders and four decoders of one convolution each; no ReLU in the decoder.

    1.417 M parameters for 11 classes; Table 1: 1.425 M.

    Args:
        classes: Number of classes.
        kernel_size: Of every encoder and decoder convolution, odd; the paper uses 7.
        width: Maps per layer; the paper uses 64.

    """

    def __init__(self, classes: int, kernel_size: int = 7, width: int = 64) -> None:
        super().__init__()
        self.switching: Switching = IndexSwitching()
        self.encoder = basic_encoder(kernel_size, width)
        self.decoder = nn.ModuleList(conv_bn(width, width, kernel_size) for _ in range(STAGES))
        self.classifier = nn.Conv2d(width, classes, 1)
        self.apply(initialize)
        initialize_classifier(self.classifier)

    def forward(self, image: Tensor) -> Tensor:
        """Score classes: float [N, 3, H, W], normalised RGB, to logits [N, classes, H, W]."""
        x = encode_decode(image, self.encoder, self.decoder, self.switching)
        scores: Tensor = self.classifier(x)
        return scores
