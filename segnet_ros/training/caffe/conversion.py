# SPDX-License-Identifier: Apache-2.0
"""Networks that the SegNet authors released for Caffe, as weights of ours.

Read are the files of their model zoo and what their tutorial trains: SegNet, SegNet-Basic and the
Bayesian variants. At inference their batch norm is y = scale * x + shift, so the imported network
answers as theirs does; what it cannot do is train on well, because the statistics of the data are
no longer apart from the weights. Where dropout is not placed as in our Bayesian networks (the
zoo's segnet_pascal), the plain network is imported: unless it samples, dropout does nothing.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from segnet_ros.inference.excerpts import listed, plain, shown
from segnet_ros.inference.model import SegmentationClass, file_sha256
from segnet_ros.training.caffe.classes import usual_classes
from segnet_ros.training.caffe.proto import (
    CaffeBlob,
    CaffeImportError,
    CaffeLayer,
    read_caffemodel,
)
from segnet_ros.training.caffe.recognition import (
    SEGNET_BASIC,
    Layers,
    count_outputs,
    find_classifier,
    recognize,
    recognize_family,
)
from segnet_ros.training.checkpoint import save_weights
from segnet_ros.training.models import build_model

# Their networks see the bytes of a picture as they are, in OpenCV's order.
NORMALIZATION = {"mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0], "bgr": True}


class Imported(NamedTuple):
    """What a caffemodel turned out to hold.

    Attributes:
        architecture: A key of `ARCHITECTURES`.
        classes: In order of their ids.

    """

    architecture: str
    classes: tuple[SegmentationClass, ...]


def import_caffe(
    path: Path, output: Path, classes: tuple[SegmentationClass, ...] | None = None
) -> Imported:
    """Convert a .caffemodel into a weights file.

    Args:
        path: The caffemodel, after the authors' compute_bn_statistics.py.
        output: Safetensors to write, as `train` does; an older file is replaced.
        classes: In order of their ids; by default `usual_classes`.

    Raises:
        CaffeImportError: the file holds no such network, or another number of classes.
        OSError: a file cannot be read or written.

    """
    try:
        network, imported = _convert(path, classes)
    except CaffeImportError as error:
        msg = f"{path}: {error}"
        raise CaffeImportError(msg) from error
    recipe = {
        "architecture": imported.architecture,
        "source": path.name,
        "source_sha256": file_sha256(path),
    }
    facts = {
        "recipe": recipe,
        "classes": [asdict(item) for item in imported.classes],
        "normalization": NORMALIZATION,
    }
    save_weights(output, network, {key: json.dumps(fact) for key, fact in facts.items()})
    return imported


def _convert(
    path: Path, classes: tuple[SegmentationClass, ...] | None
) -> tuple[nn.Module, Imported]:
    layers = {layer.name: layer for layer in read_caffemodel(path)}
    architecture = recognize(layers)
    classifier = find_classifier(layers)
    outputs = count_outputs(classifier)
    if classes is not None and len(classes) != outputs:
        msg = (
            f"{plain(classifier.name)} has {outputs} outputs, but {len(classes)} classes are "
            "named; name them all, in the order of the labels it was trained on"
        )
        raise CaffeImportError(msg)
    family = recognize_family(layers)
    with torch.device("meta"):  # a file of a few bytes shall not cost a network's memory
        shapes = build_model(architecture, outputs)
    _check_all(_all_modules(shapes, family, classifier.name), layers)
    network = build_model(architecture, outputs)
    modules = _all_modules(network, family, classifier.name)
    for name, module in modules.items():
        _fill(module, layers[name])
    found = classes or usual_classes(outputs)
    _drop_first(modules[classifier.name], outputs - len(found))
    return network, Imported(architecture, found)


def _all_modules(network: nn.Module, family: str, classifier: str) -> dict[str, nn.Module]:
    return {
        **dict(_named_modules(network, family)),
        classifier: network.get_submodule("classifier"),
    }


def _named_modules(network: nn.Module, family: str) -> Iterator[tuple[str, nn.Module]]:
    """Convolutions and batch norms of all stages, by the tutorial's names."""
    stages = zip(
        network.get_submodule("encoder").children(),
        network.get_submodule("decoder").children(),
        strict=True,
    )
    for stage, (encoder, decoder) in enumerate(stages, start=1):
        down, up = _units(encoder), _units(decoder)
        names = _stage_names(family, stage, len(down), len(up))
        for name, (convolution, norm) in zip(names, down + up, strict=True):
            yield name, convolution
            yield f"{name}_bn", norm


def _units(stage: nn.Module) -> list[tuple[nn.Module, nn.Module]]:
    convolutions = (module for module in stage.modules() if isinstance(module, nn.Conv2d))
    norms = (module for module in stage.modules() if isinstance(module, nn.BatchNorm2d))
    return list(zip(convolutions, norms, strict=True))


def _stage_names(family: str, stage: int, down: int, up: int) -> list[str]:
    """Convolutions count upwards in an encoder stage, and downwards in its mirror image."""
    if family == SEGNET_BASIC:
        return [f"conv{stage}", f"conv_decode{stage}"]
    encoder = [f"conv{stage}_{k + 1}" for k in range(down)]
    return encoder + [f"conv{stage}_{down - k}_D" for k in range(up)]


def _check_all(modules: dict[str, nn.Module], layers: Layers) -> None:
    trained = {name for name, layer in layers.items() if layer.blobs}
    missing, unknown = sorted(modules.keys() - trained), sorted(trained - modules.keys())
    if missing or unknown:
        msg = (
            f"missing layers: {listed(missing) or 'none'}; "
            f"unknown layers: {listed(unknown) or 'none'}; expected a network of the SegNet authors"
        )
        raise CaffeImportError(msg)
    for name, module in modules.items():
        _check(module, layers[name])


def _check(module: nn.Module, layer: CaffeLayer) -> None:
    parameters = dict(module.named_parameters())
    if len(layer.blobs) != len(parameters):
        msg = (
            f"{plain(layer.name)} has {len(layer.blobs)} blobs; expected {' and '.join(parameters)}"
        )
        raise CaffeImportError(msg)
    for blob, parameter in zip(layer.blobs, parameters.values(), strict=True):
        _check_blob(blob, parameter, layer.name)


def _fill(module: nn.Module, layer: CaffeLayer) -> None:
    """Weights and biases, or scale and shift; a batch norm's statistics become neutral."""
    for blob, parameter in zip(layer.blobs, module.parameters(), strict=True):
        with torch.no_grad():
            parameter.copy_(torch.from_numpy(blob.values).view_as(parameter))
    if isinstance(module, nn.BatchNorm2d):
        module.get_buffer("running_mean").zero_()
        module.get_buffer("running_var").fill_(1.0 - module.eps)


def _check_blob(blob: CaffeBlob, parameter: Tensor, name: str) -> None:
    expected = tuple(parameter.shape)
    fits = _without_ones(blob.shape) == _without_ones(expected)
    if not fits or blob.values.size != parameter.numel():
        msg = (
            f"{plain(name)} has a blob of shape {shown(blob.shape)} with {blob.values.size} "
            f"values; expected {expected}"
        )
        raise CaffeImportError(msg)
    if not np.isfinite(blob.values).all():
        msg = f"{plain(name)} holds values that are not finite: its training diverged"
        raise CaffeImportError(msg)


def _drop_first(classifier: nn.Module, outputs: int) -> None:
    for name, parameter in list(classifier.named_parameters()):
        setattr(classifier, name, nn.Parameter(parameter.detach()[outputs:]))


def _without_ones(shape: Sequence[int]) -> tuple[int, ...]:
    """Caffe's versions write a vector as [C], [1, C, 1, 1] or [1, 1, 1, C]."""
    return tuple(length for length in shape if length != 1)
