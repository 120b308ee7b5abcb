# SPDX-License-Identifier: Apache-2.0
"""What all networks of the paper's Table 1 and the Bayesian ones must do, thin and full-size."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from segnet_ros.simulation.drive import StreetDrive
from segnet_ros.training import export as exporting
from segnet_ros.training.export import deployable, label_agreement, write_onnx
from segnet_ros.training.models import ARCHITECTURES
from segnet_ros.training.models.bayesian_segnet import BayesianSegNet
from segnet_ros.training.models.bayesian_segnet_basic import BayesianSegNetBasic
from segnet_ros.training.models.fcn_basic import FCNBasic
from segnet_ros.training.models.fcn_basic_no_addition import FCNBasicNoAddition
from segnet_ros.training.models.segnet_basic import SegNetBasic
from segnet_ros.training.models.segnet_basic_bilinear import SegNetBasicBilinear
from segnet_ros.training.models.segnet_basic_encoder_addition import SegNetBasicEncoderAddition
from segnet_ros.training.models.segnet_basic_single_channel_decoder import (
    SegNetBasicSingleChannelDecoder,
)
from segnet_ros.training.normalization import Normalization
from segnet_ros.training.rendered_frames import Frame

MILLIONS = {
    "segnet_basic": (1.425, 1_416_587),
    "segnet_basic_bilinear": (0.625, 613_003),
    "segnet_basic_encoder_addition": (1.425, 1_416_587),
    "segnet_basic_single_channel_decoder": (0.625, 626_315),
    "fcn_basic": (0.65, 646_839),
    "fcn_basic_no_addition": (0.65, 643_979),
    "fcn_basic_no_dim_reduction": (1.625, 1_661_579),
    "fcn_basic_no_addition_no_dim_reduction": (1.625, 1_661_579),
    "bayesian_segnet_basic": (1.425, 1_416_587),
}
_THIN = {"kernel_size": 3, "width": 8}
THIN: dict[str, Callable[[int], nn.Module]] = {
    "segnet_basic": partial(SegNetBasic, **_THIN),
    "segnet_basic_bilinear": partial(SegNetBasicBilinear, **_THIN),
    "segnet_basic_encoder_addition": partial(SegNetBasicEncoderAddition, **_THIN),
    "segnet_basic_single_channel_decoder": partial(SegNetBasicSingleChannelDecoder, **_THIN),
    "fcn_basic": partial(FCNBasic, **_THIN),
    "fcn_basic_no_addition": partial(FCNBasicNoAddition, **_THIN),
    "fcn_basic_no_dim_reduction": partial(FCNBasic, dim_reduction=False, **_THIN),
    "fcn_basic_no_addition_no_dim_reduction": partial(
        FCNBasicNoAddition, dim_reduction=False, **_THIN
    ),
    "bayesian_segnet_basic": partial(BayesianSegNetBasic, **_THIN),
    "bayesian_segnet": partial(BayesianSegNet, widths=(4, 6, 8, 8), depths=(1, 2, 1, 1)),
}
SIZE = (75, 53)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def made(architecture: str, classes: int = 5) -> nn.Module:
    torch.manual_seed(0)
    return THIN[architecture](classes)


@pytest.mark.parametrize("architecture", MILLIONS)
def test_parameters_are_those_of_the_paper(architecture: str) -> None:
    published, counted = MILLIONS[architecture]
    with torch.device("meta"):
        network = ARCHITECTURES[architecture](11)
    parameters = sum(p.numel() for p in network.parameters())
    assert parameters == counted
    assert parameters / 1e6 == pytest.approx(published, rel=0.03)


@pytest.mark.parametrize("architecture", THIN)
def test_name_makes_the_architecture(architecture: str) -> None:
    with torch.device("meta"):
        network = ARCHITECTURES[architecture](7)
    thin = made(architecture)
    assert type(network) is type(thin)
    if architecture in MILLIONS:
        assert network.state_dict().keys() == thin.state_dict().keys()


@pytest.mark.parametrize("size", [(32, 48), (45, 61), (1, 3)], ids=str)
@pytest.mark.parametrize("architecture", THIN)
def test_scores_have_the_size_of_the_image(architecture: str, size: tuple[int, int]) -> None:
    with torch.inference_mode():
        assert made(architecture).eval()(torch.rand(2, 3, *size)).shape == (2, 5, *size)


@pytest.mark.parametrize("architecture", THIN)
def test_one_step_lowers_the_loss(architecture: str) -> None:
    network = made(architecture).train()
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 5, (2, 1, 3, 4), generator=generator).float()
    labels = F.interpolate(labels, scale_factor=16)
    image = labels / 2 - 1 + 0.1 * torch.randn(2, 3, 48, 64, generator=generator)

    def loss() -> torch.Tensor:
        torch.manual_seed(1)  # the same cells drop out every time
        return F.cross_entropy(network(image), labels[:, 0].long())

    before = loss()
    assert before.item() == pytest.approx(np.log(5), abs=0.2)  # nearly equal scores at first
    before.backward()  # type: ignore[no-untyped-call]
    assert all((p.grad != 0).any() for p in network.parameters() if p.ndim > 1)
    torch.optim.SGD(network.parameters(), lr=0.05).step()
    assert loss().item() < before.item() - 0.001


@pytest.mark.parametrize("architecture", THIN)
def test_exported_file_gives_pytorchs_labels(
    architecture: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = StreetDrive(5, SIZE).frame(3)[0][None]
    monkeypatch.setattr(exporting, "rendered_frames", lambda size: [Frame(*picture, np.empty(0))])
    network = made(architecture, 11).eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d) and module.out_channels == 11:
                # Differences that decide, and not always for the same class.
                module.weight.sub_(module.weight.mean(1, keepdim=True)).mul_(100.0)
    deployed = deployable(network, Normalization())
    with torch.inference_mode():
        labels, confidence, *_ = deployed(torch.from_numpy(picture))
    assert len(labels.unique()) > 1
    assert np.ptp(confidence.numpy()) > 30
    write_onnx(deployed, SIZE, tmp_path / "model.onnx")
    assert label_agreement(deployed, tmp_path / "model.onnx", SIZE) > 0.998
