# SPDX-License-Identifier: Apache-2.0
"""What training on points minimises."""

import torch.nn.functional as F
from torch import Tensor

# A miscount of some things then weighs about as much as their missing density of 2 px Gaussians.
_COUNT_WEIGHT = 0.01


def heatmap_loss(maps: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy, weighted by the squared error: the quality focal loss of arXiv 2006.04388.

    The many pixels that are far from every keypoint, and known to be, weigh next to nothing; and
    unlike a focal loss with hard positives, it is smallest where the maps equal the targets.

    Args:
        maps: float [N, kinds, H, W], 0..1.
        targets: The same shape, see `points.heatmaps`.

    Returns:
        The sum over all pixels by the sum of the targets, so that the size of the picture and the
        number of keypoints do not matter.

    """
    entropy = F.binary_cross_entropy(maps, targets, reduction="none")
    return ((maps - targets) ** 2 * entropy).sum() / targets.sum().clamp(min=1)


def density_loss(maps: Tensor, targets: Tensor) -> Tensor:
    """Squared error of every pixel, and of the counts, per thing.

    The pixels tell where, the count tells how many where they are too blurred to: it is the
    largest of the boxes over which Lempitsky and Zisserman (NIPS 2010) compare densities.

    Args:
        maps: float [N, kinds, H, W], things per pixel.
        targets: The same shape, see `points.densities`.

    """
    things = targets.sum().clamp(min=1)
    miscount = (maps - targets).sum(dim=(2, 3))
    return ((maps - targets).square().sum() + _COUNT_WEIGHT * miscount.square().sum()) / things
