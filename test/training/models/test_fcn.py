# SPDX-License-Identifier: Apache-2.0

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segnet_ros.training.models.fcn import FCN, bilinear_upsampling

VGG16_CONVOLUTIONS = 14_714_688
FULLY_CONNECTED = (512 * 49 + 1) * 4096 + (4096 + 1) * 4096
WIDTHS = (3, 4, 4, 5, 6)


def tiny(skips: int, classes: int = 3) -> FCN:
    torch.manual_seed(skips)
    return FCN(classes, skips, WIDTHS, fc_width=8).eval()


def decisive(network: FCN) -> FCN:
    """Give every score weights that count."""
    for classifier in (network.classifier, *network.skip_classifiers):
        nn.init.normal_(classifier.weight)
        nn.init.normal_(classifier.bias)
    return network


def ramp(length: int) -> Tensor:
    return torch.arange(float(length)).expand(1, 2, length, length)


@pytest.mark.parametrize(
    ("skips", "added"),
    [(0, 0), (1, 513 * 21 + 16 * 21**2), (2, 513 * 21 + 257 * 21 + 2 * 16 * 21**2)],
)
def test_parameters_are_those_of_the_paper(skips: int, added: int) -> None:
    with torch.device("meta"):
        network = FCN(21, skips)
    parameters = sum(p.numel() for p in network.parameters())
    # Table 1 of the paper gives FCN-VGG16 134 million.
    assert parameters == VGG16_CONVOLUTIONS + FULLY_CONNECTED + 4097 * 21 + added
    assert round(parameters / 1e6) == 134


@pytest.mark.parametrize("factor", [2, 4, 8])
@torch.inference_mode()
def test_ramp_stays_a_ramp_and_in_its_place(factor: int) -> None:
    enlarged = bilinear_upsampling(2, factor)(ramp(6))
    pixels = torch.arange(float(6 * factor))
    # Cell i is centred on pixel factor * (i + 1/2) - 1/2.
    expected = (pixels + 0.5) / factor - 0.5
    inside = slice(factor, -factor)
    assert enlarged.shape == (1, 2, 6 * factor, 6 * factor)
    for channel in range(2):
        across = enlarged[0, channel, inside, inside]
        assert torch.allclose(across, expected[inside].expand_as(across), atol=1e-5)
    down = bilinear_upsampling(2, factor)(ramp(6).mT)
    assert torch.allclose(down, enlarged.mT, atol=1e-5)


@torch.inference_mode()
def test_maps_do_not_mix_until_trained() -> None:
    upsampling = bilinear_upsampling(3, 2)
    x = torch.zeros(1, 3, 4, 4)
    x[0, 1] = 1
    assert upsampling(x)[0, [0, 2]].abs().max() == 0
    assert upsampling(x)[0, 1].max() == 1
    assert upsampling.weight.requires_grad


@torch.inference_mode()
def test_fixed_last_step_is_the_same_interpolation() -> None:
    scores = torch.randn(1, 2, 5, 6)
    fixed = F.interpolate(scores, scale_factor=8, mode="bilinear")
    inside = (slice(None), slice(None), slice(4, -4), slice(4, -4))
    assert torch.allclose(fixed[inside], bilinear_upsampling(2, 8)(scores)[inside], atol=1e-5)


@pytest.mark.parametrize("size", [(64, 96), (61, 75)])
@torch.inference_mode()
def test_skipped_scores_are_added(size: tuple[int, int]) -> None:
    network = decisive(tiny(skips=2))
    scores = recorded(network, torch.randn(1, 3, *size))
    coarse, (pool4, pool3) = scores["classifier"], scores["skips"]
    first, second = network.upsamplings
    at16 = (first(coarse)[:, :, : pool4.shape[2], : pool4.shape[3]]) + pool4
    at8 = (second(at16)[:, :, : pool3.shape[2], : pool3.shape[3]]) + pool3
    at1 = F.interpolate(at8, scale_factor=8, mode="bilinear")[:, :, : size[0], : size[1]]
    assert pool4.std() > 0.1
    assert pool3.std() > 0.1
    assert torch.allclose(scores["network"], at1, atol=1e-5)


@pytest.mark.parametrize("skips", [1, 2])
@torch.inference_mode()
def test_skips_alone_see_what_the_last_pooling_lost(skips: int) -> None:
    network = decisive(tiny(skips))
    nn.init.zeros_(network.classifier.weight)
    image = torch.randn(1, 3, 64, 64)
    changed = network(image) - network(image.flip(3))
    assert changed.abs().max() > 0.1
    for classifier in network.skip_classifiers:
        nn.init.zeros_(classifier.weight)  # type: ignore[arg-type]
    assert torch.equal(network(image), network(image.flip(3)))


@torch.inference_mode()
def test_untrained_skips_leave_the_deepest_scores_alone() -> None:
    network = tiny(skips=2)
    image = torch.randn(1, 3, 64, 64)
    scores = recorded(network, image)
    assert all(skip.abs().max() == 0 for skip in scores["skips"])
    assert scores["classifier"].abs().max() > 0


@pytest.mark.parametrize("skips", [0, 1, 2])
@torch.inference_mode()
def test_mirrored_image_gives_mirrored_scores(skips: int) -> None:
    # Only a network whose maps are all centred alike can do this.
    network = decisive(tiny(skips))
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.copy_(
                parameter + parameter.flip(2, 3) + parameter.flip(2) + parameter.flip(3)
            )
    image = torch.randn(1, 3, 96, 128)
    scores = network(image)
    assert scores.std() > 0.1
    mirrored = network(image.flip(2, 3)).flip(2, 3)
    assert torch.allclose(mirrored, scores, atol=1e-4 * scores.abs().max().item())


@pytest.mark.parametrize("size", [(1, 1), (5, 64), (33, 47), (90, 121)])
@pytest.mark.parametrize("skips", [0, 1, 2])
@torch.inference_mode()
def test_scores_have_the_size_of_the_image(skips: int, size: tuple[int, int]) -> None:
    assert tiny(skips)(torch.rand(2, 3, *size)).shape == (2, 3, *size)


def recorded(network: FCN, image: Tensor) -> dict[str, Any]:
    """All scores that a forward pass computes."""
    found: dict[str, Any] = {"skips": []}
    handles = [network.classifier.register_forward_hook(lambda *a: found.update(classifier=a[2]))]
    handles += [
        classifier.register_forward_hook(lambda *a: found["skips"].append(a[2]))
        for classifier in network.skip_classifiers
    ]
    found["network"] = network(image)
    for handle in handles:
        handle.remove()
    return found
