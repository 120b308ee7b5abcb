# SPDX-License-Identifier: Apache-2.0

import pytest
import torch
from torch import nn

from segnet_ros.training.models.segnet_light import SegNetLight

CLASSES = 11


def test_parameters_follow_from_the_layout() -> None:
    encoder = [(3, 24, 25), (24, 48, 9)]
    encoder += [(48, 96, 9), (96, 96, 9), (96, 128, 9), (128, 128, 9), (128, 160, 9), (160, 160, 9)]
    decoder = [(160, 128, 9), (128, 96, 9), (96, 48, 9), (48, 24, 9)]
    expected = sum(cells * a * b + 3 * b for a, b, cells in encoder + decoder)
    expected += 9 * 24 * CLASSES + CLASSES
    parameters = sum(p.numel() for p in SegNetLight(CLASSES).parameters())
    assert parameters == expected == 1_161_899


def test_decoder_is_linear_and_first_stage_is_left_to_the_classifier() -> None:
    network = SegNetLight(CLASSES)
    assert not any(isinstance(m, nn.ReLU) for m in network.decoder.modules())
    assert isinstance(network.decoder[0], nn.Identity)
    assert [stage[0].kernel_size for stage in network.decoder[1:]] == [(3, 3)] * 4


def test_first_kernel_is_five_cells_wide() -> None:
    kernels = [
        m.kernel_size[0] for m in SegNetLight(CLASSES).encoder.modules() if isinstance(m, nn.Conv2d)
    ]
    assert kernels == [5] + [3] * 7


@pytest.mark.parametrize("size", [(32, 64), (45, 61), (1, 1)])
def test_scores_have_the_size_of_the_image(size: tuple[int, int]) -> None:
    network = SegNetLight(4, widths=(2, 3, 4), depths=(1, 2, 1)).eval()
    with torch.inference_mode():
        assert network(torch.rand(2, 3, *size)).shape == (2, 4, *size)


def test_unpooling_returns_maxima_to_their_cells() -> None:
    network = SegNetLight(3, widths=(3,), depths=(1,)).eval()
    for convolution in (network.encoder[0][0][0], network.classifier):
        nn.init.dirac_(convolution.weight)
        nn.init.zeros_(convolution.bias)
    network.encoder[0][0][1].eps = 0.0
    image = torch.tensor([[1.0, 2, 6, 3], [3, 5, 2, 1], [1, 2, 2, 1], [7, 3, 4, 8]])
    with torch.inference_mode():
        scores = network(image.expand(1, 3, 4, 4))
    expected = [[0.0, 0, 6, 0], [0, 5, 0, 0], [0, 0, 0, 0], [7, 0, 0, 8]]
    assert scores[0].tolist() == [expected] * 3
