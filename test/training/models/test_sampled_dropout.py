# SPDX-License-Identifier: Apache-2.0

import torch
from torch import nn

from segnet_ros.training.models.sampled_dropout import (
    SampledDropout,
    after_deepest,
    append_to_deepest,
)


def is_dropout(modules: nn.ModuleList) -> list[bool]:
    return [isinstance(module, SampledDropout) for module in modules]


def test_drops_single_cells_while_training_only() -> None:
    dropout = SampledDropout(0.5)
    x = torch.ones(1, 4, 50, 50)
    torch.manual_seed(0)
    dropped = dropout(x)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert 0.45 < (dropped == 0).float().mean() < 0.55
    assert torch.equal(dropout.eval()(x), x)


def test_only_the_deepest_stages_drop() -> None:
    dropouts = after_deepest(5, 3, 0.25)
    assert is_dropout(dropouts) == [False, False, True, True, True]
    assert [dropout.p for dropout in dropouts[2:]] == [0.25] * 3


def test_only_the_deepest_decoders_end_in_dropout() -> None:
    decoder = nn.ModuleList(nn.Sequential(nn.Conv2d(2, 2, 1), nn.ReLU()) for _ in range(4))
    append_to_deepest(decoder, 2, 0.25)
    assert [len(stage) for stage in decoder] == [2, 2, 3, 3]
    assert [type(stage[-1]) for stage in decoder[2:]] == [SampledDropout] * 2
    assert decoder[3][-1].p == 0.25
