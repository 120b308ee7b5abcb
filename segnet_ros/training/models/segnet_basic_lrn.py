# SPDX-License-Identifier: Apache-2.0
"""SegNet-Basic as its authors released it: the picture is contrast-normalised first."""

from torch import Tensor, nn

from segnet_ros.training.models.segnet_basic import SegNetBasic

LOCAL_SIZE = 5
ALPHA = 1e-4
BETA = 0.75


class PictureResponseNorm(nn.Module):
    """Local response normalisation across the three channels of a picture.

    The same as `nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1)`, which divides alpha by the
    size as Caffe does. A window of five channels always covers all three, which leaves one factor
    per pixel, while the general form becomes a five-dimensional pooling that inference engines
    refuse or run slowly.
    """

    def forward(self, image: Tensor) -> Tensor:
        """Normalise float [N, 3, H, W] of the range 0..255; same shape."""
        # Scaled first: squares of 255 do not fit half precision.
        energy = (image * (ALPHA / LOCAL_SIZE) ** 0.5).square().sum(1, keepdim=True)
        normalized: Tensor = image * (1.0 + energy).pow(-BETA)
        return normalized


class SegNetBasicLRN(SegNetBasic):
    """SegNet-Basic behind a local response normalisation.

    Args:
        classes: Number of classes.
        kernel_size: Of every encoder and decoder convolution, odd.
        width: Maps per layer.

    """

    def __init__(self, classes: int, kernel_size: int = 7, width: int = 64) -> None:
        super().__init__(classes, kernel_size, width)
        self.response_norm = PictureResponseNorm()

    def forward(self, image: Tensor) -> Tensor:
        """Score classes: float [N, 3, H, W], raw 0..255, to logits [N, classes, H, W]."""
        return super().forward(self.response_norm(image))
