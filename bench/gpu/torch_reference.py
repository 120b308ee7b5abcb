# SPDX-License-Identifier: Apache-2.0
"""The same network in PyTorch: from camera bytes on the host to label bytes on the host."""

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

import torch
from cases import Case
from devices import Device
from latency import Seconds, percentiles_ms, repeat, wall
from networks import random_network
from torch import Tensor, nn

from segnet_ros.training.deployed import use_switching
from segnet_ros.training.models.switches import Switching
from segnet_ros.training.normalization import Normalization

# The most that PyTorch offers: autotuned kernels in CUDA graphs. Channels last is the layout of the
# tensors that it is given.
COMPILE_MODE = "max-autotune"

_WARM_UP = 5
_MEBIBYTE = 1 << 20


class HalfNetwork(nn.Module):
    """Camera bytes to labels and confidence in fp16, channels last: what an engine does.

    Args:
        network: Float32, of SegNet's family; it is changed.
        switching: How it pools and unpools.

    """

    def __init__(self, network: nn.Module, switching: Switching) -> None:
        super().__init__()
        use_switching(network, switching)
        self.normalization = Normalization()
        self.network = network.half().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 [N, H, W, 3] RGB to labels and confidence (255 = certain), uint8 [N, H, W]."""
        x = self.normalization(image).half().contiguous(memory_format=torch.channels_last)
        confidence, labels = torch.softmax(self.network(x), dim=1).max(dim=1)
        return labels.to(torch.uint8), (confidence * 255.0 + 0.5).to(torch.uint8)


def time_network(
    case: Case, switching: Switching, device: Device, compiled: bool
) -> Mapping[str, Any]:
    """Latency, throughput and memory; `gpu` is the network alone, by CUDA events."""
    _forget_earlier_cases(device)
    before = _free_memory(device)
    network = HalfNetwork(random_network(case.network), switching).eval().to(device.name)
    # Sizes never change; unless told so, PyTorch would allow for others from the second case on.
    run = torch.compile(network, mode=COMPILE_MODE, dynamic=False) if compiled else network
    with torch.inference_mode():
        values = _time(run, _frames(case), device)
    if device.is_gpu:
        values["memory_mib"] = round((before - _free_memory(device)) / _MEBIBYTE)
    return {"variants": [values]}


def _time(network: Callable[[Tensor], Any], frames: Tensor, device: Device) -> dict[str, Any]:
    torch.backends.cudnn.benchmark = True
    pipeline = _Pipeline(network, frames, device)
    start = perf_counter()
    for _ in range(_WARM_UP):
        pipeline.once()
    values: dict[str, Any] = {"ready_seconds": round(perf_counter() - start, 2)}
    if device.is_gpu:
        values |= percentiles_ms("gpu", repeat(pipeline.network_alone, device.seconds))
    values |= percentiles_ms("total", repeat(wall(pipeline.once), device.seconds))
    values["frames_per_second"] = round(len(frames) * pipeline.rate(device.seconds), 1)
    return values


class _Pipeline:
    """Frames to the device, through the network, labels and confidence back."""

    def __init__(self, network: Callable[[Tensor], Any], frames: Tensor, device: Device) -> None:
        self._network = network
        self._device = device
        self._frames = frames.pin_memory() if device.is_gpu else frames
        self._on_device = frames.to(device.name)
        self._answers = [
            torch.empty(frames.shape[:3], dtype=torch.uint8, pin_memory=device.is_gpu)
            for _ in range(2)
        ]

    def once(self) -> None:
        """One batch after the other, as a camera needs it."""
        self._enqueue()
        self._wait()

    def rate(self, seconds: float) -> float:
        """Batches per second when the host does not wait for each."""
        start, count = perf_counter(), 0
        while perf_counter() - start < seconds:
            for _ in range(_WARM_UP):
                self._enqueue()
            self._wait()
            count += _WARM_UP
        return count / (perf_counter() - start)

    def network_alone(self) -> Seconds:
        """Of frames that are on the GPU already."""
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        begin.record()
        self._network(self._on_device)
        end.record()
        end.synchronize()
        return float(begin.elapsed_time(end)) / 1e3

    def _enqueue(self) -> None:
        results = self._network(self._frames.to(self._device.name, non_blocking=True))
        for answer, result in zip(self._answers, results, strict=True):
            answer.copy_(result, non_blocking=True)

    def _wait(self) -> None:
        if self._device.is_gpu:
            torch.cuda.synchronize()


def _frames(case: Case) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    shape = (case.batch, case.height, case.width, 3)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def _forget_earlier_cases(device: Device) -> None:
    torch.compiler.reset()
    if device.is_gpu:
        torch.cuda.empty_cache()


def _free_memory(device: Device) -> int:
    """Bytes that the GPU has left."""
    return int(torch.cuda.mem_get_info()[0]) if device.is_gpu else 0
