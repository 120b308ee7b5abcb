# SPDX-License-Identifier: Apache-2.0
"""A trained network with the facts that its weights file carries."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from segnet_ros.inference.model import SegmentationClass
from segnet_ros.training.checkpoint import CheckpointError, load_weights, read_metadata
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
    try:
        recipe: dict[str, Any] = json.loads(metadata["recipe"])
        entries = json.loads(metadata["classes"])
        classes = tuple(SegmentationClass(c["name"], tuple(c["color"])) for c in entries)
        normalization = Normalization(**json.loads(metadata.get("normalization", "{}")))
        network = build_model(recipe["architecture"], len(classes))
    except (ValueError, LookupError, TypeError) as error:
        msg = (
            f"weights {weights} carry facts that this version cannot use ({error}); "
            "expected a file of `segnet train`"
        )
        raise CheckpointError(msg) from error
    load_weights(weights, network)
    return Trained(network.eval(), recipe, classes, normalization)
