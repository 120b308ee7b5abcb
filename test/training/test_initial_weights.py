# SPDX-License-Identifier: Apache-2.0

import json
from functools import partial
from pathlib import Path

import pytest
import torch

from segnet_ros.training import initial_weights
from segnet_ros.training.checkpoint import CheckpointError, save_weights
from segnet_ros.training.initial_weights import load_start, random_network
from segnet_ros.training.models import ARCHITECTURES
from segnet_ros.training.models.segnet_light import SegNetLight
from segnet_ros.training.recipe import Recipe

TINY = partial(SegNetLight, widths=(6, 8), depths=(1, 1))


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ARCHITECTURES, "tiny", TINY)


def recipe(seed: int = 0, **changes: str) -> Recipe:
    return Recipe("tiny", 1, seed=seed, **changes)  # type: ignore[arg-type]


def write(folder: Path, classes: int, **further: str) -> tuple[Path, SegNetLight]:
    torch.manual_seed(9)
    network = TINY(classes)
    colors = [{"name": str(k), "color": [k, k, k]} for k in range(classes)]
    metadata = {"recipe": json.dumps({"architecture": "tiny"}), "classes": json.dumps(colors)}
    save_weights(folder / "w.safetensors", network, metadata | further)
    return folder / "w.safetensors", network


def test_seed_decides_the_random_weights() -> None:
    def first(seed: int) -> torch.Tensor:
        return next(random_network(recipe(seed), 3).parameters())

    assert torch.equal(first(3), first(3))
    assert not torch.equal(first(3), first(4))


def test_without_sources_the_network_stays_random() -> None:
    network = random_network(recipe(), 3)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert load_start(network, recipe(), None, 3) == []
    assert all(torch.equal(before[name], t) for name, t in network.state_dict().items())


def test_weights_of_as_many_classes_are_taken_whole(tmp_path: Path) -> None:
    path, stored = write(tmp_path, 3)
    network = random_network(recipe(), 3)
    assert load_start(network, recipe(), path, 3) == [f"{path}: loaded everything"]
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, stored.state_dict()[name]), name


def test_weights_of_other_classes_are_taken_but_for_the_head_and_it_says_so(tmp_path: Path) -> None:
    path, stored = write(tmp_path, 5)
    network = random_network(recipe(), 3)
    head = network.classifier.weight.clone()  # type: ignore[union-attr,operator]
    (line,) = load_start(network, recipe(), path, 3)
    assert "not loaded: classifier (2)" in line
    assert torch.equal(network.classifier.weight, head)  # type: ignore[union-attr,arg-type]
    theirs = stored.state_dict()
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, theirs[name]) != name.startswith("classifier"), name


def test_weights_for_another_normalisation_are_refused(tmp_path: Path) -> None:
    path, _ = write(tmp_path, 3, normalization='{"bgr": true}')
    with pytest.raises(CheckpointError, match="expect another normalisation of the picture"):
        load_start(random_network(recipe(), 3), recipe(), path, 3)


def test_missing_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"none.safetensors cannot be read"):
        load_start(random_network(recipe(), 3), recipe(), tmp_path / "none.safetensors", 3)


def test_recipe_names_the_encoders_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    loaded = []

    def load_encoder(network: torch.nn.Module, source: str) -> str:
        loaded.append((network, source))
        return f"{source}: loaded"

    monkeypatch.setattr(initial_weights, "load_encoder", load_encoder)
    network = random_network(recipe(), 3)
    path, _ = write(tmp_path, 3)
    lines = load_start(network, recipe(encoder_weights="vgg16_bn"), path, 3)
    assert lines == ["vgg16_bn: loaded", f"{path}: loaded everything"]
    assert loaded == [(network, "vgg16_bn")]
