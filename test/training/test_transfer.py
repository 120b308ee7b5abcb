# SPDX-License-Identifier: Apache-2.0

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from segnet_ros.training.checkpoint import CheckpointError, save_weights
from segnet_ros.training.models import ARCHITECTURES
from segnet_ros.training.models.deconvnet import DeconvNet
from segnet_ros.training.models.deeplab_largefov import DeepLabLargeFOV
from segnet_ros.training.models.fcn import FCN
from segnet_ros.training.models.segnet import SegNet
from segnet_ros.training.models.segnet_basic import SegNetBasic
from segnet_ros.training.models.unet import UNet
from segnet_ros.training.transfer import load_all_but_head, load_encoder

WIDTHS = (2, 3, 4, 5, 6)
DEPTHS = (2, 2, 3, 3, 3)
FC_WIDTH = 7
FEATURES = 26
CLASSIFIER = {f"classifier.{number}.{kind}" for number in (0, 3, 6) for kind in ("weight", "bias")}


class ThinVGG(nn.Module):
    """Torchvision's VGG16, layer by layer and by its names, with few maps."""

    def __init__(self, batch_norm: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for width, depth in zip(WIDTHS, DEPTHS, strict=True):
            for _ in range(depth):
                layers.append(nn.Conv2d(inputs, width, 3, padding=1))
                layers += [nn.BatchNorm2d(width)] if batch_norm else []
                layers.append(nn.ReLU())
                inputs = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(WIDTHS[-1] * 49, FC_WIDTH), nn.ReLU(), nn.Dropout(),
            nn.Linear(FC_WIDTH, FC_WIDTH), nn.ReLU(), nn.Dropout(),
            nn.Linear(FC_WIDTH, 10),
        )  # fmt: skip

    def fc7(self, image: Tensor) -> Tensor:
        """What the last layer sees."""
        x: Tensor = self.classifier[:5](self.features(image).flatten(1))
        return x


def thin_vgg(batch_norm: bool) -> ThinVGG:
    torch.manual_seed(0)
    vgg = ThinVGG(batch_norm).eval()
    for module in vgg.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)
            nn.init.normal_(module.bias, std=0.1)  # type: ignore[arg-type]
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 2.0)
            nn.init.normal_(module.bias, std=0.3)
            nn.init.normal_(module.running_mean, std=0.3)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 2.0)  # type: ignore[arg-type]
    return vgg


@pytest.fixture(params=["vgg16", "vgg16_bn"])
def vgg(request: pytest.FixtureRequest) -> ThinVGG:
    return thin_vgg(request.param == "vgg16_bn")


def saved(vgg: nn.Module, folder: Path) -> Path:
    torch.save(vgg.state_dict(), folder / "vgg.pth")
    return folder / "vgg.pth"


def picture(side: int) -> Tensor:
    return torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(3))


def encoded(network: nn.Module, image: Tensor) -> Tensor:
    x = image
    for stage in network.encoder:  # type: ignore[union-attr]
        x = F.max_pool2d(stage(x), 2)
    return x


def fcn() -> FCN:
    return FCN(4, skips=2, widths=WIDTHS, fc_width=FC_WIDTH).eval()


def segnet(classes: int = 4) -> SegNet:
    return SegNet(classes, widths=WIDTHS).eval()


@torch.inference_mode()
def test_segnets_encoder_computes_what_vgg16_bn_does(tmp_path: Path) -> None:
    vgg, network = thin_vgg(batch_norm=True), segnet()
    transfer = load_encoder(network, saved(vgg, tmp_path))
    image = picture(64)
    expected = vgg.features(image)
    assert expected.std() > 0.01
    assert torch.allclose(encoded(network, image), expected, atol=1e-5)
    assert len(transfer.loaded) == 13 * (2 + 5)
    assert {name.split(".")[0] for name in transfer.loaded} == {"encoder"}
    assert {name.split(".")[0] for name in transfer.kept} == {"decoder", "classifier"}
    assert set(transfer.unused) == CLASSIFIER
    assert transfer.note == ""


def test_plain_vgg16_gives_segnet_its_convolutions_only(tmp_path: Path) -> None:
    vgg, network = thin_vgg(batch_norm=False), segnet()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    transfer = load_encoder(network, saved(vgg, tmp_path))
    after, theirs = network.state_dict(), vgg.state_dict()
    assert torch.equal(after["encoder.4.2.0.weight"], theirs["features.28.weight"])
    assert torch.equal(after["encoder.4.2.0.bias"], theirs["features.28.bias"])
    assert len(transfer.loaded) == FEATURES
    assert "encoder.0.0.1.running_mean" in transfer.kept
    for name in transfer.kept:
        assert torch.equal(after[name], before[name]), name
    assert "convolutions only" in transfer.note


@torch.inference_mode()
def test_fcn_computes_what_vgg_does_with_its_classifier(vgg: ThinVGG, tmp_path: Path) -> None:
    network = fcn()
    transfer = load_encoder(network, saved(vgg, tmp_path))
    image = picture(224)
    pooled = encoded(network, image)
    assert torch.allclose(pooled, vgg.features(image), atol=1e-4)
    # The middle of the padded map is VGG's one position.
    middle = network.fc7(network.fc6(pooled))[:, :, 3, 3]
    expected = vgg.fc7(image)
    assert expected.std() > 0.01
    assert torch.allclose(middle, expected, atol=1e-4)
    assert len(transfer.loaded) == FEATURES + 4
    assert set(transfer.unused) == {"classifier.6.weight", "classifier.6.bias"}
    assert {name.split(".")[0] for name in transfer.kept} == {
        "classifier", "skip_classifiers", "upsamplings",
    }  # fmt: skip


@torch.inference_mode()
def test_folding_is_told(tmp_path: Path) -> None:
    assert "folded" in load_encoder(fcn(), saved(thin_vgg(True), tmp_path)).note
    assert load_encoder(fcn(), saved(thin_vgg(False), tmp_path)).note == ""


@torch.inference_mode()
def test_deconvnet_takes_encoder_and_fully_connected_layers(tmp_path: Path) -> None:
    vgg = thin_vgg(batch_norm=True)
    network = DeconvNet(4, widths=WIDTHS, fc_width=FC_WIDTH).eval()
    transfer = load_encoder(network, saved(vgg, tmp_path))
    image = picture(224)
    pooled = encoded(network, image)
    assert torch.allclose(pooled, vgg.features(image), atol=1e-4)
    vector = network.fully_connected.fc6[0](pooled)
    assert vector.shape == (1, FC_WIDTH, 1, 1)
    assert torch.allclose(vector.flatten(1), vgg.classifier[0](pooled.flatten(1)), atol=1e-4)
    assert len(transfer.loaded) == 13 * (2 + 5) + 4
    assert {name for name in transfer.loaded if "fc" in name} == {
        f"fully_connected.fc{number}.0.{kind}" for number in (6, 7) for kind in ("weight", "bias")
    }


def test_layers_of_another_size_are_left(tmp_path: Path) -> None:
    # As in DeepLab-LargeFOV, whose fc6 is 3x3: fc7 has the size here, fc6 has not.
    vgg, network = thin_vgg(False), DeepLabLargeFOV(4, widths=WIDTHS, fc_width=FC_WIDTH)
    transfer = load_encoder(network, saved(vgg, tmp_path))
    last = network.state_dict()["encoder.4.2.0.weight"]
    assert torch.equal(last, vgg.state_dict()["features.28.weight"])
    assert {name for name in transfer.kept if name.startswith("fc6")} == {
        "fc6.0.weight", "fc6.0.bias",
    }  # fmt: skip
    assert {"classifier.0.weight", "classifier.6.weight"} <= set(transfer.unused)


def test_report_is_one_line(tmp_path: Path) -> None:
    path = saved(thin_vgg(True), tmp_path)
    assert str(load_encoder(segnet(), path)) == (
        f"{path}: loaded encoder (91); not loaded: decoder (84), classifier (2); in the source "
        "but not used: classifier (6)"
    )
    assert str(load_encoder(fcn(), path)) == (
        f"{path}: loaded encoder (26), fc6 (2), fc7 (2); not loaded: classifier (2), "
        "skip_classifiers (4), upsamplings (2); in the source but not used: classifier (2); "
        "batch normalisation folded into the convolutions"
    )


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (UNet(3, widths=WIDTHS), r"convolution 7 is \(4, 4, 3, 3\) in the weights, \(5, 4, 3, 3\)"),
        (SegNetBasic(3, width=2), r"convolution 1 is \(2, 3, 3, 3\) .*, \(2, 3, 7, 7\) in the"),
        (SegNet(3, widths=WIDTHS[:4], depths=DEPTHS[:4]), r"convolution 11 is .*, None in the"),
        (nn.Conv2d(3, 2, 3), r"convolution 1 is \(2, 3, 3, 3\) in the weights, None in the"),
    ],
    ids=["unet", "segnet_basic", "short", "no encoder"],
)
def test_other_encoders_are_refused(tmp_path: Path, network: nn.Module, message: str) -> None:
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(CheckpointError, match=rf"vgg.pth do not fit the encoder: {message}"):
        load_encoder(network, saved(thin_vgg(False), tmp_path))
    assert all(torch.equal(before[name], t) for name, t in network.state_dict().items())


def test_weights_with_holes_are_refused(tmp_path: Path) -> None:
    vgg, network = thin_vgg(False), fcn()
    nn.init.constant_(vgg.classifier[0].bias, float("nan"))  # type: ignore[arg-type]
    before = network.encoder[0][0][0].weight.clone()  # type: ignore[index]
    with pytest.raises(CheckpointError, match=r"NaN or infinity into fc6.0.bias"):
        load_encoder(network, saved(vgg, tmp_path))
    assert torch.equal(network.encoder[0][0][0].weight, before)  # type: ignore[index]
    # SegNet does not need them.
    assert len(load_encoder(segnet(), saved(vgg, tmp_path)).loaded) == FEATURES


TINY: dict[str, Callable[[int], nn.Module]] = {
    "segnet": segnet,
    "fcn_8s": partial(FCN, skips=2, widths=WIDTHS, fc_width=FC_WIDTH),
    "unet": partial(UNet, widths=WIDTHS),
}
HEADS = {
    "segnet": {"classifier.weight", "classifier.bias"},
    "unet": {"classifier.weight", "classifier.bias"},
    "fcn_8s": {
        f"{classifier}.{kind}"
        for classifier in ("classifier", "skip_classifiers.0", "skip_classifiers.1")
        for kind in ("weight", "bias")
    }
    | {"upsamplings.0.weight", "upsamplings.1.weight"},
}


@pytest.fixture(params=TINY)
def architecture(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name: str = request.param
    monkeypatch.setitem(ARCHITECTURES, name, TINY[name])
    return name


def save_trained(network: nn.Module, architecture: str, folder: Path) -> Path:
    path = folder / "weights.safetensors"
    facts = {"recipe": json.dumps({"architecture": architecture}), "classes": "[]"}
    save_weights(path, network, facts)
    return path


def test_weights_of_other_classes_load_all_but_the_head(architecture: str, tmp_path: Path) -> None:
    trained, network = TINY[architecture](11), TINY[architecture](5)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    transfer = load_all_but_head(network, save_trained(trained, architecture, tmp_path))
    head = HEADS[architecture]
    assert set(transfer.kept) == set(transfer.unused) == head
    assert set(transfer.loaded) == before.keys() - head
    for name, tensor in network.state_dict().items():
        expected = before[name] if name in head else trained.state_dict()[name]
        assert torch.equal(tensor, expected), name


def test_weights_of_as_many_classes_load_as_a_whole(architecture: str, tmp_path: Path) -> None:
    trained, network = TINY[architecture](5), TINY[architecture](5)
    transfer = load_all_but_head(network, save_trained(trained, architecture, tmp_path))
    assert transfer.kept == transfer.unused == ()
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, trained.state_dict()[name]), name
    assert "not loaded: nothing" in str(transfer)


def test_weights_of_another_width_are_refused_and_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ARCHITECTURES, "segnet", segnet)
    network = segnet(5)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    path = save_trained(SegNet(11, widths=(2, 3, 4, 5, 7)), "segnet", tmp_path)
    message = (
        r"weights.safetensors are of another network: \d+ tensors differ, first "
        r"decoder.4.0.0.bias \(\(7,\) in the file, \(6,\) expected\); check the architecture"
    )
    with pytest.raises(CheckpointError, match=message):
        load_all_but_head(network, path)
    assert all(torch.equal(before[name], t) for name, t in network.state_dict().items())


def test_weights_of_another_architecture_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, make in TINY.items():
        monkeypatch.setitem(ARCHITECTURES, name, make)
    path = save_trained(TINY["unet"](11), "unet", tmp_path)
    with pytest.raises(CheckpointError, match=r"of another network: \d+ tensors differ"):
        load_all_but_head(segnet(11), path)


@pytest.mark.parametrize("recipe", ['{"architecture": "vnet"}', "{}", "[1]", "{broken"])
def test_unusable_recipes_are_refused(tmp_path: Path, recipe: str) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"weight": torch.zeros(1)}, path, {"recipe": recipe, "classes": "[]"})
    with pytest.raises(CheckpointError, match="carry a recipe that this version cannot use"):
        load_all_but_head(segnet(), path)


@pytest.mark.parametrize("content", [b"", b"\xff" * 64, None])
def test_damaged_or_missing_weights_are_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "weights.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"weights.safetensors cannot be read"):
        load_all_but_head(segnet(), path)


def test_truncated_weights_are_refused(tmp_path: Path) -> None:
    path = save_trained(segnet(), "segnet", tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=r"weights.safetensors cannot be read"):
        load_all_but_head(segnet(), path)
