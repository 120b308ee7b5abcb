# SPDX-License-Identifier: Apache-2.0
"""The weights that a run starts from."""

from pathlib import Path

import torch
from torch import nn

from segnet_ros.training.checkpoint import CheckpointError, load_weights, read_any_metadata
from segnet_ros.training.models import build_model
from segnet_ros.training.recipe import NONE, Recipe
from segnet_ros.training.trained import read_classes
from segnet_ros.training.transfer import load_all_but_head, load_encoder


def random_network(recipe: Recipe, classes: int) -> nn.Module:
    """The recipe's architecture with the random weights of its seed."""
    torch.manual_seed(recipe.seed)
    return build_model(recipe.architecture, classes)


def load_start(
    network: nn.Module, recipe: Recipe, initial_weights: Path | None, classes: int
) -> list[str]:
    """Replace random weights by the recipe's encoder and then by given ones.

    Args:
        network: Changed in place.
        recipe: Names the encoder's weights.
        initial_weights: Safetensors of the same architecture; where their number of classes is
            another, all but the head is taken.
        classes: The network's number of classes.

    Returns:
        What was loaded, a line each.

    Raises:
        CheckpointError: weights cannot be had, or do not fit.

    """
    lines = []
    if recipe.encoder_weights != NONE:
        lines.append(str(load_encoder(network, recipe.encoder_weights)))
    if initial_weights is not None:
        lines.append(_load_initial(network, initial_weights, classes))
    return lines


def _load_initial(network: nn.Module, path: Path, classes: int) -> str:
    metadata = read_any_metadata(path)
    if "normalization" in metadata:
        msg = (
            f"weights {path} expect another normalisation of the picture than training uses; "
            "start from weights of `segnet train` or `encoder_weights`"
        )
        raise CheckpointError(msg)
    if "classes" in metadata and len(read_classes(metadata, path)) != classes:
        return str(load_all_but_head(network, path))
    load_weights(path, network)
    return f"{path}: loaded everything"
