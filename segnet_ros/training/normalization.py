"""From camera bytes to what the networks see; part of the exported graph."""

import torch
from torch import Tensor, nn

# ImageNet's statistics on the 0..255 scale: encoders trained there fit without a change.
MEAN_RGB = (123.675, 116.28, 103.53)
STD_RGB = (58.395, 57.12, 57.375)


class Normalization(nn.Module):
    """uint8 [N, H, W, 3] RGB to float32 [N, 3, H, W], about zero mean and unit deviation."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN_RGB).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD_RGB).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """Transpose, cast and normalise."""
        return (image.permute(0, 3, 1, 2).float() - self.mean) / self.std
