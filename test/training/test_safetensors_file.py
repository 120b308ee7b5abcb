# SPDX-License-Identifier: Apache-2.0
"""Safetensors with hostile headers."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from segnet_ros.training.checkpoint import CheckpointError, read_any_metadata, read_weights
from segnet_ros.training.safetensors_file import load_metadata, load_tensors


def _written(
    path: Path, header: object, data: bytes = bytes(16), length: int | None = None
) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


def _tensor(begin: int, end: int, shape: list[int], kind: str = "F32") -> dict[str, object]:
    return {"dtype": kind, "shape": shape, "data_offsets": [begin, end]}


def test_tensors_and_notes_come_back(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(save({"a": torch.arange(4.0)}, {"note": "x"}))
    assert torch.equal(load_tensors(path)["a"], torch.arange(4.0))
    assert load_metadata(path) == {"note": "x"}
    path.write_bytes(save({"a": torch.arange(4.0)}))
    assert load_metadata(path) == {}


@pytest.mark.parametrize(
    "header",
    [
        {"a": _tensor(0, 2**62, [2**60])},
        {"a": _tensor(0, 16, [2**31, 2**31])},
        {"a": _tensor(2**63, 2**63 + 16, [4])},
        {"a": _tensor(16, 0, [4])},
        {"a": _tensor(0, 16, [4]), "b": _tensor(8, 16, [2])},
        {"a": _tensor(0, 16, [4], kind="F" * 100_000)},
        b'{"a":' * 10_000,
        b"[" * 100_000,
        b"\xff\xfe",
    ],
    ids=["2^62", "2^31 x 2^31", "beyond", "backwards", "twice", "kind", "deep", "list", "no JSON"],
)
def test_headers_that_lie_are_refused(tmp_path: Path, header: object) -> None:
    path = _written(tmp_path / "w.safetensors", header)
    for read in (read_weights, read_any_metadata):
        with pytest.raises(CheckpointError) as caught:
            read(path)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("length", [(4 << 20) + 1, 2**31, 2**63, 2**64 - 1])
def test_headers_of_megabytes_are_not_read(tmp_path: Path, length: int) -> None:
    path = _written(tmp_path / "w.safetensors", {}, length=length)
    for read in (read_weights, read_any_metadata):
        with pytest.raises(CheckpointError, match=f"its header claims {length} bytes, expected up"):
            read(path)
