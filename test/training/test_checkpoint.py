# SPDX-License-Identifier: Apache-2.0

import os
import pickle
import resource
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from segnet_ros.inference.files import FileWriteError
from segnet_ros.training.checkpoint import (
    CheckpointError,
    load_checkpoint,
    load_weights,
    read_metadata,
    save_checkpoint,
    save_weights,
)


def network(maps: int = 4) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, maps, 3), nn.BatchNorm2d(maps))


class InterruptedWriteError(Exception):
    pass


def test_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "checkpoint.pt"
    state = {
        "recipe": {"epochs": 3, "augmentation": {"crop": [8, 6]}},
        "model": OrderedDict(weight=torch.tensor([1.5, float("inf")])),
        "step": 7,
    }
    save_checkpoint(path, state)
    loaded = load_checkpoint(path)
    assert loaded["recipe"] == state["recipe"]
    assert loaded["step"] == 7
    assert torch.equal(loaded["model"]["weight"], torch.tensor([1.5, float("inf")]))


@contextmanager
def small_files() -> Iterator[None]:
    """No file of this process may grow beyond 2000 bytes, as on a disk that is nearly full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        yield
    finally:  # before pytest writes its own report, perhaps into a file
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"recipe": {}, "step": 1})
    before = path.read_bytes()
    full = rf"^{path} cannot be written \(File too large\)"
    with pytest.raises(FileWriteError, match=full), small_files():
        save_checkpoint(path, {"recipe": {}, "model": [torch.zeros(1000)] * 3})
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_a_full_disk_leaves_the_old_weights(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_weights(path, network(), {"epoch": "1"})
    before = path.read_bytes()
    full = rf"^{path} cannot be written \(File too large\)"
    with pytest.raises(FileWriteError, match=full), small_files():
        save_weights(path, network(maps=100), {"epoch": "2"})
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["weights.safetensors"]


def test_another_error_of_pytorch_stays_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = ["no storage"]

    def fail(state: object, file: BinaryIO) -> None:
        raise RuntimeError(*reason)

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(RuntimeError, match="no storage"):
        save_checkpoint(tmp_path / "checkpoint.pt", {})


def test_the_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    """Also with names and texts that JSON must escape."""
    metadata = {name: f'{name} "ä" \n' for name in ("recipe", "classes", "epoch", "by", "for")}
    model = network()
    contents = set()
    for _ in range(20):
        save_weights(tmp_path / "weights.safetensors", model, dict(metadata))
        contents.add((tmp_path / "weights.safetensors").read_bytes())
    assert len(contents) == 1
    assert read_metadata(tmp_path / "weights.safetensors") == metadata
    other = network()
    load_weights(tmp_path / "weights.safetensors", other)
    assert all(map(torch.equal, model.state_dict().values(), other.state_dict().values()))


def test_half_written_checkpoint_never_replaces_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"recipe": {}, "step": 1})

    def interrupted(state: object, target: BinaryIO) -> None:
        target.write(b"half")
        raise InterruptedWriteError

    monkeypatch.setattr(torch, "save", interrupted)
    with pytest.raises(InterruptedWriteError):
        save_checkpoint(path, {"recipe": {}, "step": 2})
    assert load_checkpoint(path)["step"] == 1
    assert [item.name for item in tmp_path.iterdir()] == ["checkpoint.pt"]


@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.99])
def test_truncated_checkpoint_is_refused(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"recipe": {}, "model": torch.zeros(1000)})
    content = path.read_bytes()
    path.write_bytes(content[: int(kept if kept >= 1 else kept * len(content))])
    with pytest.raises(CheckpointError, match=r"checkpoint.pt cannot be read .*delete it"):
        load_checkpoint(path)


@pytest.mark.parametrize("content", [[1, 2], {"model": 1}, "text"])
def test_other_torch_files_are_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "checkpoint.pt"
    torch.save(content, path)
    with pytest.raises(CheckpointError, match="holds no training run; expected a file of"):
        load_checkpoint(path)


def test_nothing_in_a_checkpoint_is_executed(tmp_path: Path) -> None:
    class Malicious:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "executed"),)

    path = tmp_path / "checkpoint.pt"
    for write in (
        lambda: torch.save({"recipe": Malicious()}, path),
        lambda: path.write_bytes(pickle.dumps(Malicious(), protocol=2)),
    ):
        write()
        with pytest.raises(CheckpointError, match="cannot be read"):
            load_checkpoint(path)
        assert not (tmp_path / "executed").exists()


def test_weights_come_back_with_buffers_and_metadata(tmp_path: Path) -> None:
    saved, loaded = network(), network()
    saved[1].running_mean.fill_(3.5)  # type: ignore[union-attr,operator]
    metadata = {"recipe": "{}", "classes": "[]", "epoch": "4"}
    save_weights(tmp_path / "w.safetensors", saved, metadata)
    load_weights(tmp_path / "w.safetensors", loaded)
    for name, tensor in saved.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
    assert read_metadata(tmp_path / "w.safetensors") == metadata


def test_channels_last_weights_keep_their_values(tmp_path: Path) -> None:
    saved = network().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    loaded = network()
    save_weights(tmp_path / "w.safetensors", saved, {})
    load_weights(tmp_path / "w.safetensors", loaded)
    assert torch.equal(loaded[0].weight, saved[0].weight)  # type: ignore[index]


def test_weights_of_another_width_are_refused_and_not_loaded(tmp_path: Path) -> None:
    save_weights(tmp_path / "w.safetensors", network(5), {"recipe": "{}"})
    target = network(4)
    before = {name: tensor.clone() for name, tensor in target.state_dict().items()}
    message = (
        r"w.safetensors are of another network: 6 tensors differ, first 0.bias \(\(5,\) in the "
        r"file, \(4,\) expected\); check the architecture"
    )
    with pytest.raises(CheckpointError, match=message):
        load_weights(tmp_path / "w.safetensors", target)
    assert all(torch.equal(before[name], t) for name, t in target.state_dict().items())


def test_missing_and_surplus_tensors_are_refused(tmp_path: Path) -> None:
    tensors = {n: t.contiguous() for n, t in network().state_dict().items() if n != "0.bias"}
    save_file({**tensors, "head.weight": torch.zeros(2)}, tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match=r"2 tensors differ, first 0.bias \(None in the file"):
        load_weights(tmp_path / "w.safetensors", network())


@pytest.mark.parametrize("content", [b"", b"no safetensors", b"\xff" * 64, None])
def test_damaged_or_missing_weights_are_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "w.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"w.safetensors cannot be read"):
        load_weights(path, network())
    with pytest.raises(CheckpointError, match=r"w.safetensors cannot be read"):
        read_metadata(path)


@pytest.mark.parametrize(
    ("metadata", "missing"),
    [(None, "recipe"), ({"classes": "[]"}, "recipe"), ({"recipe": "{}"}, "classes")],
)
def test_weights_without_a_recipe_or_classes_are_refused(
    tmp_path: Path, metadata: dict[str, str] | None, missing: str
) -> None:
    save_file({"weight": torch.zeros(1)}, tmp_path / "w.safetensors", metadata)
    message = f"carry no {missing}; expected a file of `segnet train`"
    with pytest.raises(CheckpointError, match=message):
        read_metadata(tmp_path / "w.safetensors")
