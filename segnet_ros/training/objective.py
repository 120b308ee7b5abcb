# SPDX-License-Identifier: Apache-2.0
"""What training minimises, as one module: a pass through it is what processes share."""

from torch import Tensor, nn

from segnet_ros.training.deep_supervision import DeepSupervision
from segnet_ros.training.device import mixed_precision
from segnet_ros.training.losses import Criterion


class Objective(nn.Module):
    """A network's loss, plus the weighted loss of its inner stages.

    Args:
        network: Scores classes.
        supervision: Watches the network; None for no inner losses.
        inner_weight: Of the inner losses.
        criterion: The loss of logits.

    """

    def __init__(
        self,
        network: nn.Module,
        supervision: DeepSupervision | None,
        inner_weight: float,
        criterion: Criterion,
    ) -> None:
        super().__init__()
        self.network = network
        self.supervision = supervision
        self._inner_weight = inner_weight
        self._criterion = criterion

    def forward(self, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Pass a batch through the network.

        Args:
            inputs: float [N, 3, H, W], normalised RGB.
            labels: int64 [N, H, W].

        Returns:
            What to minimise, and the loss of the network's own answer.

        """
        with mixed_precision(inputs.device):
            logits = self.network(inputs)
            inner = self._inner_loss(labels)
        loss = self._criterion(logits, labels)
        return loss + self._inner_weight * inner, loss

    def _inner_loss(self, labels: Tensor) -> Tensor | float:
        return 0.0 if self.supervision is None else self.supervision.loss(labels, self._criterion)
