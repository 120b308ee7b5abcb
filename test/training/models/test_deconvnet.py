# SPDX-License-Identifier: Apache-2.0

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from segnet_ros.training.models.deconvnet import DeconvNet
from segnet_ros.training.models.switches import (
    IndexSwitching,
    MaskSwitching,
    Switching,
    TwoBitSwitching,
)

ALL: list[Switching] = [IndexSwitching(), MaskSwitching(), TwoBitSwitching()]


def tiny(classes: int = 3) -> DeconvNet:
    torch.manual_seed(0)
    return DeconvNet(classes, widths=(3, 4, 4, 5, 6), fc_width=8).eval()


def maps_of(module: nn.Module, kind: type[nn.Module]) -> list[tuple[int, int]]:
    return [(m.in_channels, m.out_channels) for m in module.modules() if isinstance(m, kind)]  # type: ignore[misc]


def test_parameters_are_those_of_the_paper() -> None:
    with torch.device("meta"):
        network = DeconvNet(21)
    encoder = maps_of(network.encoder, nn.Conv2d)
    # Weights, bias, and the two numbers of batch normalisation per map; deconv1_2 mirrors conv1_1,
    # whose three input maps become 64 for the classifier.
    convolutions = sum(9 * a * b + 3 * b for a, b in encoder)
    mirrored = sum(9 * a * b + 3 * a for a, b in [(64, 64), *encoder[1:]])
    vectors = 2 * 49 * 512 * 4096 + 3 * 4096 + 3 * 512 + 4096**2 + 3 * 4096
    parameters = sum(p.numel() for p in network.parameters())
    assert parameters == convolutions + vectors + mirrored + 65 * 21
    # The SegNet paper counts 252 million.
    assert round(parameters / 1e6) == 252


def test_decoder_mirrors_the_encoder() -> None:
    with torch.device("meta"):
        network = DeconvNet(21)
    stages = reversed(network.decoder)
    decoder = [pair for stage in stages for pair in maps_of(stage, nn.ConvTranspose2d)]
    encoder = maps_of(network.encoder, nn.Conv2d)
    assert decoder == [(b, a) for a, b in reversed(encoder[1:])] + [(64, 64)]


@pytest.mark.parametrize("switching", ALL, ids=lambda s: type(s).__name__)
def test_unpooling_puts_values_where_the_maxima_were(switching: Switching) -> None:
    x = torch.tensor([[1.0, 3, 8, 2], [9, 4, 5, 0], [0, 6, 9, 1], [7, 12, 2, 3]])[None, None]
    pooled, switches = switching.pool(x)
    assert pooled.flatten().tolist() == [9, 8, 12, 9]
    values = torch.tensor([[5.0, 9], [7, 12]])[None, None]
    unpooled = switching.unpool(values, switches, (4, 4))
    assert unpooled[0, 0].tolist() == [[0, 0, 9, 0], [5, 0, 0, 0], [0, 0, 12, 0], [0, 7, 0, 0]]


def test_transposed_convolution_is_the_convolutions_input_gradient() -> None:
    network = tiny()
    layers = [network.fully_connected.deconv_fc6[0], *(stage[0][0] for stage in network.decoder)]  # type: ignore[index]
    assert len(layers) == 6
    for layer in layers:
        assert isinstance(layer, nn.ConvTranspose2d)
        x = torch.zeros(1, layer.out_channels, 9, 8, requires_grad=True)
        y = F.conv2d(x, layer.weight, padding=layer.padding)
        direction = torch.randn_like(y)
        (gradient,) = torch.autograd.grad(y, x, direction)
        transposed = layer(direction) - layer.bias[:, None, None]  # type: ignore[index]
        assert torch.allclose(transposed, gradient, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "vectors"), [((224, 224), (1, 1)), ((256, 320), (2, 4)), ((40, 300), (1, 4))]
)
@torch.inference_mode()
def test_fc6_is_one_vector_at_the_papers_size_and_slides_beyond(
    size: tuple[int, int], vectors: tuple[int, int]
) -> None:
    network = tiny()
    shapes: list[tuple[int, ...]] = []
    for layer in (network.fully_connected.fc7, network.fully_connected):
        layer.register_forward_hook(lambda *a: shapes.append(tuple(a[2].shape[2:])))
    scores = network(torch.rand(1, 3, *size))
    pool5 = tuple(-(-length // 32) for length in size)
    assert shapes == [vectors, pool5]
    assert scores.shape == (1, 3, *size)


@torch.inference_mode()
def test_small_pool5_is_padded_with_zeros() -> None:
    layers = tiny().fully_connected
    pooled = torch.rand(1, 6, 3, 5)
    whole = torch.zeros(1, 6, 7, 7)
    whole[:, :, :3, :5] = pooled
    assert torch.equal(layers(pooled), layers(whole)[:, :, :3, :5])
    assert layers(pooled).std() > 0


@pytest.mark.parametrize("switching", ALL[1:], ids=lambda s: type(s).__name__)
@torch.inference_mode()
def test_index_free_switching_gives_the_same_scores(switching: Switching) -> None:
    network = tiny()
    image = torch.randn(1, 3, 45, 61)
    expected = network(image)
    assert expected.std() > 0
    network.switching = switching
    assert torch.equal(network(image), expected)


@pytest.mark.parametrize("size", [(1, 1), (33, 47), (230, 20)])
@torch.inference_mode()
def test_scores_have_the_size_of_the_image(size: tuple[int, int]) -> None:
    assert tiny()(torch.rand(2, 3, *size)).shape == (2, 3, *size)
