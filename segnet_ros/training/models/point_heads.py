# SPDX-License-Identifier: Apache-2.0
"""Other answers from the same encoder-decoders: where keypoints are, and how many things there are.

Both wrap a network that scores classes at the picture's size, and only read its scores in another
way; whatever exports or pre-trains the network within works for them too.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Nearly no pixel is a keypoint: to start from a probability of 1 in 100 spares the first steps
# the flood of false ones (Lin et al., arXiv 1708.02002, section 4.1).
_RARE = -4.6
# Points per pixel amid a Gaussian of 2 px: a last layer of order one then reaches it.
_UNIT = 0.04


class HeatmapNetwork(nn.Module):
    """One heat map per kind of keypoint.

    Args:
        network: Its classes are the kinds of keypoints, such as `SegNetBasic(2)`.

    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Float [N, 3, H, W], normalised RGB, to heat maps 0..1, float [N, kinds, H, W]."""
        return torch.sigmoid(self.network(image) + _RARE)


class DensityNetwork(nn.Module):
    """One density map per kind of thing; the sum over the map, or over a part of it, is the count.

    Args:
        network: Its classes are the kinds of things to count, such as `SegNetBasic(1)`.

    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Float [N, 3, H, W], normalised RGB, to things per pixel, 0 or more, [N, kinds, H, W]."""
        # Softplus is zero nowhere: the sum over thousands of empty pixels is several things.
        return F.relu(self.network(image)) * _UNIT
