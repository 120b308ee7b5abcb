# SPDX-License-Identifier: Apache-2.0
"""Networks with random weights: speed does not depend on what was learnt."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from segnet_ros.training.models import build_model

CLASSES = 11
"""CamVid's."""


def random_network(architecture: str) -> nn.Module:
    """An architecture, always with the same weights, its batch normalisation folded.

    Raises:
        ValueError: there is no such architecture.

    """
    torch.manual_seed(0)
    return _fold(build_model(architecture, CLASSES).eval())


def _fold(module: nn.Module) -> nn.Module:
    for name, child in module.named_children():
        setattr(module, name, _fold(child))
    if isinstance(module, nn.Sequential):
        return nn.Sequential(*_folded_layers(list(module)))
    return module


def _folded_layers(layers: Sequence[nn.Module]) -> Sequence[nn.Module]:
    match layers:
        case [nn.Conv2d() as convolution, nn.BatchNorm2d() as norm, *rest]:
            return [fuse_conv_bn_eval(convolution, norm), *rest]
    return layers
