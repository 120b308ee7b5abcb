# SPDX-License-Identifier: Apache-2.0
"""FCN-Basic, with and without dimensionality reduction: arXiv 1511.00561v3, section 3.1."""

from torch import Tensor, nn

from segnet_ros.training.models.basic import (
    STAGES,
    basic_encoder,
    double,
    learned_doubling,
    pool,
    score_maps,
)
from segnet_ros.training.models.layers import initialize


class FCNBasic(nn.Module):
    """SegNet-Basic's encoder with FCN's decoder: learned upsampling, plus the encoder's maps.

    Every decoder is an 8x8 transposed convolution of all maps, and the sum with the maps of the
    encoder that it mirrors. With dimensionality reduction, 1x1 convolutions first compress all
    that leaves the encoder to one map per class, and the last sum is the scores.

    0.647 M parameters for 11 classes; Table 1: 0.65 M. Without dimensionality reduction
    1.662 M; Table 1: 1.625 M, which four 8x8 kernels of 64 maps and the encoder alone exceed.

    The paper is silent on three points. The maps come from before the pooling (after the ReLU):
    these have the size of their decoder's result, and every decoder is said to add some. There is
    no batch norm in the decoder, as in FCN. Without dimensionality reduction a 1x1 convolution
    gives the scores, as in SegNet-Basic.

    Args:
        classes: Number of classes.
        dim_reduction: Whether what leaves the encoder is compressed.
        kernel_size: Of every encoder convolution, odd; the paper uses 7.
        width: Maps per encoder; the paper uses 64.

    """

    def __init__(
        self, classes: int, dim_reduction: bool = True, kernel_size: int = 7, width: int = 64
    ) -> None:
        super().__init__()
        self.encoder = basic_encoder(kernel_size, width)
        self.encoder.apply(initialize)
        self.reductions = nn.ModuleList(
            score_maps(width, classes) if dim_reduction else nn.Identity()
            for _ in range(STAGES + 1)
        )
        maps = classes if dim_reduction else width
        self.doublings = nn.ModuleList(learned_doubling(maps) for _ in range(STAGES))
        self.classifier = nn.Identity() if dim_reduction else score_maps(width, classes)

    def forward(self, image: Tensor) -> Tensor:
        """Score classes: float [N, 3, H, W], normalised RGB, to logits [N, classes, H, W]."""
        *reductions, last_reduction = self.reductions
        x = image
        memory: list[Tensor] = []
        for stage, reduction in zip(self.encoder, reductions, strict=True):
            x = stage(x)
            memory.append(reduction(x))
            x = pool(x)
        x = last_reduction(x)
        for doubling, maps in zip(reversed(self.doublings), reversed(memory), strict=True):
            x = double(x, doubling, (maps.shape[2], maps.shape[3])) + maps
        scores: Tensor = self.classifier(x)
        return scores
