# SPDX-License-Identifier: Apache-2.0
"""Monte Carlo dropout: what Bayesian SegNet (arXiv 1511.02680) answers with.

The network answers several times for one frame, each time without other cells. The mean of the
softmax decides; how far the samples lie apart is the uncertainty.

The cells to drop are drawn once per exported model and then frozen: a fixed ensemble of thinned
networks. The same frame then gets the same answer, in PyTorch, in every engine and in every run,
which is what lets an exported file be checked, and what a vehicle's log needs. Random operators in
the graph give none of that: OpenVINO 2026.4 has no Bernoulli and draws anew for every frame, and
TensorRT ignores the seed. The price is that the noise of few samples sticks to its place in the
picture instead of flickering.
"""

import numpy as np
import torch
from torch import Tensor, nn

from segnet_ros.training.models.sampled_dropout import SampledDropout

SAMPLES = 8
"""What the authors' configuration of Bayesian SegNet-Basic draws; they saw no gain beyond 40."""


class FrozenDropout(nn.Module):
    """Dropout of cells that are the same for every frame, and others in every sample.

    Args:
        probability: Of dropping a cell.
        samples: Number of masks.
        seed: Of the masks.

    """

    def __init__(self, probability: float, samples: int, seed: int) -> None:
        super().__init__()
        self.probability = probability
        self.samples = samples
        self.seed = seed

    def forward(self, x: Tensor) -> Tensor:
        """Thin out float [1, C, H, W] or [samples, C, H, W] to [samples, C, H, W]."""
        kept = self._masks((self.samples, *(int(length) for length in x.shape[1:]))).to(x.device)
        zero = torch.zeros((), dtype=x.dtype, device=x.device)
        return torch.where(kept, x / (1.0 - self.probability), zero)

    def _masks(self, shape: tuple[int, ...]) -> Tensor:
        chance = np.random.default_rng(self.seed).random(shape, dtype=np.float32)
        return torch.from_numpy(chance >= self.probability)


def is_bayesian(network: nn.Module) -> bool:
    """Whether a network has dropout to sample."""
    return any(isinstance(module, SampledDropout) for module in network.modules())


def freeze_dropout(network: nn.Module, samples: int) -> None:
    """Make a network in evaluation mode answer one frame with `samples` different scores.

    Its `SampledDropout` gives way to masks; all else, batch norm above all, stays in evaluation
    mode. What precedes the first dropout is computed once, and its switches serve all samples, for
    which the switching must be free of indices.

    Args:
        network: Changed in place; from then on it maps [1, 3, H, W] to [samples, classes, H, W].
        samples: At least 1.

    """
    places = [
        (parent, name, child)
        for parent in network.modules()
        for name, child in parent.named_children()
        if isinstance(child, SampledDropout)
    ]
    for seed, (parent, name, dropout) in enumerate(places):
        setattr(parent, name, FrozenDropout(dropout.p, samples, seed))


def summarize(samples: Tensor) -> tuple[Tensor, Tensor]:
    """What several softmax samples say together.

    Args:
        samples: float [T, classes, H, W], probabilities.

    Returns:
        Mean over the samples, float [1, classes, H, W], and uncertainty, float [1, H, W]: the
        root of the summed variances of all classes. It is 0 where all samples agree and at most
        sqrt(1 - 1/T), below 1, where each is sure of another class. The paper's measure, the mean
        of the classes' variances, is its square over the number of classes, and ranks pixels alike.

    """
    mean = samples.mean(dim=0, keepdim=True)
    variance = (samples - mean).square().mean(dim=0, keepdim=True)
    return mean, variance.sum(dim=1).sqrt()
