# SPDX-License-Identifier: Apache-2.0
"""The same graph in ONNX Runtime's CUDA provider, where that is installed."""

from collections.abc import Mapping
from time import perf_counter
from typing import Any

import numpy as np
import onnxruntime
from latency import percentiles_ms, repeat, wall

from segnet_ros.inference.model import Model, read_verified

_PROVIDER = "CUDAExecutionProvider"


def time_onnx_runtime(
    model: Model, precision: str, batch: int, seconds: float
) -> Mapping[str, Any]:
    """Latency with copies, and without: inputs and outputs that stay on the GPU.

    Raises:
        RuntimeError: this ONNX Runtime has no CUDA provider.

    """
    available = onnxruntime.get_available_providers()
    if _PROVIDER not in available:
        msg = (
            f"ONNX Runtime {onnxruntime.__version__} has no {_PROVIDER}, only "
            f"{', '.join(available)}"
        )
        raise RuntimeError(msg)
    graph = model.engine_graphs[precision]
    session = onnxruntime.InferenceSession(
        read_verified(model.folder / graph.file, graph.sha256), providers=[_PROVIDER]
    )
    width, height = model.size
    frames = np.random.default_rng(1).integers(0, 256, (batch, height, width, 3), np.uint8)
    binding = _on_gpu(session, frames)

    def alone() -> None:
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()

    def with_copies() -> None:
        session.run(None, {"image": frames})

    for work in (alone, with_copies):
        repeat(wall(work), seconds / 2)
    start = perf_counter()
    total = repeat(wall(with_copies), seconds)
    rate = batch * len(total) / (perf_counter() - start)
    values = {
        **percentiles_ms("gpu", repeat(wall(alone), seconds)),
        **percentiles_ms("total", total),
    }
    return {"variants": [{**values, "frames_per_second": round(rate, 1)}]}


def _on_gpu(session: onnxruntime.InferenceSession, frames: Any) -> onnxruntime.IOBinding:
    binding = session.io_binding()
    binding.bind_ortvalue_input(
        "image", onnxruntime.OrtValue.ortvalue_from_numpy(frames, "cuda", 0)
    )
    for output in session.get_outputs():
        binding.bind_output(output.name, "cuda")
    return binding
