# SPDX-License-Identifier: Apache-2.0
"""Costs of networks small enough to count by hand, and of the paper's."""

import pytest
import torch
from torch import Tensor, nn

from segnet_ros.training.cost import measure, measure_architecture
from segnet_ros.training.models.segnet_light import SegNetLight
from segnet_ros.training.models.switches import MaskSwitching

SIZE = (8, 6)
PIXELS = 8 * 6
FLOAT = 4
IMAGE = 3 * PIXELS * FLOAT


def conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 1)


def test_two_layers_by_hand() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True), conv(4, 2))
    cost = measure(network, SIZE)
    first, second = 4 * PIXELS * FLOAT, 2 * PIXELS * FLOAT
    assert cost.parameters == (3 * 4 * 9 + 4) + (4 * 2 + 2)
    assert cost.macs == PIXELS * (3 * 4 * 9 + 4 * 2)
    assert cost.weight_bytes == FLOAT * cost.parameters
    assert cost.peak_bytes == IMAGE + first, "the image is gone when the second layer runs"
    assert cost.kept_bytes == IMAGE + first + second
    assert cost.inference_bytes == cost.weight_bytes + cost.peak_bytes
    assert cost.size == SIZE


def test_relu_needs_a_second_map_unless_in_place() -> None:
    network = nn.Sequential(conv(3, 4), nn.ReLU())
    assert measure(network, SIZE).peak_bytes == 2 * 4 * PIXELS * FLOAT


def test_batch_norm_is_folded_but_its_parameters_count() -> None:
    plain = nn.Sequential(conv(3, 4), nn.ReLU(inplace=True))
    normalized = nn.Sequential(conv(3, 4), nn.BatchNorm2d(4), nn.ReLU(inplace=True))
    without, with_norm = measure(plain, SIZE), measure(normalized, SIZE)
    assert with_norm.parameters == without.parameters + 2 * 4
    assert with_norm.peak_bytes == without.peak_bytes
    assert with_norm.kept_bytes == without.kept_bytes
    assert with_norm.weight_bytes == without.weight_bytes


class Skipping(nn.Module):
    """Keeps the first map until the end, as U-Net does; a view of it costs nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = conv(3, 4), conv(4, 6), conv(6, 4)

    def forward(self, image: Tensor) -> Tensor:
        kept = self.first(image).flatten(2).view(1, 4, SIZE[1], SIZE[0])
        result: Tensor = self.third(self.second(kept)) + kept
        return result


def test_a_skipped_map_stays() -> None:
    # While the third layer runs: the kept map, its input, its output.
    assert measure(Skipping(), SIZE).peak_bytes == (4 + 6 + 4) * PIXELS * FLOAT


def test_the_network_stays_as_it_is() -> None:
    network = nn.Sequential(conv(3, 4), nn.BatchNorm2d(4)).train()
    measure(network, SIZE)
    assert network.training
    assert isinstance(network[1], nn.BatchNorm2d)
    assert network[0].weight.device == torch.device("cpu")


def test_switches_are_remembered() -> None:
    network = SegNetLight(2, widths=(4,), depths=(1,))
    size = (16, 12)
    full = 4 * 16 * 12 * FLOAT
    pooled = full // 4
    indices = 2 * pooled
    # Unpooling: the pooled map, its int64 indices and the full map.
    assert measure(network, size).peak_bytes == pooled + indices + full
    network.switching = MaskSwitching()
    assert measure(network, size).peak_bytes > pooled + indices + full


@pytest.mark.parametrize(
    ("architecture", "millions", "gigamacs", "maps"),
    [("segnet", 29.45, 106.7, 88.5), ("segnet_basic", 1.417, 59.2, 88.5)],
)
def test_at_the_papers_size(
    architecture: str, millions: float, gigamacs: float, maps: float
) -> None:
    cost = measure_architecture(architecture, 11, (480, 360))
    assert cost.parameters / 1e6 == pytest.approx(millions, rel=1e-3)
    assert cost.macs / 1e9 == pytest.approx(gigamacs, rel=1e-3)
    # Two maps of 64 channels at full size, around the second convolution.
    assert cost.peak_bytes == 2 * 64 * 480 * 360 * FLOAT
    assert cost.peak_bytes / 1e6 == pytest.approx(maps, abs=0.05)


def test_no_such_architecture() -> None:
    with pytest.raises(ValueError, match="'alexnet' is not one of"):
        measure_architecture("alexnet", 11, SIZE)
