"""SegNet-Basic: arXiv 1511.00561v3, section 3.1 and Table 1."""

from torch import Tensor, nn

from segnet_ros.training.models.layers import (
    conv_bn,
    conv_bn_relu,
    initialize,
    initialize_classifier,
)
from segnet_ros.training.models.stages import encode_decode
from segnet_ros.training.models.switches import IndexSwitching, Switching

_STAGES = 4


class SegNetBasic(nn.Module):
    """Four encoders and four decoders of one convolution each; no ReLU in the decoder.

    Args:
        classes: Number of classes.
        kernel_size: Of every encoder and decoder convolution, odd; the paper uses 7.
        width: Maps per layer; the paper uses 64.
    """

    def __init__(self, classes: int, kernel_size: int = 7, width: int = 64) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size is {kernel_size}; expected an odd number, such as 7")
        self.switching: Switching = IndexSwitching()
        self.encoder = nn.ModuleList(
            conv_bn_relu(3 if stage == 0 else width, width, kernel_size) for stage in range(_STAGES)
        )
        self.decoder = nn.ModuleList(conv_bn(width, width, kernel_size) for _ in range(_STAGES))
        self.classifier = nn.Conv2d(width, classes, 1)
        self.apply(initialize)
        initialize_classifier(self.classifier)

    def forward(self, image: Tensor) -> Tensor:
        """Score classes: float [N, 3, H, W], normalised RGB, to logits [N, classes, H, W]."""
        x = encode_decode(image, self.encoder, self.decoder, self.switching)
        scores: Tensor = self.classifier(x)
        return scores
