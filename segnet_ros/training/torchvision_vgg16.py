# SPDX-License-Identifier: Apache-2.0
"""Torchvision's VGG16 and VGG16-BN, trained on ImageNet, from a file or by name."""

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from torch import Tensor, nn

from segnet_ros.inference.excerpts import one_line
from segnet_ros.training.checkpoint import CheckpointError
from segnet_ros.training.safetensors_file import load_tensors
from segnet_ros.training.torch_file import load_torch_file

NAMES = ("vgg16", "vgg16_bn")

_Module = TypeVar("_Module", bound=nn.Module)


@dataclass(frozen=True)
class VGG16:
    """The layers of a state dict that have weights.

    Attributes:
        source: The file, or torchvision's name.
        convolutions: In the order of the data flow.
        norms: The batch normalisation after each convolution; none in plain VGG16.
        linears: By their names in the state dict, such as `classifier.0`.

    """

    source: str
    convolutions: list[nn.Conv2d]
    norms: list[nn.BatchNorm2d]
    linears: dict[str, nn.Linear]


def read_vgg16(source: str | Path) -> VGG16:
    """Read weights and find their layers.

    Args:
        source: A state dict (.pth, or .safetensors), or `vgg16` or `vgg16_bn` to have torchvision
            fetch it.

    Raises:
        CheckpointError: the weights cannot be had or read, or hold no such network.

    """
    source = str(source)
    tensors = _from_torchvision(source) if source in NAMES else _from_file(Path(source))
    try:
        layers = VGG16(source, _convolutions(tensors), _norms(tensors), _linears(tensors))
    except (LookupError, TypeError, ValueError, RuntimeError) as error:
        msg = f"weights {source} are not torchvision's VGG16 or VGG16-BN: {one_line(error)}"
        raise CheckpointError(msg) from error
    if not layers.convolutions:
        msg = (
            f"weights {source} hold no features.0.weight; expected torchvision's VGG16 or VGG16-BN"
        )
        raise CheckpointError(msg)
    return layers


def _from_torchvision(name: str) -> Mapping[str, Tensor]:
    try:
        models = importlib.import_module("torchvision.models")
        weights = models.get_model_weights(name).IMAGENET1K_V1
        tensors: Mapping[str, Tensor] = weights.get_state_dict(progress=True, check_hash=True)
    except (ImportError, OSError, RuntimeError) as error:
        msg = (
            f"weights {name} cannot be had from torchvision ({one_line(error)}); install the "
            "torchvision that fits this PyTorch and check the network, or give the weights' file "
            "instead"
        )
        raise CheckpointError(msg) from error
    return tensors


def _from_file(path: Path) -> Mapping[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_tensors(path)
        tensors = load_torch_file(path)
    except Exception as error:
        msg = (
            f"weights {path} cannot be read ({one_line(error)}); expected a state dict as .pth or "
            f".safetensors, or one of the names {', '.join(NAMES)}"
        )
        raise CheckpointError(msg) from error
    if not isinstance(tensors, dict) or not all(isinstance(t, Tensor) for t in tensors.values()):
        msg = f"weights {path} hold no state dict; expected names and tensors, nothing else"
        raise CheckpointError(msg)
    return tensors


def _convolutions(tensors: Mapping[str, Tensor]) -> list[nn.Conv2d]:
    return [
        _filled(_empty_convolution(tensors[f"{name}.weight"]), tensors, name)
        for name in _layers(tensors, "features")
        if tensors[f"{name}.weight"].ndim == 4
    ]


def _empty_convolution(weight: Tensor) -> nn.Conv2d:
    outputs, inputs, height, width = weight.shape
    return nn.Conv2d(inputs, outputs, (height, width), device="meta")


def _norms(tensors: Mapping[str, Tensor]) -> list[nn.BatchNorm2d]:
    return [
        _filled(nn.BatchNorm2d(len(tensors[f"{name}.weight"]), device="meta"), tensors, name)
        for name in _layers(tensors, "features")
        if f"{name}.running_mean" in tensors
    ]


def _linears(tensors: Mapping[str, Tensor]) -> dict[str, nn.Linear]:
    layers = {name: tensors[f"{name}.weight"] for name in _layers(tensors, "classifier")}
    return {
        name: _filled(nn.Linear(w.shape[1], w.shape[0], device="meta"), tensors, name)
        for name, w in layers.items()
    }


def _layers(tensors: Mapping[str, Tensor], part: str) -> list[str]:
    """Names such as features.0; torchvision counts ReLUs and poolings too."""
    matches = [re.fullmatch(rf"{part}\.(\d+)\.weight", name) for name in tensors]
    return [f"{part}.{number}" for number in sorted(int(match[1]) for match in matches if match)]


def _filled(module: _Module, tensors: Mapping[str, Tensor], layer: str) -> _Module:
    start = f"{layer}."
    own = {name.removeprefix(start): t for name, t in tensors.items() if name.startswith(start)}
    module.load_state_dict(own, assign=True)
    return module.eval()
