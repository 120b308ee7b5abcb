# SPDX-License-Identifier: Apache-2.0

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from segnet_ros.training.models.fcn_basic_no_addition import FCNBasicNoAddition

CLASSES = 5


def made(dim_reduction: bool = True) -> FCNBasicNoAddition:
    torch.manual_seed(0)
    network = FCNBasicNoAddition(CLASSES, dim_reduction, kernel_size=3, width=6).eval()
    for doubling in network.doublings:
        nn.init.normal_(doubling.weight, std=0.2)
    return network


@pytest.mark.parametrize("dim_reduction", [True, False])
def test_scores_depend_on_the_last_encoder_alone(dim_reduction: bool) -> None:
    network = made(dim_reduction)
    image = torch.randn(1, 3, 21, 30, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        x = image
        for stage in network.encoder:
            x = F.max_pool2d(stage(x), 2, ceil_mode=True)
        x = network.reduction(x)
        for doubling, (height, width) in zip(
            reversed(network.doublings), [(3, 4), (6, 8), (11, 15), (21, 30)], strict=True
        ):
            x = doubling(x)[:, :, :height, :width]
        expected = network.classifier(x)
        assert expected.std() > 0
        assert torch.allclose(network(image), expected, atol=1e-6)


def test_reduction_comes_before_the_decoder_or_the_classifier_after_it() -> None:
    reduced, wide = made(), made(dim_reduction=False)
    assert reduced.reduction.weight.shape == (CLASSES, 6, 1, 1)
    assert isinstance(reduced.classifier, nn.Identity)
    assert [tuple(d.weight.shape) for d in reduced.doublings] == [(CLASSES, CLASSES, 8, 8)] * 4
    assert isinstance(wide.reduction, nn.Identity)
    assert wide.classifier.weight.shape == (CLASSES, 6, 1, 1)
    assert [tuple(d.weight.shape) for d in wide.doublings] == [(6, 6, 8, 8)] * 4
