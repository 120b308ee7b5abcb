# SPDX-License-Identifier: Apache-2.0
"""Files of torch.save: what is read, and what is refused before memory is taken."""

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from segnet_ros.training.checkpoint import CheckpointError, load_checkpoint
from segnet_ros.training.torch_file import load_torch_file

STATE = {"recipe": {"epochs": 3}, "model": {"w": torch.arange(6.0)}}


class _Code:
    """Builds what a hostile file would: a call."""

    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("this was executed",)


@pytest.mark.parametrize("zipped", [True, False])
def test_tensors_and_values_come_back(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "state.pt"
    torch.save(STATE, path, _use_new_zipfile_serialization=zipped)
    found = load_torch_file(path)
    assert found["recipe"] == {"epochs": 3}
    assert torch.equal(found["model"]["w"], torch.arange(6.0))


@pytest.mark.parametrize("zipped", [True, False])
def test_code_is_refused(tmp_path: Path, zipped: bool, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "state.pt"
    torch.save({"recipe": _Code()}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    assert "executed" not in capsys.readouterr().out
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


def test_a_bare_pickle_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "state.pt").write_bytes(pickle.dumps(_Code()))
    with pytest.raises(CheckpointError):
        load_checkpoint(tmp_path / "state.pt")
    assert "executed" not in capsys.readouterr().out


def test_an_archive_that_grows_is_refused(tmp_path: Path) -> None:
    """A tensor of 256 MiB in a file of 256 KiB."""
    saved = io.BytesIO()
    torch.save(STATE, saved)
    path = tmp_path / "state.pt"
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.namelist():
            content = bytes(256 << 20) if member.endswith("data/0") else old.read(member)
            new.writestr(member, content)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(ValueError, match=r"parts hold \d+ bytes, more than the file, or are"):
        load_torch_file(path)
