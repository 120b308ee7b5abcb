# SPDX-License-Identifier: Apache-2.0

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from segnet_ros.training.models.basic import (
    basic_encoder,
    double,
    encode,
    learned_doubling,
    pool,
    score_maps,
)

FIXED = nn.Upsample(scale_factor=2, mode="bilinear")


def test_encoder_is_four_times_convolution_norm_and_relu() -> None:
    encoder = basic_encoder(5, 6)
    assert [[type(layer) for layer in stage] for stage in encoder] == [
        [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]
    ] * 4
    assert [tuple(stage[0].weight.shape) for stage in encoder] == [(6, 3, 5, 5)] + [
        (6, 6, 5, 5)
    ] * 3


def test_even_kernels_are_refused() -> None:
    with pytest.raises(ValueError, match="kernel_size is 4; expected an odd number"):
        basic_encoder(4, 8)


def test_encoding_returns_the_sizes_before_each_pooling() -> None:
    image = torch.rand(1, 3, 45, 61)
    x, sizes = encode(image, [nn.Identity()] * 3)
    assert sizes == [(45, 61), (23, 31), (12, 16)]
    assert torch.equal(x, pool(pool(pool(image))))
    assert x.shape == (1, 3, 6, 8)


def test_pooling_rounds_up() -> None:
    x = torch.tensor([[1.0, 2, 3], [4, 0, 6], [7, 8, 9]])[None, None]
    assert pool(x)[0, 0].tolist() == [[4.0, 6.0], [8.0, 9.0]]


def test_learned_doubling_starts_as_bilinear_interpolation() -> None:
    x = torch.randn(2, 3, 9, 11, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        doubled = learned_doubling(3)(x)
    expected = F.interpolate(x, scale_factor=2, mode="bilinear")
    assert doubled.shape == (2, 3, 18, 22)
    # The border cells fade towards the zeros around the picture instead of being repeated.
    assert torch.allclose(doubled[:, :, 1:-1, 1:-1], expected[:, :, 1:-1, 1:-1], atol=1e-6)


def test_learned_doubling_mixes_all_maps_through_8x8_kernels() -> None:
    doubling = learned_doubling(3)
    assert doubling.weight.shape == (3, 3, 8, 8)
    assert doubling.bias is None
    doubling(torch.ones(1, 3, 6, 6)).square().sum().backward()
    assert doubling.weight.grad is not None
    assert (doubling.weight.grad != 0).all()


@pytest.mark.parametrize("doubling", [FIXED, learned_doubling(2)], ids=["fixed", "learned"])
def test_doubling_cuts_what_ceil_pooling_added(doubling: nn.Module) -> None:
    x = torch.rand(1, 2, 3, 4)
    with torch.inference_mode():
        whole = doubling(x)
        assert torch.equal(double(x, doubling, (6, 8)), whole)
        assert torch.equal(double(x, doubling, (5, 7)), whole[:, :, :5, :7])


def test_first_scores_are_nearly_equal() -> None:
    torch.manual_seed(0)
    scores = score_maps(64, 11)
    assert scores.weight.shape == (11, 64, 1, 1)
    assert 0.008 < scores.weight.std().item() < 0.012
    assert (scores.bias == 0).all()
