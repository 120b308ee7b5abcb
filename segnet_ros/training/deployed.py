# SPDX-License-Identifier: Apache-2.0
"""Everything between camera bytes and labels: what an exported graph holds, as a module."""

from typing import Any

import torch
from torch import Tensor, nn

from segnet_ros.training.models.switches import MaskSwitching, Switching
from segnet_ros.training.monte_carlo import freeze_dropout, summarize
from segnet_ros.training.normalization import Normalization


class DeployedNetwork(nn.Module):
    """Everything between camera bytes and labels, as the exported graph holds it.

    Attributes:
        outputs: Names of the results.
        facts: What model.yaml should say about how the network answers.

    """

    outputs: tuple[str, ...] = ("labels", "confidence")

    def __init__(self, network: nn.Module, normalization: Normalization) -> None:
        super().__init__()
        self.normalization = normalization
        self.network = network
        self.facts: dict[str, Any] = {}

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """uint8 [N, H, W, 3] RGB to labels and confidence (255 = certain), uint8 [N, H, W]."""
        return _decide(self._probability(image))

    def _probability(self, image: Tensor) -> Tensor:
        return torch.softmax(self.network(self.normalization(image)), dim=1)


class DeployedBayesianNetwork(DeployedNetwork):
    """The same for a Bayesian network, whose dropout it freezes; one frame at a time."""

    outputs = (*DeployedNetwork.outputs, "uncertainty")

    def __init__(self, network: nn.Module, normalization: Normalization, samples: int) -> None:
        super().__init__(network, normalization)
        use_switching(network, MaskSwitching())
        freeze_dropout(network, samples)
        self.facts = {"samples": samples}

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """uint8 [1, H, W, 3] RGB to labels, confidence and uncertainty, uint8 [1, H, W].

        The confidence is that of the samples' mean; the uncertainty is `summarize`'s times 255.
        """
        mean, uncertainty = summarize(self._probability(image))
        return *_decide(mean), _to_bytes(uncertainty)


def use_switching(network: nn.Module, switching: Switching) -> None:
    """Let every pooling of a network, in place, remember the maxima in another form."""
    for module in network.modules():
        if hasattr(module, "switching"):
            module.switching = switching  # type: ignore[assignment]


def _decide(probability: Tensor) -> tuple[Tensor, Tensor]:
    confidence, labels = probability.max(dim=1)
    return labels.to(torch.uint8), _to_bytes(confidence)


def _to_bytes(fraction: Tensor) -> Tensor:
    return (fraction * 255.0 + 0.5).to(torch.uint8)
