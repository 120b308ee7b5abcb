# SPDX-License-Identifier: Apache-2.0

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from segnet_ros.training.models.unet import UNet


def tiny(classes: int = 3) -> UNet:
    torch.manual_seed(0)
    return UNet(classes, widths=(3, 4, 5)).eval()


def test_parameters_are_those_of_the_paper() -> None:
    with torch.device("meta"):
        network = UNet(2)
    # Two numbers of batch normalisation per map are ours, the rest is Figure 1.
    contracting = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256)]
    contracting += [(256, 512), (512, 512), (512, 1024), (1024, 1024)]
    expanding = [pair for w in (512, 256, 128, 64) for pair in ((2 * w, w), (w, w))]
    expected = sum(9 * a * b + 3 * b for a, b in contracting + expanding)
    expected += sum(4 * 2 * w * w + w for w in (512, 256, 128, 64)) + 65 * 2
    parameters = sum(p.numel() for p in network.parameters())
    assert parameters == expected
    assert round(parameters / 1e6, 1) == 31.0


@pytest.mark.parametrize("size", [(16, 24), (13, 18)])
@torch.inference_mode()
def test_whole_maps_are_concatenated(size: tuple[int, int]) -> None:
    network = tiny()
    outputs: dict[nn.Module, Tensor] = {}
    inputs: dict[nn.Module, Tensor] = {}

    def note(module: nn.Module, arguments: Any, output: Tensor) -> None:
        inputs[module], outputs[module] = arguments[0], output

    for module in (*network.encoder, *network.upsamplings, *network.decoder):
        module.register_forward_hook(note)
    network(torch.randn(1, 3, *size))
    for encoder, upsampling, decoder in zip(
        network.encoder, network.upsamplings, network.decoder, strict=False
    ):
        skip, enlarged = outputs[encoder], outputs[upsampling]
        height, width = skip.shape[2:]
        joined = torch.cat([skip, enlarged[:, :, :height, :width]], dim=1)
        assert skip.std() > 0
        assert torch.equal(inputs[decoder], joined)
    assert outputs[network.encoder[2]].shape[2:] == tuple(-(-length // 4) for length in size)


@torch.inference_mode()
def test_skips_alone_tell_images_apart() -> None:
    network = tiny()
    nn.init.normal_(network.classifier.weight)
    for upsampling in network.upsamplings:
        nn.init.zeros_(upsampling.weight)  # type: ignore[arg-type]
    image = torch.randn(1, 3, 16, 16)
    assert (network(image) - network(image.flip(3))).abs().max() > 0.1


def test_deepest_maps_are_dropped_out_in_training_only() -> None:
    network = tiny().train()
    image = torch.randn(2, 3, 16, 16)
    assert not torch.equal(network(image), network(image))
    network.dropout.eval()
    assert torch.equal(network(image), network(image))


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (33, 47)])
@torch.inference_mode()
def test_scores_have_the_size_of_the_image(size: tuple[int, int]) -> None:
    network = UNet(5, widths=(2, 2, 3, 3, 4)).eval()
    assert network(torch.rand(2, 3, *size)).shape == (2, 5, *size)
