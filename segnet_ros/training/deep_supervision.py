# SPDX-License-Identifier: Apache-2.0
"""Extra losses on the decoder's inner stages, while training only.

After Lee et al., Deeply-Supervised Nets (arXiv 1409.5185): a 1x1 convolution reads class scores off
every decoder stage, so that gradients reach the deep layers without passing all unpoolings. The
heads are thrown away afterwards; the network itself is not changed.
"""

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from segnet_ros.training.losses import Criterion
from segnet_ros.training.recipe import RecipeError


class DeepSupervision(nn.Module):
    """Auxiliary heads for a network whose `decoder` mirrors its encoder's list of stages.

    Args:
        network: The network to watch; its `decoder` holds at least two stages.
        classes: Number of classes.

    Raises:
        RecipeError: the network has no such decoder.

    """

    def __init__(self, network: nn.Module, classes: int) -> None:
        super().__init__()
        self._outputs: list[Tensor] = []
        stages = _inner_stages(network)
        self.heads = nn.ModuleList(nn.Conv2d(_maps(stage), classes, 1) for stage in stages)
        for stage in stages:
            stage.register_forward_hook(self._keep)

    def loss(self, labels: Tensor, criterion: Criterion) -> Tensor:
        """Mean of the heads' losses for the network's last forward pass.

        Args:
            labels: int64 [N, H, W]; each stage is compared with the nearest labels.
            criterion: The loss of each head.

        """
        # The deepest stage runs first.
        features = list(reversed(self._outputs))
        self._outputs.clear()
        losses = [
            criterion(logits, _shrink(labels, logits))
            for logits in (head(x) for head, x in zip(self.heads, features, strict=True))
        ]
        return sum(losses[1:], losses[0]) / len(losses)

    def _keep(self, stage: nn.Module, _inputs: Any, output: Tensor) -> None:
        if stage.training:
            self._outputs.append(output)


def _inner_stages(network: nn.Module) -> list[nn.Module]:
    decoder = getattr(network, "decoder", None)
    stages = list(decoder) if isinstance(decoder, nn.ModuleList) else []
    # The first entry runs last and feeds the classifier, which has a loss already.
    inner = stages[1:]
    if not inner or not all(map(_convolutions, inner)):
        msg = (
            "inner_weight needs a network whose decoder is a list of stages with convolutions, "
            f"and {type(network).__name__} has none; set inner_weight: 0"
        )
        raise RecipeError(msg)
    return inner


def _maps(stage: nn.Module) -> int:
    return _convolutions(stage)[-1].out_channels


def _convolutions(stage: nn.Module) -> list[nn.Conv2d | nn.ConvTranspose2d]:
    return [
        layer for layer in stage.modules() if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d))
    ]


def _shrink(labels: Tensor, logits: Tensor) -> Tensor:
    size = (logits.shape[2], logits.shape[3])
    return F.interpolate(labels[:, None].float(), size=size, mode="nearest-exact")[:, 0].long()
