# SPDX-License-Identifier: Apache-2.0
"""FCN-Basic-NoAddition, with and without dimensionality reduction: arXiv 1511.00561v3, Table 1."""

from torch import Tensor, nn

from segnet_ros.training.models.basic import (
    STAGES,
    basic_encoder,
    double,
    encode,
    learned_doubling,
    score_maps,
)
from segnet_ros.training.models.layers import initialize


class FCNBasicNoAddition(nn.Module):
    """FCN-Basic that learns its upsampling but adds no encoder maps, and so keeps none.

    0.644 M parameters for 11 classes; Table 1: 0.65 M. Without dimensionality reduction
    1.662 M; Table 1: 1.625 M. `FCNBasic` says where the paper is silent.

    Args:
        classes: Number of classes.
        dim_reduction: Whether the last encoder's maps are compressed to one per class.
        kernel_size: Of every encoder convolution, odd; the paper uses 7.
        width: Maps per encoder; the paper uses 64.

    """

    def __init__(
        self, classes: int, dim_reduction: bool = True, kernel_size: int = 7, width: int = 64
    ) -> None:
        super().__init__()
        self.encoder = basic_encoder(kernel_size, width)
        self.encoder.apply(initialize)
        maps = classes if dim_reduction else width
        self.doublings = nn.ModuleList(learned_doubling(maps) for _ in range(STAGES))
        scores = score_maps(width, classes)
        self.reduction = scores if dim_reduction else nn.Identity()
        self.classifier = nn.Identity() if dim_reduction else scores

    def forward(self, image: Tensor) -> Tensor:
        """Score classes: float [N, 3, H, W], normalised RGB, to logits [N, classes, H, W]."""
        x, sizes = encode(image, self.encoder)
        x = self.reduction(x)
        for doubling, size in zip(reversed(self.doublings), reversed(sizes), strict=True):
            x = double(x, doubling, size)
        scores: Tensor = self.classifier(x)
        return scores
