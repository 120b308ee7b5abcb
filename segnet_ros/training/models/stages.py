# SPDX-License-Identifier: Apache-2.0
"""The path that all of SegNet's family share: down through the encoder, up with its switches."""

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

from torch import Tensor, nn

from segnet_ros.training.models.switches import Switching

_NOTHING = repeat(nn.Identity())


def encode_decode(
    image: Tensor,
    encoder: Iterable[nn.Module],
    decoder: Sequence[nn.Module] | nn.ModuleList,
    switching: Switching,
    after_pooling: Iterable[nn.Module] = _NOTHING,
) -> Tensor:
    """Run every encoder stage and pool, then unpool and run every decoder stage.

    Args:
        image: float [N, 3, H, W].
        encoder: Stages that keep the size, the largest maps first.
        decoder: The stage that mirrors each encoder stage, in the encoder's order.
        switching: How to pool and unpool.
        after_pooling: What each stage's pooled maps pass, in the encoder's order.

    Returns:
        float [N, C, H, W] of the decoder's first entry, which runs last.

    """
    x = image
    memory: list[tuple[Any, tuple[int, int]]] = []
    for stage, layer in zip(encoder, after_pooling, strict=False):
        x = stage(x)
        size = (x.shape[2], x.shape[3])
        x, switches = switching.pool(x)
        x = layer(x)
        memory.append((switches, size))
    for stage, (switches, size) in zip(reversed(decoder), reversed(memory), strict=True):
        x = stage(switching.unpool(x, switches, size))
    return x
