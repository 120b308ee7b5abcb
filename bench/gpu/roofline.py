# SPDX-License-Identifier: Apache-2.0
"""The least time that a GPU needs for a network, from what must be computed and moved.

Counted are the operations that no compiler can fuse with each other: convolutions, poolings and
unpoolings. Each reads its maps and weights once and writes its result once, and computes while it
reads; normalisation, ReLU and the output's argmax are taken as free.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from segnet_ros.training.models import build_model

_BYTES_PER_VALUE = {"fp16": 2, "int8": 1, "fp8": 1}
_FLOPS_PER_MAC = 2


@dataclass(frozen=True)
class Operation:
    """What one operation does to one image.

    Attributes:
        flops: Floating-point operations, two per multiply-accumulate.
        values: Numbers of feature maps that it reads and writes.
        weights: Numbers that it reads whatever the batch.
        switches: Pooled places whose switch it writes or reads, one byte each.

    """

    flops: int
    values: int
    weights: int = 0
    switches: int = 0


@dataclass(frozen=True)
class Ceiling:
    """What a GPU can do at most.

    Attributes:
        name: Where the numbers come from.
        flops: Per second, by precision.
        bandwidth: Of its memory, bytes per second, read and written.

    """

    name: str
    flops: dict[str, float]
    bandwidth: float


H200_DATA_SHEET = Ceiling(
    "H200 data sheet, dense",
    {"fp16": 989.4e12, "int8": 1978.9e12, "fp8": 1978.9e12},
    4.8e12,
)


@cache
def operations(architecture: str, classes: int, size: tuple[int, int]) -> tuple[Operation, ...]:
    """Count an architecture's operations for one image of (width, height) pixels.

    Raises:
        ValueError: there is no such architecture.

    """
    with torch.device("meta"):
        network = build_model(architecture, classes).eval()
        image = torch.empty(1, 3, size[1], size[0])
    with torch.no_grad(), _Counter() as counter:
        network(image)
    return tuple(counter.operations)


def floor_ms(
    counted: Iterable[Operation], precision: str, batch: int, ceiling: Ceiling
) -> float | None:
    """The least milliseconds for a batch; None if the ceiling says nothing of the precision."""
    if precision not in ceiling.flops:
        return None
    peak, width = ceiling.flops[precision], _BYTES_PER_VALUE[precision]
    return 1e3 * sum(
        max(batch * operation.flops / peak, _bytes(operation, width, batch) / ceiling.bandwidth)
        for operation in counted
    )


def total_flops(counted: Sequence[Operation]) -> int:
    """Of one image."""
    return sum(operation.flops for operation in counted)


def _bytes(operation: Operation, width: int, batch: int) -> int:
    maps = operation.values * width + operation.switches
    return batch * maps + operation.weights * width


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operation of a network on the `meta` device."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: list[Operation] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        count = _COUNTS.get(func)
        if count:
            self.operations.append(count(args, result))
        return result


def _convolution(args: Any, result: Tensor) -> Operation:
    image, kernels = args[0], args[1]
    macs = result.numel() * kernels[0].numel()
    return Operation(
        flops=_FLOPS_PER_MAC * macs,
        values=image.numel() + result.numel(),
        weights=kernels.numel(),
    )


def _pooling(args: Any, result: tuple[Tensor, Tensor]) -> Operation:
    pooled = result[0].numel()
    return Operation(flops=0, values=args[0].numel() + pooled, switches=pooled)


def _unpooling(args: Any, result: Tensor) -> Operation:
    pooled = args[0].numel()
    return Operation(flops=0, values=pooled + result.numel(), switches=pooled)


_aten = torch.ops.aten
_COUNTS: dict[Any, Callable[[Any, Any], Operation]] = {
    _aten.convolution.default: _convolution,
    _aten.max_pool2d_with_indices.default: _pooling,
    _aten.max_unpool2d.default: _unpooling,
}
