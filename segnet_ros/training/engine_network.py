# SPDX-License-Identifier: Apache-2.0
"""The deployed network in the form of which TensorRT makes the fewest kernels."""

import copy
from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor, nn

from segnet_ros.inference.model import UNLABELLED
from segnet_ros.training.deployed import DeployedBayesianNetwork, DeployedNetwork, use_switching
from segnet_ros.training.models.switches import TwoBitSwitching
from segnet_ros.training.monte_carlo import summarize

# Up to here TensorRT-RTX 1.7 makes one kernel of everything after the scores; of 24 planes it
# makes more than twenty, of reductions three whatever their number.
_MAX_PLANES = 21


class EngineNetwork(nn.Module):
    """Answers as `DeployedNetwork` does, with two-bit switches and one channel per answer.

    Args:
        deployed: Stays as it is. Of a Bayesian network one frame at a time may be asked.

    Attributes:
        outputs: Names of the results.
        batched: Whether it takes several frames at once.

    """

    def __init__(self, deployed: DeployedNetwork) -> None:
        super().__init__()
        self.outputs = deployed.outputs
        self.batched = not isinstance(deployed, DeployedBayesianNetwork)
        self.normalization = copy.deepcopy(deployed.normalization)
        self.network = copy.deepcopy(deployed.network)
        use_switching(self.network, TwoBitSwitching())

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """uint8 [N, H, W, 3] RGB to labels, confidence (, uncertainty), uint8 [N, 1, H, W].

        A pixel whose every score is NaN is labelled `UNLABELLED`.
        """
        # Cast first: TensorRT transposes no bytes.
        scores = self.network(self.normalization(image.float()))
        if self.batched:
            best = find_best(scores)
            return best.labels.to(torch.uint8), (255.0 / best.total + 0.5).to(torch.uint8)
        mean, uncertainty = summarize(torch.softmax(scores, dim=1))
        best = find_best(mean)
        fractions = (best.score, uncertainty[:, None])
        return best.labels.to(torch.uint8), *((x * 255.0 + 0.5).to(torch.uint8) for x in fractions)


class Best(NamedTuple):
    """The best class of every pixel, all of the scores' type and [N, 1, H, W].

    Attributes:
        labels: Ids; the first of equally good classes, `UNLABELLED` if none compares.
        score: Of that class.
        total: Sum over the classes of exp(their score - the best): 1 / softmax of the best.

    """

    labels: Tensor
    score: Tensor
    total: Tensor


def find_best(scores: Tensor) -> Best:
    """Compare the classes of [N, C, H, W], by whichever form takes fewer kernels."""
    return _by_planes(scores) if scores.shape[1] <= _MAX_PLANES else _by_reductions(scores)


def _by_planes(scores: Tensor) -> Best:
    planes = [scores[:, place : place + 1] for place in range(scores.shape[1])]
    score = reduce(torch.maximum, planes)
    labels = torch.full((), float(UNLABELLED))
    for class_id in reversed(range(len(planes))):
        labels = torch.where(planes[class_id] >= score, torch.full((), float(class_id)), labels)
    total = reduce(torch.add, [(plane - score).exp() for plane in planes])
    return Best(labels, score, total)


def _by_reductions(scores: Tensor) -> Best:
    score = scores.amax(dim=1, keepdim=True)
    ids = torch.arange(scores.shape[1], dtype=scores.dtype).view(1, -1, 1, 1)
    labels = torch.where(scores >= score, ids, torch.full((), float(UNLABELLED)))
    total = (scores - score).exp().sum(dim=1, keepdim=True)
    return Best(labels.amin(dim=1, keepdim=True), score, total)
