# SPDX-License-Identifier: Apache-2.0
"""Files that training leaves: resumable checkpoints and weights. Written whole or not at all."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from segnet_ros.inference.files import replacing


class CheckpointError(ValueError):
    """A checkpoint or weights file is missing, damaged, or of another network."""


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors, numbers and strings, nested in dicts and lists; replaces the old file."""
    with replacing(path) as partial:
        torch.save(state, partial)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote; nothing in the file is executed.

    Raises:
        CheckpointError: the file is damaged or holds something else.

    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        msg = f"checkpoint {path} cannot be read ({error}); delete it to start over"
        raise CheckpointError(msg) from error
    if not isinstance(state, dict) or "recipe" not in state:
        msg = (
            f"checkpoint {path} holds no training run; expected a file of `segnet train`; "
            "delete it to start over"
        )
        raise CheckpointError(msg)
    return state


def save_weights(path: Path, model: nn.Module, metadata: dict[str, str]) -> None:
    """Write a network's parameters and buffers as safetensors."""
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    with replacing(path) as partial:
        save_file(tensors, partial, metadata)


def load_weights(path: Path, model: nn.Module) -> None:
    """Load safetensors into a network of the same architecture.

    Raises:
        CheckpointError: the file is missing or damaged, or names and shapes differ.

    """
    tensors = read_weights(path)
    refuse_other_shapes(path, tensors, model.state_dict())
    model.load_state_dict(tensors)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name; CheckpointError if the file is missing or damaged."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        msg = f"weights {path} cannot be read: {error}"
        raise CheckpointError(msg) from error


def refuse_other_shapes(
    path: Path, tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]
) -> None:
    """Raise CheckpointError unless names and shapes are equal."""
    wrong = sorted(
        name
        for name in tensors.keys() | expected.keys()
        if _shape(tensors, name) != _shape(expected, name)
    )
    if wrong:
        name = wrong[0]
        msg = (
            f"weights {path} are of another network: {len(wrong)} tensors differ, first {name} "
            f"({_shape(tensors, name)} in the file, {_shape(expected, name)} expected); "
            "check the architecture and the number of classes"
        )
        raise CheckpointError(msg)


def read_metadata(path: Path) -> dict[str, str]:
    """What `save_weights` noted beside the tensors.

    Raises:
        CheckpointError: the file is missing or damaged, or names no recipe or no classes.

    """
    metadata = read_any_metadata(path)
    for fact in ("recipe", "classes"):
        if fact not in metadata:
            msg = f"weights {path} carry no {fact}; expected a file of `segnet train`"
            raise CheckpointError(msg)
    return metadata


def read_any_metadata(path: Path) -> dict[str, str]:
    """Whatever is noted beside the tensors of a safetensors file; may be nothing.

    Raises:
        CheckpointError: the file is missing or damaged.

    """
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}
    except (OSError, SafetensorError) as error:
        msg = f"weights {path} cannot be read: {error}"
        raise CheckpointError(msg) from error


def _shape(tensors: Mapping[str, Tensor], name: str) -> tuple[int, ...] | None:
    return tuple(tensors[name].shape) if name in tensors else None
