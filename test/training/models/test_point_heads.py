# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from segnet_ros.training.models.point_heads import DensityNetwork, HeatmapNetwork
from segnet_ros.training.models.segnet import SegNet
from segnet_ros.training.models.segnet_basic import SegNetBasic
from segnet_ros.training.models.segnet_light import SegNetLight

FAMILY = [
    partial(SegNet, widths=(4, 6), depths=(1, 1)),
    partial(SegNetBasic, kernel_size=3, width=4),
    partial(SegNetLight, widths=(4, 6), depths=(1, 1)),
]


class Fixed(nn.Module):
    """Answers the same scores whatever the picture."""

    def __init__(self, scores: Tensor) -> None:
        super().__init__()
        self.scores = scores

    def forward(self, image: Tensor) -> Tensor:
        return self.scores


def test_heat_is_the_probability_of_a_rare_keypoint() -> None:
    # Odds of 1 in 100 where the scores say nothing, even where they outweigh it, near 1 above.
    scores = torch.tensor([0.0, 4.6, 14.6]).reshape(1, 1, 1, 3)
    heat = HeatmapNetwork(Fixed(scores))(torch.zeros(1))
    assert heat.flatten().tolist() == pytest.approx([0.00995, 0.5, 0.99995], abs=1e-5)


def test_density_is_never_negative_and_zero_below_zero() -> None:
    scores = torch.tensor([-3.0, 0.0, 1.0, 2.5]).reshape(1, 1, 1, 4)
    density = DensityNetwork(Fixed(scores))(torch.zeros(1))
    assert density.flatten().tolist() == pytest.approx([0.0, 0.0, 0.04, 0.1])


@pytest.mark.parametrize("kinds", [1, 2, 5])
@pytest.mark.parametrize("build", FAMILY)
def test_any_of_the_family_gives_one_map_per_kind_at_the_pictures_size(
    build: Callable[[int], nn.Module], kinds: int
) -> None:
    torch.manual_seed(0)
    for head in (HeatmapNetwork, DensityNetwork):
        maps = head(build(kinds))(torch.rand(2, 3, 13, 18))
        assert maps.shape == (2, kinds, 13, 18)
        maps.sum().backward()


@pytest.mark.parametrize("build", FAMILY)
def test_gradients_reach_the_first_convolution(build: Callable[[int], nn.Module]) -> None:
    torch.manual_seed(0)
    for head in (HeatmapNetwork, DensityNetwork):
        network = head(build(2))
        network(torch.rand(2, 3, 16, 16)).square().sum().backward()
        first = next(m for m in network.modules() if isinstance(m, nn.Conv2d))
        assert first.weight.grad is not None
        assert first.weight.grad.abs().max() > 0


def test_untrained_heat_maps_are_nearly_empty() -> None:
    torch.manual_seed(0)
    heat = HeatmapNetwork(SegNetBasic(2, kernel_size=3, width=8))(torch.rand(1, 3, 16, 24))
    assert 0.005 < heat.min() < heat.max() < 0.02
