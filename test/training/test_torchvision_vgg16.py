# SPDX-License-Identifier: Apache-2.0

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from segnet_ros.training.checkpoint import CheckpointError
from segnet_ros.training.torchvision_vgg16 import read_vgg16


def state_dict(batch_norm: bool = False) -> dict[str, Tensor]:
    """Two convolutions and two linear layers, named as torchvision names VGG's."""
    layers: list[nn.Module] = []
    for inputs, outputs in ((3, 4), (4, 5)):
        layers.append(nn.Conv2d(inputs, outputs, 3))
        layers += [nn.BatchNorm2d(outputs), nn.ReLU()] if batch_norm else [nn.ReLU()]
    features = nn.Sequential(*layers, nn.MaxPool2d(2))
    classifier = nn.Sequential(nn.Linear(20, 6), nn.ReLU(), nn.Dropout(), nn.Linear(6, 6))
    network = nn.ModuleDict({"features": features, "classifier": classifier})
    tensors = network.state_dict()
    if batch_norm:
        tensors["features.1.running_var"].uniform_()
    return tensors


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_layers_come_in_order(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"vgg16{suffix}"
    tensors = state_dict()
    # Ten comes after two, whatever the order in the file.
    tensors["features.10.weight"] = torch.full((1, 5, 3, 3), 7.0)
    tensors["features.10.bias"] = torch.zeros(1)
    tensors = dict(sorted(tensors.items()))
    (save_file if suffix == ".safetensors" else torch.save)(tensors, path)
    vgg16 = read_vgg16(path)
    assert vgg16.source == str(path)
    names = ["features.0", "features.2", "features.10"]
    for convolution, name in zip(vgg16.convolutions, names, strict=True):
        assert torch.equal(convolution.weight, tensors[f"{name}.weight"])
        assert torch.equal(convolution.bias, tensors[f"{name}.bias"])  # type: ignore[arg-type]
    assert vgg16.norms == []
    assert list(vgg16.linears) == ["classifier.0", "classifier.3"]
    assert torch.equal(vgg16.linears["classifier.3"].weight, tensors["classifier.3.weight"])


def test_batch_normalization_is_found(tmp_path: Path) -> None:
    tensors = state_dict(batch_norm=True)
    torch.save(tensors, tmp_path / "vgg16_bn.pth")
    vgg16 = read_vgg16(tmp_path / "vgg16_bn.pth")
    assert [norm.num_features for norm in vgg16.norms] == [4, 5]
    assert torch.equal(vgg16.norms[0].running_var, tensors["features.1.running_var"])  # type: ignore[arg-type]
    assert not vgg16.norms[0].training
    assert len(vgg16.convolutions) == 2


def test_weights_without_a_classifier_will_do(tmp_path: Path) -> None:
    tensors = {name: t for name, t in state_dict().items() if name.startswith("features")}
    torch.save(tensors, tmp_path / "features.pth")
    assert read_vgg16(tmp_path / "features.pth").linears == {}


@pytest.mark.parametrize("content", [b"", b"no weights", None])
@pytest.mark.parametrize("name", ["vgg16.pth", "vgg16.safetensors", "vgg61"])
def test_unreadable_files_are_refused(tmp_path: Path, name: str, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    message = rf"{name} cannot be read .* or one of the names vgg16, vgg16_bn"
    with pytest.raises(CheckpointError, match=rf"(?s){message}"):
        read_vgg16(tmp_path / name)


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, {"state_dict": {}}])
def test_other_torch_files_are_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"w.pth hold no state dict; expected names and"):
        read_vgg16(tmp_path / "w.pth")


def test_other_networks_are_refused(tmp_path: Path) -> None:
    torch.save({"layer1.0.conv1.weight": torch.zeros(2, 3, 3, 3)}, tmp_path / "resnet.pth")
    with pytest.raises(CheckpointError, match=r"resnet.pth hold no features.0.weight; expected"):
        read_vgg16(tmp_path / "resnet.pth")
    torch.save({"features.0.weight": torch.zeros(2, 3, 3, 3)}, tmp_path / "cut.pth")
    with pytest.raises(CheckpointError, match=r'cut.pth are not .*Missing key.*: "bias"'):
        read_vgg16(tmp_path / "cut.pth")


def test_torchvision_is_asked_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def get_model_weights(name: str) -> SimpleNamespace:
        asked.append(name)
        return SimpleNamespace(IMAGENET1K_V1=SimpleNamespace(get_state_dict=get_state_dict))

    def get_state_dict(progress: bool, check_hash: bool) -> dict[str, Tensor]:
        asked.append(check_hash)
        return state_dict(batch_norm=True)

    install(monkeypatch, get_model_weights)
    vgg16 = read_vgg16("vgg16_bn")
    assert asked == ["vgg16_bn", True]
    assert (vgg16.source, len(vgg16.norms)) == ("vgg16_bn", 2)


@pytest.mark.parametrize("error", [OSError("no network"), RuntimeError("invalid hash")], ids=repr)
def test_failed_download_is_one_error(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def get_model_weights(name: str) -> None:
        raise error

    install(monkeypatch, get_model_weights)
    message = rf"vgg16 cannot be had from torchvision \({error}\).* or give the weights' file"
    with pytest.raises(CheckpointError, match=message):
        read_vgg16("vgg16")


def test_missing_torchvision_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    with pytest.raises(CheckpointError, match=r"vgg16_bn cannot be had .*install the torchvision"):
        read_vgg16("vgg16_bn")


def install(monkeypatch: pytest.MonkeyPatch, get_model_weights: object) -> None:
    models = ModuleType("torchvision.models")
    models.get_model_weights = get_model_weights  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchvision", ModuleType("torchvision"))
    monkeypatch.setitem(sys.modules, "torchvision.models", models)
