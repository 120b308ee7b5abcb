# SPDX-License-Identifier: Apache-2.0

import copy
from collections.abc import Iterable

import pytest
import torch
from torch import Tensor, nn

from segnet_ros.training import batch_norm


def with_recomputed_statistics(network: nn.Sequential, inputs: Iterable[Tensor]) -> nn.Sequential:
    recomputed = batch_norm.with_recomputed_statistics(network, inputs)
    assert isinstance(recomputed, nn.Sequential)
    return recomputed


def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = (nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.ReLU(), nn.BatchNorm2d(4, momentum=0.3))
    return nn.Sequential(*layers)


def batches() -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(2, 3, 5, 6, generator=generator) * scale for scale in (1.0, 3.0, 0.5)]


def test_statistics_are_means_over_the_batches() -> None:
    model = network()
    recomputed = with_recomputed_statistics(model, batches())
    with torch.no_grad():
        first = [model[0](batch) for batch in batches()]
    assert torch.allclose(
        recomputed[1].running_mean, torch.stack([x.mean((0, 2, 3)) for x in first]).mean(0)
    )
    assert torch.allclose(
        recomputed[1].running_var, torch.stack([x.var((0, 2, 3)) for x in first]).mean(0)
    )
    # What the second layer sees is normalised by each batch's own statistics, as in training.
    second = [
        ((x - x.mean((0, 2, 3), keepdim=True)) / x.std((0, 2, 3), keepdim=True)).clamp(min=0)
        for x in first
    ]
    expected = torch.stack([x.mean((0, 2, 3)) for x in second]).mean(0)
    assert torch.allclose(recomputed[3].running_mean, expected, atol=0.01)


def test_network_itself_is_left_as_it_is() -> None:
    model = network().train()
    before = copy.deepcopy(model.state_dict())
    recomputed = with_recomputed_statistics(model, batches())
    assert model.training
    assert not recomputed.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    for name, parameter in recomputed.named_parameters():
        assert torch.equal(parameter, before[name]), name
    assert [recomputed[i].momentum for i in (1, 3)] == [0.1, 0.3]


def test_earlier_statistics_do_not_matter() -> None:
    model, other = network(), network()
    for name in ("1.running_mean", "3.running_var"):
        other.state_dict()[name].fill_(100.0)
    one, two = (with_recomputed_statistics(item, batches()).state_dict() for item in (model, other))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_dropout_is_active_as_in_training() -> None:
    model = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm2d(1))
    torch.manual_seed(0)
    recomputed = with_recomputed_statistics(model, [torch.ones(1, 1, 64, 64)])
    # Ones become zeros and twos.
    assert recomputed[1].running_var.item() == pytest.approx(1.0, abs=0.01)


def test_network_without_batch_normalisation_needs_no_pass() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1)).train()
    batch = iter(batches())
    assert with_recomputed_statistics(model, batch) is model
    assert not model.training
    assert len(list(batch)) == 3
