# SPDX-License-Identifier: Apache-2.0
"""Max pooling that remembers where each maximum came from, and its inverse.

SegNet's decoder puts every pooled value back into the cell it was taken from (arXiv 1511.00561,
section 3). Windows are 2x2 with stride 2, so the memory of one window is two bits. PyTorch keeps
int64 indices instead, which neither TensorRT's ONNX parser nor OpenVINO's optimiser can use; the
two index-free formulations here give bit-identical results from plain operators.

All formulations share Caffe's ceil rule for odd sizes (360 > 180 > 90 > 45 > 23 > 12) and
PyTorch's rule for ties: the first maximum in row-major order wins. After a ReLU whole windows are
zero, so ties are the common case. Inputs to the index-free formulations must be non-negative,
which every pooled feature map of the family is: odd edges are padded with zeros.
"""

from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

_WINDOW = 2


class Switching(Protocol):
    """A way to pool 2x2 windows and to unpool through the same cells."""

    def pool(self, x: Tensor) -> tuple[Tensor, Any]:
        """Pool [N, C, H, W] to [N, C, ceil(H/2), ceil(W/2)]; also return the switches."""
        ...

    def unpool(self, y: Tensor, switches: Any, size: tuple[int, int]) -> Tensor:
        """Put [N, C, h, w] back into the recorded cells of [N, C, *size]; zero elsewhere."""
        ...


class IndexSwitching:
    """PyTorch's own pair, with int64 indices: the reference, and what training uses."""

    def pool(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `Switching.pool`; the switches are flat indices, int64 [N, C, h, w]."""
        pooled, indices = F.max_pool2d(x, _WINDOW, _WINDOW, ceil_mode=True, return_indices=True)
        return pooled, indices

    def unpool(self, y: Tensor, switches: Tensor, size: tuple[int, int]) -> Tensor:
        """See `Switching.unpool`."""
        return F.max_unpool2d(y, switches, (_WINDOW, _WINDOW), output_size=size)


class MaskSwitching:
    """One Bool per cell, from comparisons at full resolution: fastest in OpenVINO.

    A cell that equals its window's maximum is a candidate. Candidates are scored 4, 3, 2, 1 by
    their place in the window, and the one with the window's highest score is the switch.
    """

    def pool(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `Switching.pool`; the switches are Bool [N, C, 2h, 2w]."""
        x = _pad_to_even(x)
        pooled = F.max_pool2d(x, _WINDOW, _WINDOW)
        rank = torch.tensor([[4.0, 3.0], [2.0, 1.0]], dtype=x.dtype, device=x.device)
        # Four dimensions: against a plain matrix OpenVINO leaves its channels-last layout, and
        # reordering around every pooling costs a fifth of the network's time.
        rank = rank.repeat(x.shape[2] // _WINDOW, x.shape[3] // _WINDOW)[None, None]
        zero = torch.zeros((), dtype=x.dtype, device=x.device)
        score = torch.where(x == _nearest(pooled), rank, zero)
        return pooled, score == _nearest(F.max_pool2d(score, _WINDOW, _WINDOW))

    def unpool(self, y: Tensor, switches: Tensor, size: tuple[int, int]) -> Tensor:
        """See `Switching.unpool`."""
        spread = torch.where(switches, _nearest(y), torch.zeros((), dtype=y.dtype, device=y.device))
        return spread[:, :, : size[0], : size[1]]


class TwoBitSwitching:
    """Two Bool maps per window (maximum in the top row? in the left column?): for TensorRT."""

    def pool(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """See `Switching.pool`; the switches are two Bool [N, C, h, w]: (top, left)."""
        x = _pad_to_even(x)
        a, b = x[:, :, ::2, ::2], x[:, :, ::2, 1::2]
        c, d = x[:, :, 1::2, ::2], x[:, :, 1::2, 1::2]
        upper, lower = torch.maximum(a, b), torch.maximum(c, d)
        top = upper >= lower
        # Not torch.where: ONNX Runtime has no Where of Bool.
        left = (top & (a >= b)) | (~top & (c >= d))
        return torch.maximum(upper, lower), (top, left)

    def unpool(self, y: Tensor, switches: tuple[Tensor, Tensor], size: tuple[int, int]) -> Tensor:
        """See `Switching.unpool`."""
        top, left = switches
        zero = torch.zeros((), dtype=y.dtype, device=y.device)
        cells = [
            torch.where(cell, y, zero)
            for cell in (top & left, top & ~left, ~top & left, ~top & ~left)
        ]
        # pixel_shuffle wants the four cells of one channel next to each other.
        stacked = torch.stack(cells, dim=2).flatten(1, 2)
        return F.pixel_shuffle(stacked, _WINDOW)[:, :, : size[0], : size[1]]


def _pad_to_even(x: Tensor) -> Tensor:
    height, width = x.shape[2:]
    if height % _WINDOW == 0 and width % _WINDOW == 0:
        return x
    return F.pad(x, (0, width % _WINDOW, 0, height % _WINDOW))


def _nearest(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=float(_WINDOW), mode="nearest")
