# SPDX-License-Identifier: Apache-2.0

from typing import Any

import torch
from torch import Tensor, nn

from segnet_ros.training.models.stages import encode_decode
from segnet_ros.training.models.switches import IndexSwitching

IMAGE = torch.tensor([[1.0, 2, 6, 3], [3, 5, 2, 1], [1, 2, 2, 1], [7, 3, 4, 8]])[None, None]


class Add(nn.Module):
    def __init__(self, amount: float) -> None:
        super().__init__()
        self.amount = amount

    def forward(self, x: Tensor) -> Tensor:
        return x + self.amount


def nothing(stages: int) -> list[nn.Module]:
    return [nn.Identity() for _ in range(stages)]


def test_maxima_return_to_their_cells() -> None:
    result = encode_decode(IMAGE, nothing(1), nothing(1), IndexSwitching())
    assert result[0, 0].tolist() == [[0, 0, 6, 0], [0, 5, 0, 0], [0, 0, 0, 0], [7, 0, 0, 8]]


def test_decoder_stages_run_backwards() -> None:
    order: list[str] = []

    def noting(name: str) -> nn.Module:
        stage = nn.Identity()
        stage.register_forward_hook(lambda *_: order.append(name))
        return stage

    encoder, decoder = [noting("e1"), noting("e2")], [noting("d1"), noting("d2")]
    encode_decode(IMAGE, encoder, decoder, IndexSwitching())
    assert order == ["e1", "e2", "d2", "d1"]


def test_what_follows_a_pooling_changes_the_values_but_not_the_switches() -> None:
    after: list[Any] = [nn.Identity(), Add(100.0)]
    result = encode_decode(IMAGE, nothing(2), nothing(2), IndexSwitching(), after)
    expected = torch.zeros(4, 4)
    expected[3, 3] = 108.0
    assert torch.equal(result[0, 0], expected)

    # After the first pooling it is what the second stage sees.
    result = encode_decode(IMAGE, nothing(2), nothing(2), IndexSwitching(), reversed(after))
    assert torch.equal(result[0, 0], expected)
