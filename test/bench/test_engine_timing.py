# SPDX-License-Identifier: Apache-2.0
"""Engines are timed over a simulated GPU: a frame takes it 2 ms by its own clock."""

from pathlib import Path

import engine_timing
import pytest
from engine_timing import time_engine
from simulated_tensorrt import SimulatedMachine


def timed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, batch: int, generation: str = "10"
) -> tuple[SimulatedMachine, list[dict[str, float | str]]]:
    simulated = SimulatedMachine(folder, batch=batch, generation=generation)
    free = iter([1000, 400, 1000, 600])
    simulated.cuda.cudaMemGetInfo = lambda: (0, next(free) << 20, 4000 << 20)
    monkeypatch.setattr(engine_timing, "find_machine", lambda: simulated.machine)
    values = time_engine(simulated.model, "fp16", batch, simulated.options.cache, 0.02)
    return simulated, values["variants"]


def test_batch_takes_the_gpu_its_frames_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, (single, _) = timed(tmp_path, monkeypatch, batch=1)
    assert single["gpu_p50_ms"] == pytest.approx(2.0)
    assert single["gpu_p99_ms"] == pytest.approx(2.0)


def test_both_variants_are_timed_with_copies_and_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated, variants = timed(tmp_path, monkeypatch, batch=3)
    assert [values["variant"] for values in variants] == ["CUDA graph", "no CUDA graph"]
    for values in variants:
        assert values["gpu_p50_ms"] == pytest.approx(6.0)
        assert values["h2d_p50_ms"] > 0
        assert values["d2h_p50_ms"] > 0
        assert values["total_p99_ms"] >= values["total_p50_ms"] > 0
        assert values["frames_per_second"] > 0
        assert values["ready_seconds"] >= 0
        assert str(values["built"]).startswith("TensorRT 10.3.0 Simulated GPU fp16 (26 convolu")
    assert [values["memory_mib"] for values in variants] == [600, 400]
    assert simulated.tensorrt.loads == 2
    assert not simulated.tensorrt.alive, "the runtimes were closed"


def test_cuda_graphs_are_on_and_then_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulated, _ = timed(tmp_path, monkeypatch, batch=1, generation="RTX")
    strategies = [config.cuda_graph_strategy.name for config in simulated.tensorrt.configs]
    assert strategies == ["WHOLE_GRAPH_CAPTURE", "DISABLED"]
