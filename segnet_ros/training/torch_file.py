# SPDX-License-Identifier: Apache-2.0
"""Files of `torch.save` that somebody else may have written: tensors and plain values, no code."""

import zipfile
from pathlib import Path
from typing import Any

import torch


def load_torch_file(path: Path) -> Any:
    """Read tensors, numbers and texts, nested in dicts and lists; nothing else is built.

    Raises:
        ValueError: an archive would grow while it is read; `torch.save` compresses nothing.
        Exception: PyTorch's, of a dozen kinds, where the file is damaged or holds objects.

    """
    if zipfile.is_zipfile(path):
        _refuse_growing(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def _refuse_growing(path: Path) -> None:
    """A megabyte of zeros compressed twice would ask for all memory there is."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    held = sum(member.file_size for member in members)
    if held > path.stat().st_size or any(m.compress_type != zipfile.ZIP_STORED for m in members):
        msg = f"its {len(members)} parts hold {held} bytes, more than the file, or are compressed"
        raise ValueError(msg)
