# SPDX-License-Identifier: Apache-2.0
"""Pieces that the architectures share."""

from torch import nn


def conv_bn_relu(inputs: int, outputs: int, kernel_size: int = 3) -> nn.Sequential:
    """Convolution that keeps the size, batch normalisation, ReLU."""
    return nn.Sequential(*conv_bn(inputs, outputs, kernel_size), nn.ReLU(inplace=True))


def conv_bn(inputs: int, outputs: int, kernel_size: int = 3) -> nn.Sequential:
    """Convolution that keeps the size, and batch normalisation."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_size, padding=kernel_size // 2),
        nn.BatchNorm2d(outputs),
    )


def initialize(module: nn.Module) -> None:
    """Draw convolution weights after He et al. (arXiv 1502.01852), biases zero."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def initialize_classifier(convolution: nn.Conv2d) -> None:
    """Start from nearly equal scores: confident wrong ones cost the first epochs."""
    nn.init.normal_(convolution.weight, std=0.01)
