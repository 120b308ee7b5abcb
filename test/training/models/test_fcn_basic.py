# SPDX-License-Identifier: Apache-2.0

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from segnet_ros.training.models.fcn_basic import FCNBasic

CLASSES = 5


def made(dim_reduction: bool = True) -> FCNBasic:
    torch.manual_seed(0)
    network = FCNBasic(CLASSES, dim_reduction, kernel_size=3, width=6).eval()
    for doubling in network.doublings:
        nn.init.normal_(doubling.weight, std=0.2)
    return network


@pytest.mark.parametrize("dim_reduction", [True, False])
def test_scores_follow_the_recipe(dim_reduction: bool) -> None:
    network = made(dim_reduction)
    image = torch.randn(1, 3, 21, 30, generator=torch.Generator().manual_seed(1))
    reduce = network.reductions
    with torch.inference_mode():
        e1 = network.encoder[0](image)
        e2 = network.encoder[1](F.max_pool2d(e1, 2, ceil_mode=True))
        e3 = network.encoder[2](F.max_pool2d(e2, 2, ceil_mode=True))
        e4 = network.encoder[3](F.max_pool2d(e3, 2, ceil_mode=True))
        x = reduce[4](F.max_pool2d(e4, 2, ceil_mode=True))
        x = network.doublings[3](x)[:, :, :3, :4] + reduce[3](e4)
        x = network.doublings[2](x)[:, :, :6, :8] + reduce[2](e3)
        x = network.doublings[1](x)[:, :, :11, :15] + reduce[1](e2)
        x = network.doublings[0](x)[:, :, :21, :30] + reduce[0](e1)
        expected = network.classifier(x)
        assert expected.std() > 0
        assert torch.allclose(network(image), expected, atol=1e-6)


def test_reduction_compresses_all_that_leaves_the_encoder() -> None:
    network = made()
    assert [tuple(r.weight.shape) for r in network.reductions] == [(CLASSES, 6, 1, 1)] * 5
    assert [tuple(d.weight.shape) for d in network.doublings] == [(CLASSES, CLASSES, 8, 8)] * 4
    assert isinstance(network.classifier, nn.Identity)


def test_without_reduction_the_decoder_is_as_wide_as_the_encoder() -> None:
    network = made(dim_reduction=False)
    assert all(isinstance(reduction, nn.Identity) for reduction in network.reductions)
    assert [tuple(d.weight.shape) for d in network.doublings] == [(6, 6, 8, 8)] * 4
    assert network.classifier.weight.shape == (CLASSES, 6, 1, 1)


@pytest.mark.parametrize("dim_reduction", [True, False])
def test_first_scores_are_nearly_equal(dim_reduction: bool) -> None:
    torch.manual_seed(0)
    network = FCNBasic(11, dim_reduction, kernel_size=3, width=16)
    with torch.inference_mode():
        scores = network(torch.randn(2, 3, 32, 32))
    assert 0 < scores.std() < 0.3
