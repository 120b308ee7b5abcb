# SPDX-License-Identifier: Apache-2.0
"""How weights follow gradients: optimizer, learning rate, moving average."""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from segnet_ros.training.recipe import Recipe

_POLY_POWER = 0.9


def make_optimizer(parameters: Iterable[nn.Parameter], recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimizer."""
    groups = parameter_groups(list(parameters), recipe.weight_decay)
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum)
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)


def parameter_groups(
    parameters: Sequence[nn.Parameter], weight_decay: float
) -> list[dict[str, Any]]:
    """Kernels, which decay, and then biases and batch normalisation, which do not."""
    kernels = [p for p in parameters if p.ndim > 1]
    others = [p for p in parameters if p.ndim <= 1]
    return [
        {"params": kernels, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]


def learning_rate(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """The rate of a step: linear warm-up to the recipe's, then its schedule.

    Args:
        recipe: Peak, warm-up and schedule.
        step: From 0.
        steps_per_epoch: Turns the recipe's epochs into steps.

    """
    warmup = round(steps_per_epoch * recipe.warmup_epochs)
    if step < warmup:
        return recipe.learning_rate * (step + 1) / warmup
    done = (step - warmup) / max(1, steps_per_epoch * recipe.epochs - warmup)
    return recipe.learning_rate * _share_left(recipe, done)


def _share_left(recipe: Recipe, done: float) -> float:
    if recipe.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * done))
    if recipe.schedule == "poly":
        return float((1 - done) ** _POLY_POWER)
    return 1.0


@torch.no_grad()
def update_average(
    averaged: nn.Module, network: nn.Module, largest_decay: float, step: int
) -> None:
    """Move an exponential average towards a network's weights and statistics.

    The decay grows with the steps taken, up to its largest value, so that the average forgets the
    random start. `AveragedModel.update_parameters` does the same, but asks the GPU for the number
    of steps, and so waits for it every time.

    Args:
        averaged: Changed in place; a copy of the network.
        network: Where to.
        largest_decay: The share of the average that one step keeps, 0..1; 0 copies the network.
        step: From 0.

    """
    decay = min(largest_decay, (1 + step) / (10 + step)) if step else 0.0
    pairs = list(zip(_tensors(averaged), _tensors(network), strict=True))
    kept, current = zip(*(pair for pair in pairs if pair[0].is_floating_point()), strict=True)
    get_ema_multi_avg_fn(decay)(kept, current, None)  # type: ignore[no-untyped-call]
    for count, now in pairs:
        if not count.is_floating_point():
            count.copy_(now)


def _tensors(network: nn.Module) -> Iterator[torch.Tensor]:
    return chain(network.parameters(), network.buffers())
