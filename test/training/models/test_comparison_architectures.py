# SPDX-License-Identifier: Apache-2.0
"""What every architecture of the comparison must do, on the thinnest version of each."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segnet_ros.training import export as exporting
from segnet_ros.training.export import MIN_AGREEMENT, deployable, label_agreement, write_onnx
from segnet_ros.training.models import ARCHITECTURES
from segnet_ros.training.models.deconvnet import DeconvNet
from segnet_ros.training.models.deeplab_largefov import DeepLabLargeFOV
from segnet_ros.training.models.fcn import FCN
from segnet_ros.training.models.unet import UNet
from segnet_ros.training.normalization import Normalization
from segnet_ros.training.rendered_frames import Frame

WIDTHS = (4, 6, 6, 8, 8)
TINY: dict[str, Callable[[int], nn.Module]] = {
    "fcn_32s": partial(FCN, skips=0, widths=WIDTHS, fc_width=12),
    "fcn_16s": partial(FCN, skips=1, widths=WIDTHS, fc_width=12),
    "fcn_8s": partial(FCN, skips=2, widths=WIDTHS, fc_width=12),
    "deconvnet": partial(DeconvNet, widths=WIDTHS, fc_width=12),
    "unet": partial(UNet, widths=WIDTHS),
    "deeplab_largefov": partial(DeepLabLargeFOV, widths=WIDTHS, fc_width=12),
}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def made(architecture: str, classes: int) -> nn.Module:
    torch.manual_seed(0)
    return TINY[architecture](classes)


def example(classes: int) -> tuple[Tensor, Tensor]:
    """Pictures whose brightness tells the class, and the labels."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randint(0, classes, (2, 1, 3, 4), generator=generator)
    labels = F.interpolate(coarse.float(), scale_factor=16)
    noise = 0.1 * torch.randn(2, 3, 48, 64, generator=generator)
    return 2 * labels / (classes - 1) - 1 + noise, labels[:, 0].long()


def loss_of(network: nn.Module, image: Tensor, labels: Tensor) -> Tensor:
    torch.manual_seed(1)  # the same cells drop out every time
    return F.cross_entropy(network(image), labels)


@pytest.mark.parametrize("architecture", TINY)
def test_name_makes_the_architecture(architecture: str) -> None:
    with torch.device("meta"):
        network = ARCHITECTURES[architecture](7)
        assert network(torch.empty(2, 3, 50, 40)).shape == (2, 7, 50, 40)
    thin = made(architecture, 7)
    assert type(network) is type(thin)
    # The same network but for its widths.
    assert network.state_dict().keys() == thin.state_dict().keys()


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("architecture", TINY)
def test_one_step_lowers_the_loss(architecture: str, classes: int) -> None:
    network = made(architecture, classes).train()
    image, labels = example(classes)
    before = loss_of(network, image, labels)
    # Nearly equal scores to begin with.
    assert before.item() == pytest.approx(np.log(classes), abs=0.15)
    parameters = list(network.parameters())
    gradients = torch.autograd.grad(before, parameters)  # refuses those that take no part
    # To the first order, a step of this length saves a thousandth of the loss.
    saving = 1e-3 * before.item()
    rate = saving / sum(gradient.square().sum().item() for gradient in gradients)
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.sub_(rate * gradient)
        after = loss_of(network, image, labels)
    assert saving / 2 < before.item() - after.item() < 2 * saving


@pytest.mark.parametrize("size", [(64, 48), (75, 53)], ids=str)
@pytest.mark.parametrize("architecture", TINY)
def test_exported_graph_gives_pytorchs_labels(
    architecture: str, size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.onnx"
    picture = smooth_picture(size)
    deployed = deployable(decisive(made(architecture, 5), picture), Normalization())
    write_onnx(deployed, size, path)
    monkeypatch.setattr(exporting, "rendered_frames", lambda size: [Frame(*picture, np.empty(0))])
    with torch.inference_mode():
        labels = deployed(torch.from_numpy(picture))[0]
    assert labels.shape == (1, size[1], size[0])
    assert len(labels.unique()) >= 3  # the comparison means something
    assert label_agreement(deployed, path, size) >= MIN_AGREEMENT


def decisive(network: nn.Module, picture: np.ndarray) -> nn.Module:
    """Statistics to fold, and scores of which no class always wins."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.8, 1.6, generator=generator)
            nn.init.normal_(module.bias, std=0.2, generator=generator)
            nn.init.normal_(module.running_mean, std=0.2, generator=generator)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 1.5, generator=generator)  # type: ignore[arg-type]
    for name, module in network.named_modules():
        if "classifier" in name and isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, generator=generator)
            module.register_forward_hook(standardize)
    with torch.inference_mode():
        network.eval()(Normalization()(torch.from_numpy(picture)))
    for module in network.modules():
        module._forward_hooks.clear()
    return network


def standardize(module: nn.Conv2d, arguments: Any, scores: Tensor) -> Tensor:
    """Make every class' scores of this picture have mean zero and the same deviation."""
    mean, deviation = scores.mean((0, 2, 3)), scores.std((0, 2, 3))
    module.weight.data /= deviation[:, None, None, None]
    module.bias.data = (module.bias.data - mean) / deviation  # type: ignore[union-attr]
    return (scores - mean[:, None, None]) / deviation[:, None, None]


def smooth_picture(size: tuple[int, int]) -> np.ndarray:
    coarse = torch.rand(1, 3, 6, 7, generator=torch.Generator().manual_seed(0)) * 255
    fine = F.interpolate(coarse, size=size[::-1], mode="bicubic").clamp(0, 255)
    return fine.permute(0, 2, 3, 1).byte().contiguous().numpy()
