# SPDX-License-Identifier: Apache-2.0
"""What SegNet-Basic and its paper's decoder variants share: arXiv 1511.00561v3, section 3.1."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segnet_ros.training.models.layers import conv_bn_relu, initialize, initialize_classifier

STAGES = 4
_LEARNED_KERNEL = 8


def basic_encoder(kernel_size: int, width: int) -> nn.ModuleList:
    """Four stages of one convolution, batch norm and ReLU; all variants have this encoder.

    Raises:
        ValueError: `kernel_size` is even.

    """
    if kernel_size % 2 == 0:
        msg = f"kernel_size is {kernel_size}; expected an odd number, such as 7"
        raise ValueError(msg)
    return nn.ModuleList(
        conv_bn_relu(3 if stage == 0 else width, width, kernel_size) for stage in range(STAGES)
    )


def score_maps(width: int, classes: int) -> nn.Conv2d:
    """The 1x1 convolution that compresses `width` maps to one per class."""
    scores = nn.Conv2d(width, classes, 1)
    initialize(scores)
    initialize_classifier(scores)
    return scores


def learned_doubling(maps: int) -> nn.ConvTranspose2d:
    """An 8x8 transposed convolution of all maps that doubles the size, without a bias.

    It starts as exact bilinear interpolation of every map by itself: the 4x4 kernel of that is
    the middle of the 8x8 one. A tent that fills 8x8 interpolates by four, and would blur and
    scale up here.
    """
    doubling = nn.ConvTranspose2d(
        maps, maps, _LEARNED_KERNEL, stride=2, padding=_LEARNED_KERNEL // 2 - 1, bias=False
    )
    tent = torch.tensor([0, 0, 0.25, 0.75, 0.75, 0.25, 0, 0])
    with torch.no_grad():
        doubling.weight.copy_(torch.eye(maps)[:, :, None, None] * torch.outer(tent, tent))
    return doubling


def pool(x: Tensor) -> Tensor:
    """Max pooling of 2x2 windows, by Caffe's ceil rule, that forgets where the maxima were."""
    return F.max_pool2d(x, 2, 2, ceil_mode=True)


def encode(image: Tensor, encoder: Iterable[nn.Module]) -> tuple[Tensor, list[tuple[int, int]]]:
    """Run every stage and pool; also return the (height, width) before each pooling."""
    x = image
    sizes = []
    for stage in encoder:
        x = stage(x)
        sizes.append((x.shape[2], x.shape[3]))
        x = pool(x)
    return x, sizes


def double(x: Tensor, doubling: nn.Module, size: tuple[int, int]) -> Tensor:
    """Double the size and cut off what ceil pooling had added: [N, C, h, w] to [N, C, *size]."""
    doubled: Tensor = doubling(x)
    return doubled[:, :, : size[0], : size[1]]
