# SPDX-License-Identifier: Apache-2.0

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from segnet_ros.inference.model import SegmentationClass
from segnet_ros.training.checkpoint import CheckpointError, save_weights
from segnet_ros.training.models import build_model
from segnet_ros.training.trained import load_trained

CLASSES = [{"name": "floor", "color": [1, 2, 3]}, {"name": "wall", "color": [4, 5, 6]}]
RAW_BGR = {"mean": [0, 0, 0], "std": [1, 1, 1], "bgr": True}


def write(path: Path, **changed: Any) -> Path:
    facts = {"recipe": {"architecture": "segnet_basic_3x3"}, "classes": CLASSES} | changed
    torch.manual_seed(1)
    network = build_model("segnet_basic_3x3", 2)
    save_weights(path, network, {name: json.dumps(fact) for name, fact in facts.items()})
    return path


def test_network_and_facts_come_back(tmp_path: Path) -> None:
    trained = load_trained(write(tmp_path / "w.safetensors"))
    torch.manual_seed(1)
    expected = build_model("segnet_basic_3x3", 2).state_dict()
    assert all(torch.equal(t, expected[name]) for name, t in trained.network.state_dict().items())
    assert not trained.network.training
    assert trained.recipe == {"architecture": "segnet_basic_3x3"}
    assert trained.classes == (
        SegmentationClass("floor", (1, 2, 3)), SegmentationClass("wall", (4, 5, 6)),
    )  # fmt: skip


def test_normalization_is_imagenets_unless_stated(tmp_path: Path) -> None:
    image = torch.tensor([[[[123, 116, 104]]]], dtype=torch.uint8)
    default = load_trained(write(tmp_path / "a.safetensors")).normalization(image).flatten()
    assert default.abs().max() < 0.02
    stated = load_trained(write(tmp_path / "b.safetensors", normalization=RAW_BGR))
    assert stated.normalization(image).flatten().tolist() == [104, 116, 123]


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("recipe", []),
        ("recipe", {"architecture": "no_such_net"}),
        ("classes", 3),
        ("classes", [{"name": "floor"}]),
        ("classes", ["floor", "wall"]),
        ("normalization", {"median": 3}),
        ("normalization", [1]),
    ],
)
def test_unusable_facts_are_refused(tmp_path: Path, fact: str, value: Any) -> None:
    path = write(tmp_path / "w.safetensors", **{fact: value})
    with pytest.raises(CheckpointError, match="carry facts that this version cannot use"):
        load_trained(path)


def test_another_number_of_classes_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "w.safetensors", classes=CLASSES[:1])
    with pytest.raises(CheckpointError, match="are of another network"):
        load_trained(path)


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("normalization", {"mean": [0, 0, 0], "std": [1, 0, 1]}),
        ("normalization", {"mean": [0, 0, float("nan")], "std": [1, 1, 1]}),
        ("normalization", {"mean": [0] * 1000}),
        ("normalization", {"mean": "xyz"}),
        ("normalization", [1, 2]),
        ("classes", [{"name": "floor\n", "color": [1, 2, 3]}]),
        ("classes", [{"name": "floor", "color": [1, 2]}]),
        ("classes", [{"name": "floor", "color": [1, 2, 256]}]),
        ("classes", [{"name": "floor", "color": [1, 2, 3]}] * 2),
        ("classes", [{"name": f"class {k}", "color": [1, 2, 3]} for k in range(256)]),
        ("classes", []),
        ("recipe", {"architecture": ["segnet"]}),
        ("recipe", {"architecture": "x" * 100_000}),
    ],
)
def test_hostile_facts_are_refused(tmp_path: Path, fact: str, value: Any) -> None:
    with pytest.raises(CheckpointError) as caught:
        load_trained(write(tmp_path / "w.safetensors", **{fact: value}))
    text = str(caught.value)
    assert f"carry facts that this version cannot use ({fact}: " in text
    assert text.isprintable()
    assert len(text) < 1000


def test_facts_nested_deeply_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    facts = {"recipe": "[" * 100_000, "classes": json.dumps(CLASSES)}
    save_weights(path, build_model("segnet_basic_3x3", 2), facts)
    with pytest.raises(CheckpointError, match="this version cannot use"):
        load_trained(path)


def test_no_large_network_is_made_for_a_small_file(tmp_path: Path) -> None:
    """fcn_8s would take 500 MiB before its tensors are missed."""
    path = write(tmp_path / "w.safetensors", recipe={"architecture": "fcn_8s"})
    with pytest.raises(CheckpointError, match="are of another network"):
        load_trained(path)
