# SPDX-License-Identifier: Apache-2.0

import pytest
import torch
from torch import Tensor

from segnet_ros.training import device
from segnet_ros.training.deep_supervision import DeepSupervision
from segnet_ros.training.models.segnet_light import SegNetLight
from segnet_ros.training.objective import Objective

SIZE = 8


def criterion(logits: Tensor, labels: Tensor) -> Tensor:
    """1 for the network's own logits, 4 for an inner stage's."""
    return logits.sum() * 0 + (1.0 if logits.shape[-1] == SIZE else 4.0)


@pytest.mark.parametrize(("inner_weight", "expected"), [(0.5, 3.0), (0.25, 2.0)])
def test_inner_losses_are_weighted_and_added(
    monkeypatch: pytest.MonkeyPatch, inner_weight: float, expected: float
) -> None:
    monkeypatch.setattr(device, "cpu_has_bfloat16", lambda: False)
    network = SegNetLight(3, widths=(6, 8), depths=(1, 1))
    supervision = DeepSupervision(network, 3)
    objective = Objective(network, supervision, inner_weight, criterion)
    total, loss = objective(torch.randn(2, 3, SIZE, SIZE), torch.zeros(2, SIZE, SIZE).long())
    assert (total.item(), loss.item()) == (expected, 1.0)


def test_without_supervision_the_loss_is_all() -> None:
    objective = Objective(SegNetLight(3, widths=(6,), depths=(1,)), None, 0.0, criterion)
    total, loss = objective(torch.randn(2, 3, SIZE, SIZE), torch.zeros(2, SIZE, SIZE).long())
    assert total.item() == loss.item() == 1.0


def test_network_comes_before_the_heads_in_the_parameters() -> None:
    network = SegNetLight(3, widths=(6, 8), depths=(1, 1))
    supervision = DeepSupervision(network, 3)
    objective = Objective(network, supervision, 0.5, criterion)
    expected = [*network.parameters(), *supervision.parameters()]
    assert [id(p) for p in objective.parameters()] == [id(p) for p in expected]
