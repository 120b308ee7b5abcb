# SPDX-License-Identifier: Apache-2.0
"""How fast an engine is, with and without CUDA graphs."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
from latency import Seconds, percentiles_ms, repeat, wall

from segnet_ros.inference.engine.machine import Machine, find_machine
from segnet_ros.inference.engine.options import EngineOptions
from segnet_ros.inference.engine.runtime import TensorRtRuntime
from segnet_ros.inference.model import Model

Pixels = npt.NDArray[np.uint8]

VARIANTS = {"CUDA graph": True, "no CUDA graph": False}
_MEBIBYTE = 1 << 20
_STAGES = {"compute": "gpu", "h2d": "h2d", "d2h": "d2h"}
_BATCHES_PER_RATE_CHECK = 10


def time_engine(
    model: Model, precision: str, batch: int, cache: Path, seconds: float
) -> Mapping[str, Any]:
    """Build the engine if need be, then measure it in every variant.

    Raises:
        InferenceError: see `TensorRtRuntime`.

    """
    options = EngineOptions(precision=precision, batch=batch, cache=cache, build=True)
    machine = find_machine()
    return {
        "variants": [
            {"variant": name, **_time_variant(model, options, machine, cuda_graphs, seconds)}
            for name, cuda_graphs in VARIANTS.items()
        ]
    }


def _time_variant(
    model: Model, options: EngineOptions, machine: Machine, cuda_graphs: bool, seconds: float
) -> Mapping[str, Any]:
    before = _free_memory(machine)
    start = perf_counter()
    with closing(TensorRtRuntime(model, options, machine, cuda_graphs)) as runtime:
        ready = perf_counter() - start
        frames = _frames(options.batch, model.size)
        # TensorRT-RTX goes on compiling while it runs.
        repeat(wall(_Batches(runtime, frames).once), seconds / 2)
        run = _Batches(runtime, frames)
        total = repeat(wall(run.once), seconds)
        return {
            **percentiles_ms("total", total),
            **run.stage_percentiles(),
            "frames_per_second": round(_rate(runtime, frames, seconds), 1),
            "memory_mib": round((before - _free_memory(machine)) / _MEBIBYTE),
            "buffers_mib": round(runtime.gpu_memory / _MEBIBYTE, 1),
            "ready_seconds": round(ready, 2),
            "built": runtime.description,
        }


class _Batches:
    """Runs a batch at a time and keeps what the GPU's clock says of each.

    Attributes:
        stages: Seconds of every batch, by stage.

    """

    def __init__(self, runtime: TensorRtRuntime, frames: Sequence[Pixels]) -> None:
        self._runtime = runtime
        self._frames = frames
        self.stages: list[Mapping[str, Seconds]] = []

    def once(self) -> None:
        """All frames in one inference."""
        if len(self._frames) == 1:
            self._runtime.infer(self._frames[0])
        else:
            deque(self._runtime.infer_all(self._frames), maxlen=0)
        self.stages.append({k: ms / 1e3 for k, ms in self._runtime.timings.items()})

    def stage_percentiles(self) -> dict[str, float]:
        """Of the network (`gpu`) and, where there are any, of the copies."""
        values: dict[str, float] = {}
        for stage, name in _STAGES.items():
            if times := [stages[stage] for stages in self.stages if stage in stages]:
                values |= percentiles_ms(name, times)
        return values


def _rate(runtime: TensorRtRuntime, frames: Sequence[Pixels], seconds: float) -> float:
    """Frames per second of `infer_all`, which copies one batch while it computes another."""
    count, start = 0, perf_counter()
    for _ in runtime.infer_all(_until(frames, start + seconds)):
        count += 1
    return count / (perf_counter() - start)


def _until(frames: Sequence[Pixels], end: float) -> Iterator[Pixels]:
    endless = cycle(frames)
    while perf_counter() < end:
        yield from islice(endless, _BATCHES_PER_RATE_CHECK * len(frames))


def _frames(count: int, size: tuple[int, int]) -> list[Pixels]:
    width, height = size
    random = np.random.default_rng(1)
    return [random.integers(0, 256, (height, width, 3), np.uint8) for _ in range(count)]


def _free_memory(machine: Machine) -> int:
    """Bytes that the GPU has left."""
    return int(machine.cuda.call("cudaMemGetInfo"))
