# SPDX-License-Identifier: Apache-2.0
"""Weights of another task as a start: ImageNet's VGG16, or a network of other classes."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from segnet_ros.inference.excerpts import one_line
from segnet_ros.training.checkpoint import (
    CheckpointError,
    read_metadata,
    read_weights,
    refuse_other_shapes,
)
from segnet_ros.training.models import build_model
from segnet_ros.training.models.vgg16 import recast_linear_as_convolution
from segnet_ros.training.torchvision_vgg16 import VGG16, read_vgg16

# The layer after these, classifier.6, knows ImageNet's classes only.
_FULLY_CONNECTED = {"fc6": "classifier.0", "fc7": "classifier.3"}

_Module = TypeVar("_Module", bound=nn.Module)


@dataclass(frozen=True)
class Transfer:
    """What a network took over.

    Attributes:
        source: The file, or the name of torchvision's weights.
        loaded: Names of the network's tensors that were set.
        kept: Names of those that stay as they were.
        unused: Names of the source's tensors that found no place in the network.
        note: What else to know; may be empty.

    """

    source: str
    loaded: tuple[str, ...]
    kept: tuple[str, ...]
    unused: tuple[str, ...]
    note: str

    def __str__(self) -> str:
        """One line: how many tensors, by the part that they belong to."""
        text = f"{self.source}: loaded {_by_part(self.loaded)}; not loaded: {_by_part(self.kept)}"
        if self.unused:
            text += f"; in the source but not used: {_by_part(self.unused)}"
        return f"{text}; {self.note}" if self.note else text


def load_encoder(network: nn.Module, source: str | Path) -> Transfer:
    """Start an encoder from torchvision's VGG16 or VGG16-BN, trained on ImageNet.

    Batch normalisation is copied where both have it, and folded into the convolutions where only
    the source has it: the encoder then computes what the source does. Where only the network has
    it, just the convolutions are loaded. The fully connected layers become the convolutions `fc6`
    and `fc7` of networks that have them in the source's size.

    Args:
        network: Changed in place, or not at all. Its `encoder` holds VGG16's thirteen convolutions.
        source: A state dict (.pth, or .safetensors), or `vgg16` or `vgg16_bn` to have torchvision
            fetch it.

    Raises:
        CheckpointError: the weights cannot be had or read, or do not fit the encoder.

    """
    vgg16 = read_vgg16(source)
    recast = _recast_layers(network, vgg16)
    layers = _encoder_layers(network, vgg16) | recast
    values = {
        f"{name}.{kind}": tensor
        for name, layer in layers.items()
        for kind, tensor in layer.state_dict().items()
    }
    _refuse_nan(values, vgg16.source)
    network.load_state_dict(values, strict=False)
    return _transfer(network, vgg16.source, values, _unused(vgg16, recast), _note(network, vgg16))


def load_all_but_head(network: nn.Module, weights: Path) -> Transfer:
    """Start from a network of the same architecture that was trained for other classes.

    If the numbers of classes differ, all tensors whose shapes follow from them are left out;
    otherwise everything is loaded.

    Args:
        network: Changed in place, or not at all.
        weights: Safetensors as `train` writes them.

    Raises:
        CheckpointError: the file is missing or damaged, or of another architecture.

    """
    head = _head(weights)
    tensors, expected = read_weights(weights), network.state_dict()
    if all(name in tensors and tensors[name].shape == expected[name].shape for name in head):
        head = set()
    values = _without(tensors, head)
    refuse_other_shapes(weights, values, _without(expected, head))
    network.load_state_dict(values, strict=False)
    return _transfer(network, str(weights), values, unused=head & tensors.keys(), note="")


def _without(tensors: Mapping[str, Tensor], names: Collection[str]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if name not in names}


def _encoder_layers(network: nn.Module, vgg16: VGG16) -> dict[str, nn.Module]:
    convolutions = _within(network, "encoder", nn.Conv2d)
    norms = _within(network, "encoder", nn.BatchNorm2d)
    _refuse_other_encoder(convolutions.values(), vgg16)
    sources = vgg16.convolutions if norms else _folded(vgg16)
    layers: dict[str, nn.Module] = dict(zip(convolutions, sources, strict=True))
    if norms and vgg16.norms:
        layers |= zip(norms, vgg16.norms, strict=True)
    return layers


def _folded(vgg16: VGG16) -> list[nn.Conv2d]:
    if not vgg16.norms:
        return vgg16.convolutions
    pairs = zip(vgg16.convolutions, vgg16.norms, strict=True)
    return [fuse_conv_bn_eval(convolution, norm) for convolution, norm in pairs]


def _recast_layers(network: nn.Module, vgg16: VGG16) -> dict[str, nn.Module]:
    layers: dict[str, nn.Module] = {}
    for part, name in _FULLY_CONNECTED.items():
        linear = vgg16.linears.get(name)
        for target, convolution in _within(network, part, nn.Conv2d).items():
            outputs, inputs, height, width = convolution.weight.shape
            if linear is not None and linear.weight.shape == (outputs, inputs * height * width):
                layers[target] = recast_linear_as_convolution(linear, inputs, (height, width))
    return layers


def _unused(vgg16: VGG16, recast: Iterable[str]) -> list[str]:
    parts = {part for name in recast for part in name.split(".")}
    used = {linear for part, linear in _FULLY_CONNECTED.items() if part in parts}
    left = vgg16.linears.keys() - used
    return [f"{name}.{kind}" for name in left for kind in ("weight", "bias")]


def _refuse_other_encoder(convolutions: Iterable[nn.Conv2d], vgg16: VGG16) -> None:
    ours, theirs = (
        [tuple(convolution.weight.shape) for convolution in layers]
        for layers in (convolutions, vgg16.convolutions)
    )
    for number, (our, their) in enumerate(zip_longest(ours, theirs), start=1):
        if our != their:
            msg = (
                f"weights {vgg16.source} do not fit the encoder: convolution {number} is {their} "
                f"in the weights, {our} in the network; expected VGG16 on both sides, as in "
                "segnet, fcn_8s, deconvnet or deeplab_largefov"
            )
            raise CheckpointError(msg)


def _refuse_nan(values: Mapping[str, Tensor], source: str) -> None:
    for name, tensor in values.items():
        if not tensor.isfinite().all():
            msg = (
                f"weights {source} would put NaN or infinity into {name}; expected weights that "
                "are whole: torchvision's IMAGENET1K_FEATURES, for one, have no classifier"
            )
            raise CheckpointError(msg)


def _note(network: nn.Module, vgg16: VGG16) -> str:
    match bool(_within(network, "encoder", nn.BatchNorm2d)), bool(vgg16.norms):
        case True, False:
            return (
                "convolutions only: the weights have no batch normalisation, the encoder's stays "
                "as it was"
            )
        case False, True:
            return "batch normalisation folded into the convolutions"
    return ""


def _head(weights: Path) -> set[str]:
    """Names of the tensors whose shapes follow from the number of classes."""
    recipe = read_metadata(weights)["recipe"]
    try:
        architecture = json.loads(recipe)["architecture"]
        with torch.device("meta"):
            two, three = (build_model(architecture, n).state_dict() for n in (2, 3))
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        msg = (
            f"weights {weights} carry a recipe that this version cannot use ({one_line(error)}); "
            "expected a file of `segnet train`"
        )
        raise CheckpointError(msg) from error
    return {name for name in two if two[name].shape != three[name].shape}


def _transfer(
    network: nn.Module, source: str, values: Mapping[str, Tensor], unused: Iterable[str], note: str
) -> Transfer:
    names = network.state_dict().keys()
    kept = (name for name in names if name not in values)
    return Transfer(source, tuple(values), tuple(kept), tuple(sorted(unused)), note)


def _within(network: nn.Module, part: str, kind: type[_Module]) -> dict[str, _Module]:
    return {
        name: module
        for name, module in network.named_modules()
        if part in name.split(".") and isinstance(module, kind)
    }


def _by_part(names: Iterable[str]) -> str:
    counts = Counter(name.split(".")[0] for name in names)
    return ", ".join(f"{part} ({count})" for part, count in counts.items()) or "nothing"
