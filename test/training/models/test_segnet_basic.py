# SPDX-License-Identifier: Apache-2.0

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from segnet_ros.training.models.segnet_basic import SegNetBasic

CLASSES = 11


def test_parameters_are_those_of_the_paper() -> None:
    # Eight 7x7 convolutions of 64 maps, each with a bias and the two numbers of batch
    # normalisation per map, and the classifier that Table 1 calls the soft-max layer.
    layers = [3] + [64] * 7
    expected = sum(49 * maps * 64 + 64 + 2 * 64 for maps in layers) + 64 * CLASSES + CLASSES
    parameters = sum(p.numel() for p in SegNetBasic(CLASSES).parameters())
    assert parameters == expected == 1_416_587


def test_smaller_kernels_keep_the_layout() -> None:
    layers = [3] + [64] * 7
    expected = sum(9 * maps * 64 + 3 * 64 for maps in layers) + 64 * CLASSES + CLASSES
    network = SegNetBasic(CLASSES, kernel_size=3)
    assert sum(p.numel() for p in network.parameters()) == expected == 262_027


def test_even_kernels_are_refused() -> None:
    with pytest.raises(ValueError, match="kernel_size is 4; expected an odd number"):
        SegNetBasic(CLASSES, kernel_size=4)


def test_only_the_encoder_is_rectified() -> None:
    network = SegNetBasic(CLASSES, width=4)
    rectified = [
        any(isinstance(m, nn.ReLU) for m in layer.modules())
        for layer in (*network.encoder, *network.decoder)
    ]
    assert rectified == [True] * 4 + [False] * 4


def test_negative_values_pass_through_the_decoder() -> None:
    torch.manual_seed(0)
    network = SegNetBasic(CLASSES, kernel_size=3, width=4).eval()
    lowest: list[float] = []

    def note(module: nn.Module, inputs: Any, output: Tensor) -> None:
        lowest.append(output.min().item())

    for layer in network.decoder:
        layer.register_forward_hook(note)
    with torch.inference_mode():
        network(torch.randn(1, 3, 32, 32))
    assert len(lowest) == 4
    assert max(lowest) < 0


@pytest.mark.parametrize("size", [(16, 16), (45, 61), (1, 3)])
@pytest.mark.parametrize("kernel_size", [3, 7])
def test_scores_have_the_size_of_the_image(size: tuple[int, int], kernel_size: int) -> None:
    network = SegNetBasic(5, kernel_size, width=2).eval()
    with torch.inference_mode():
        assert network(torch.rand(2, 3, *size)).shape == (2, 5, *size)
