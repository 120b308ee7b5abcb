# SPDX-License-Identifier: Apache-2.0
"""A trained network with the facts that its weights file carries."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from segnet_ros.datasets.class_list import parse_taxonomy
from segnet_ros.datasets.frames import DatasetError
from segnet_ros.inference.excerpts import one_line
from segnet_ros.inference.model import SegmentationClass
from segnet_ros.training.checkpoint import (
    CheckpointError,
    read_metadata,
    read_weights,
    refuse_other_shapes,
)
from segnet_ros.training.models import build_model
from segnet_ros.training.normalization import Normalization


@dataclass(frozen=True)
class Trained:
    """A network ready to answer.

    Attributes:
        network: In evaluation mode.
        recipe: How it was made; `architecture` at least.
        classes: In order of their ids.
        normalization: From camera bytes to the network's input.

    """

    network: nn.Module
    recipe: dict[str, Any]
    classes: tuple[SegmentationClass, ...]
    normalization: Normalization


def load_trained(weights: Path) -> Trained:
    """Rebuild the network of a weights file.

    Args:
        weights: Safetensors whose metadata hold JSON: `recipe`, `classes` (names and colours) and,
            where it is not ImageNet's, `normalization` (the arguments of `Normalization`).

    Raises:
        CheckpointError: the file is missing or damaged, or its facts cannot be used.

    """
    metadata = read_metadata(weights)
    recipe = _fact(metadata, "recipe", weights)
    classes = read_classes(metadata, weights)
    normalization = _normalization(metadata, weights)
    try:
        with torch.device("meta"):
            expected = build_model(recipe["architecture"], len(classes)).state_dict()
    except (ValueError, LookupError, TypeError) as error:
        raise _useless(weights, "recipe", error) from error
    tensors = read_weights(weights)
    refuse_other_shapes(weights, tensors, expected)
    network = build_model(recipe["architecture"], len(classes))
    network.load_state_dict(tensors)
    return Trained(network.eval(), recipe, classes, normalization)


def read_classes(metadata: Mapping[str, str], weights: Path) -> tuple[SegmentationClass, ...]:
    """Take the classes from a weights file's facts.

    Raises:
        CheckpointError: they are no names with colours, or too many.

    """
    entries = _fact(metadata, "classes", weights)
    try:
        plain = [{"name": entry["name"], "color": entry["color"]} for entry in entries]
        return parse_taxonomy(weights.name, plain, void=[]).classes
    except (LookupError, TypeError, DatasetError) as error:
        raise _useless(weights, "classes", error) from error


def _normalization(metadata: Mapping[str, str], weights: Path) -> Normalization:
    if "normalization" not in metadata:
        return Normalization()
    try:
        normalization = Normalization(**_fact(metadata, "normalization", weights))
        _refuse_senseless(normalization)
    except (TypeError, ValueError, RuntimeError) as error:
        raise _useless(weights, "normalization", error) from error
    return normalization


def _refuse_senseless(normalization: Normalization) -> None:
    mean, std = normalization.mean, normalization.std
    if not (mean.isfinite().all() and std.isfinite().all() and (std > 0).all()):
        msg = f"mean {mean.flatten().tolist()} and std {std.flatten().tolist()}"
        raise ValueError(msg)


def _fact(metadata: Mapping[str, str], name: str, weights: Path) -> Any:
    try:
        return json.loads(metadata[name])
    except (ValueError, RecursionError) as error:
        raise _useless(weights, name, error) from error


def _useless(weights: Path, fact: str, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"weights {weights} carry facts that this version cannot use ({fact}: {one_line(error)}); "
        "expected a file of `segnet train`"
    )
