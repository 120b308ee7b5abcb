# SPDX-License-Identifier: Apache-2.0
"""From camera bytes to what the networks see; part of the exported graph."""

import torch
from torch import Tensor, nn

# ImageNet's statistics on the 0..255 scale: encoders trained there fit without a change.
MEAN_RGB = (123.675, 116.28, 103.53)
STD_RGB = (58.395, 57.12, 57.375)


class Normalization(nn.Module):
    """uint8 [N, H, W, 3] RGB to float32 [N, 3, H, W].

    Args:
        mean: Subtracted from red, green and blue, on the 0..255 scale.
        std: What red, green and blue are then divided by.
        bgr: Whether the network wants its channels in the order blue, green, red.

    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        mean: tuple[float, float, float] = MEAN_RGB,
        std: tuple[float, float, float] = STD_RGB,
        bgr: bool = False,
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self._bgr = bgr

    def forward(self, image: Tensor) -> Tensor:
        """Transpose, cast and normalise."""
        normalized = (image.permute(0, 3, 1, 2).float() - self.mean) / self.std
        return normalized.flip(1) if self._bgr else normalized
