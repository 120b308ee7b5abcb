# SPDX-License-Identifier: Apache-2.0
"""The encoder that SegNet's rivals share: VGG16 (Simonyan and Zisserman, arXiv 1409.1556).

Layers nest as in `segnet.SegNet` (stage, layer, convolution), so that `transfer.load_encoder`
treats all networks alike.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import nn

VGG16_WIDTHS = (64, 128, 256, 512, 512)
VGG16_DEPTHS = (2, 2, 3, 3, 3)

Layer = Callable[[int, int], nn.Module]


def conv_relu(inputs: int, outputs: int, dilation: int = 1) -> nn.Sequential:
    """3x3 convolution that keeps the size, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation),
        nn.ReLU(inplace=True),
    )


def chain(maps: Sequence[int], layer: Layer) -> nn.Sequential:
    """One layer from each number of maps to the next."""
    return nn.Sequential(*(layer(a, b) for a, b in pairwise(maps)))


def vgg16_encoder(widths: Sequence[int] = VGG16_WIDTHS, layer: Layer = conv_relu) -> nn.ModuleList:
    """Thirteen 3x3 convolutions in five stages, without the poolings between them.

    Args:
        widths: Maps per stage.
        layer: Makes one convolution, with what follows it, from its numbers of maps.

    """
    inputs = (3, *widths[:-1])
    return nn.ModuleList(
        chain([before] + [width] * depth, layer)
        for before, width, depth in zip(inputs, widths, VGG16_DEPTHS, strict=True)
    )


def fully_connected(
    inputs: int, outputs: int, kernel_size: int, dilation: int = 1
) -> nn.Sequential:
    """One of VGG16's fully connected layers as a convolution that keeps the size."""
    return nn.Sequential(
        nn.Conv2d(
            inputs,
            outputs,
            kernel_size,
            padding=kernel_size // 2 * dilation,
            dilation=dilation,
        ),
        nn.ReLU(inplace=True),
        nn.Dropout(),
    )


def recast_linear_as_convolution(
    linear: nn.Linear, in_channels: int, kernel_size: tuple[int, int]
) -> nn.Conv2d:
    """Make the convolution that a fully connected layer is (arXiv 1411.4038, section 3.1).

    On a map of the size that the layer was trained for it gives the layer's values [N, C, 1, 1]; on
    a larger one it gives a map: the layer slid over the input, in steps of one cell.

    Args:
        linear: Reads a flattened [in_channels, height, width] map.
        in_channels: Maps of its input.
        kernel_size: (height, width) of its input.

    Returns:
        A convolution without padding that holds copies of the weights.

    Raises:
        ValueError: the map has another number of cells than the layer has inputs.

    """
    height, width = kernel_size
    if linear.in_features != in_channels * height * width:
        msg = (
            f"the linear layer has {linear.in_features} inputs; expected {in_channels} maps of "
            f"{height}x{width} cells, {in_channels * height * width} inputs; "
            "check in_channels and kernel_size"
        )
        raise ValueError(msg)
    # Empty, then filled: drawing a hundred million weights takes a second.
    with torch.device("meta"):
        convolution = nn.Conv2d(
            in_channels, linear.out_features, kernel_size, bias=linear.bias is not None
        )
    shape = convolution.weight.shape
    convolution.weight = nn.Parameter(linear.weight.detach().clone().view(shape))
    if linear.bias is not None:
        convolution.bias = nn.Parameter(linear.bias.detach().clone())
    return convolution
