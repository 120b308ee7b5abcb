# SPDX-License-Identifier: Apache-2.0

import pytest
import torch
from torch import nn

from segnet_ros.training.models.deeplab_largefov import DeepLabLargeFOV, _between_centers


def tiny(classes: int = 3) -> DeepLabLargeFOV:
    torch.manual_seed(0)
    network = DeepLabLargeFOV(classes, widths=(3, 4, 4, 5, 6), fc_width=8).eval()
    nn.init.normal_(network.classifier.weight)
    return network


def test_parameters_are_those_of_the_paper() -> None:
    with torch.device("meta"):
        network = DeepLabLargeFOV(21)
    parameters = sum(p.numel() for p in network.parameters())
    fc6, fc7, fc8 = (9 * 512 + 1) * 1024, 1025 * 1024, 1025 * 21
    assert parameters == 14_714_688 + fc6 + fc7 + fc8
    assert round(parameters / 1e6, 1) == 20.5


def test_holes_stand_for_the_missing_strides() -> None:
    network = tiny()
    dilations = [
        [m.dilation[0] for m in stage.modules() if isinstance(m, nn.Conv2d)]
        for stage in network.encoder
    ]
    assert dilations == [[1, 1], [1, 1], [1, 1, 1], [1, 1, 1], [2, 2, 2]]
    fc6, fc7 = network.fc6[0], network.fc7[0]
    assert isinstance(fc6, nn.Conv2d)
    assert isinstance(fc7, nn.Conv2d)
    assert (fc6.kernel_size, fc6.dilation) == ((3, 3), (12, 12))
    assert fc7.kernel_size == (1, 1)


@pytest.mark.parametrize(
    ("length", "cells"), [(1, 1), (2, 2), (8, 2), (9, 2), (10, 3), (321, 41), (480, 61)]
)
@torch.inference_mode()
def test_scores_are_computed_at_an_eighth(length: int, cells: int) -> None:
    network = tiny()
    shapes: list[tuple[int, ...]] = []
    network.classifier.register_forward_hook(lambda *a: shapes.append(tuple(a[2].shape[2:])))
    scores = network(torch.rand(1, 3, length, 9))
    # The authors' own sizes: 321 > 161 > 81 > 41.
    assert shapes == [(cells, 2)]
    assert scores.shape == (1, 3, length, 9)


@torch.inference_mode()
def test_ramp_between_centers() -> None:
    across = torch.arange(6.0).expand(1, 1, 4, 6)
    pixels = _between_centers(across)
    assert pixels.shape == (1, 1, 25, 41)
    assert torch.allclose(pixels, (torch.arange(41.0) / 8).expand(1, 1, 25, 41), atol=1e-6)
    down = _between_centers(across.mT)
    assert torch.allclose(down, pixels.mT, atol=1e-6)


@torch.inference_mode()
def test_mirrored_image_gives_mirrored_scores() -> None:
    # Only a network whose maps are all centred alike can do this.
    network = tiny()
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.copy_(
                parameter + parameter.flip(2, 3) + parameter.flip(2) + parameter.flip(3)
            )
    image = torch.randn(1, 3, 41, 65)
    scores = network(image)
    assert scores.std() > 0.1
    mirrored = network(image.flip(2, 3)).flip(2, 3)
    assert torch.allclose(mirrored, scores, atol=1e-4 * scores.abs().max().item())
