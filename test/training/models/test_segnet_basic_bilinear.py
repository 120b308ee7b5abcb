# SPDX-License-Identifier: Apache-2.0

import torch
import torch.nn.functional as F
from torch import nn

from segnet_ros.training.models.segnet_basic_bilinear import SegNetBasicBilinear


def made(width: int = 4) -> SegNetBasicBilinear:
    torch.manual_seed(0)
    return SegNetBasicBilinear(5, kernel_size=3, width=width).eval()


def test_upsampling_has_nothing_to_learn() -> None:
    network = made()
    learned = {name.split(".")[0] for name, _ in network.named_parameters()}
    assert learned == {"encoder", "classifier"}
    assert not any(isinstance(module, nn.ConvTranspose2d) for module in network.modules())


def test_scores_are_interpolated_bilinearly_four_times() -> None:
    network = made()
    image = torch.randn(1, 3, 32, 48, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        x = image
        for stage in network.encoder:
            x = F.max_pool2d(stage(x), 2)
        x = network.classifier(x)
        for _ in range(4):
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        assert x.std() > 0
        assert torch.allclose(network(image), x, atol=1e-6)


def test_interpolating_maps_instead_of_scores_makes_no_difference() -> None:
    network = made(width=16)
    image = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        x = image
        for stage in network.encoder:
            x = F.max_pool2d(stage(x), 2)
        for _ in range(4):
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        assert torch.allclose(network(image), network.classifier(x), atol=1e-6)
