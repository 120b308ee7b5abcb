# SPDX-License-Identifier: Apache-2.0
"""Files that training leaves: resumable checkpoints and weights. Written whole or not at all."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from segnet_ros.inference.excerpts import one_line, plain
from segnet_ros.inference.files import replacing
from segnet_ros.training.safetensors_file import load_metadata, load_tensors
from segnet_ros.training.torch_file import load_torch_file

_LENGTH = struct.Struct("<Q")
"""Of a safetensors file's header, before it."""


class CheckpointError(ValueError):
    """A checkpoint or weights file is missing, damaged, or of another network."""


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors, numbers and strings, nested in dicts and lists; replaces the old file.

    Raises:
        FileWriteError: it cannot be written; the old file is still there.

    """
    with replacing(path) as partial, partial.open("wb") as file:
        try:
            torch.save(state, file)
        except RuntimeError as error:
            # After a failed write PyTorch still ends its archive, and tells only that it cannot.
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote; nothing in the file is executed.

    Raises:
        CheckpointError: the file is damaged or holds something else.

    """
    try:
        state: dict[str, Any] = load_torch_file(path)
    except Exception as error:
        msg = f"checkpoint {path} cannot be read ({one_line(error)}); delete it to start over"
        raise CheckpointError(msg) from error
    if not isinstance(state, dict) or "recipe" not in state:
        msg = (
            f"checkpoint {path} holds no training run; expected a file of `segnet train`; "
            "delete it to start over"
        )
        raise CheckpointError(msg)
    return state


def save_weights(path: Path, model: nn.Module, metadata: dict[str, str]) -> None:
    """Write a network's parameters and buffers as safetensors; the same ones give the same bytes.

    Raises:
        FileWriteError: it cannot be written; an older file is still there.

    """
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    # Not save_file, which tells of a full disk in an error of its own.
    content = save(tensors, metadata)
    with replacing(path) as partial, partial.open("wb") as file:
        file.writelines(_with_sorted_metadata(content))


def _with_sorted_metadata(content: bytes) -> tuple[bytes, memoryview]:
    """A safetensors file's header and tensors; the library notes metadata in an order by chance."""
    start = _LENGTH.size + _LENGTH.unpack_from(content)[0]
    header = json.loads(content[_LENGTH.size : start])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _LENGTH.size)
    return _LENGTH.pack(len(text)) + text, memoryview(content)[start:]


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
        return load_tensors(path)
    except Exception as error:  # the library's own, and what PyTorch says of shapes
        msg = f"weights {path} cannot be read: {one_line(error)}; restore the file"
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
            f"weights {path} are of another network: {len(wrong)} tensors differ, first "
            f"{plain(name)} ({_shape(tensors, name)} in the file, {_shape(expected, name)} "
            "expected); check the architecture and the number of classes"
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
        return load_metadata(path)
    except Exception as error:
        msg = f"weights {path} cannot be read: {one_line(error)}; restore the file"
        raise CheckpointError(msg) from error


def _shape(tensors: Mapping[str, Tensor], name: str) -> tuple[int, ...] | None:
    return tuple(tensors[name].shape) if name in tensors else None
