# SPDX-License-Identifier: Apache-2.0
"""What this GPU reaches at most: large matrix products and a large copy."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from devices import Device
from roofline import Ceiling
from torch import Tensor

_SIDE = 8192
_SMOKE_SIDE = 64
_REPEATS = 20
_COPIED_BYTES = 2 << 30
_SMOKE_COPIED_BYTES = 1 << 20


def measure_ceilings(device: Device) -> Mapping[str, Any]:
    """FLOP/s by precision (or why there is none), the memory's bytes per second, and on what."""
    side = _SIDE if device.is_gpu else _SMOKE_SIDE
    size = _COPIED_BYTES if device.is_gpu else _SMOKE_COPIED_BYTES
    name = torch.cuda.get_device_name() if device.is_gpu else "CPU"
    return {
        "pytorch": f"{torch.__version__} on {name}",
        "flops": {
            precision: _rate_or_error(product, side, device)
            for precision, product in _PRODUCTS.items()
        },
        "bandwidth": _copy_rate(size, device),
    }


def ceiling_of(values: Mapping[str, Any]) -> Ceiling:
    """What `measure_ceilings` found, without what failed."""
    flops = {name: rate for name, rate in values["flops"].items() if isinstance(rate, float)}
    return Ceiling("measured", flops, values["bandwidth"])


def _rate_or_error(
    product: Callable[[int, str], Callable[[], Tensor]], side: int, device: Device
) -> float | str:
    try:
        multiply = product(side, device.name)
        return 2.0 * side**3 / _seconds(multiply, device)
    except Exception as error:  # noqa: BLE001  # a type that this device or this PyTorch does not multiply
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"


def _copy_rate(size: int, device: Device) -> float:
    source = torch.randint(0, 256, (size,), dtype=torch.uint8, device=device.name)
    target = torch.empty_like(source)
    return 2.0 * size / _seconds(lambda: target.copy_(source), device)


def _seconds(work: Callable[[], Tensor], device: Device) -> float:
    """Of one call, when many are queued."""
    for _ in range(3):
        work()
    _wait(device)
    start = time.perf_counter()
    for _ in range(_REPEATS):
        work()
    _wait(device)
    return (time.perf_counter() - start) / _REPEATS


def _wait(device: Device) -> None:
    if device.is_gpu:
        torch.cuda.synchronize()


def _fp16(side: int, device: str) -> Callable[[], Tensor]:
    # Random numbers: products of zeros run faster than real ones.
    a, b = (torch.randn(side, side, dtype=torch.float16, device=device) for _ in range(2))
    return lambda: a @ b


def _int8(side: int, device: str) -> Callable[[], Tensor]:
    a, b = (
        torch.randint(-128, 128, (side, side), dtype=torch.int8, device=device) for _ in range(2)
    )
    # Tensor cores want the second matrix by columns.
    return lambda: torch._int_mm(a, b.t())  # noqa: SLF001  # PyTorch has no other name for it


def _fp8(side: int, device: str) -> Callable[[], Tensor]:
    a, b = (torch.randn(side, side, device=device).to(torch.float8_e4m3fn) for _ in range(2))
    one = torch.ones((), device=device)
    multiply = torch._scaled_mm  # noqa: SLF001  # PyTorch has no other name for it
    return lambda: multiply(a, b.t(), scale_a=one, scale_b=one, out_dtype=torch.float16)


_PRODUCTS = {"fp16": _fp16, "int8": _int8, "fp8": _fp8}
