# SPDX-License-Identifier: Apache-2.0
"""Dropout that Monte Carlo inference samples: what makes a network of ours Bayesian."""

from typing import cast

from torch import nn

# arXiv 1511.02680, section 4.
PROBABILITY = 0.5


class SampledDropout(nn.Dropout):
    """Dropout of single cells while training; identity in evaluation mode, as ever.

    `monte_carlo.sample_dropout` finds these, and leaves alone the dropout that only regularises.
    """


def after_deepest(stages: int, deepest: int, probability: float) -> nn.ModuleList:
    """Dropout for the last `deepest` of as many stages, nothing for the others."""
    dropouts = (SampledDropout(probability) for _ in range(deepest))
    return nn.ModuleList([*(nn.Identity() for _ in range(stages - deepest)), *dropouts])


def append_to_deepest(decoder: nn.ModuleList, deepest: int, probability: float) -> None:
    """Let the last `deepest` stages, each an `nn.Sequential`, end in dropout."""
    for stage in decoder[-deepest:]:
        cast("nn.Sequential", stage).append(SampledDropout(probability))
