# SPDX-License-Identifier: Apache-2.0
"""Safetensors that somebody else may have written: names, shapes and bytes, nothing else.

The library compares shapes with places and places with the file's length before it takes memory.
"""

from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

_LENGTH_BYTES = 8
_LONGEST_HEADER = 4 << 20


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read all tensors by name.

    Raises:
        ValueError: the header is longer than any network's.
        Exception: the library's, of several kinds, where the file is missing or damaged.

    """
    _refuse_long_header(path)
    return load_file(path)


def load_metadata(path: Path) -> dict[str, str]:
    """Read what is noted beside the tensors; may be nothing. Raises as `load_tensors` does."""
    _refuse_long_header(path)
    with safe_open(path, framework="pt") as file:
        return file.metadata() or {}


def _refuse_long_header(path: Path) -> None:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
    if length > _LONGEST_HEADER:
        msg = f"its header claims {length} bytes, expected up to {_LONGEST_HEADER}"
        raise ValueError(msg)
