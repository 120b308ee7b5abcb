# SPDX-License-Identifier: Apache-2.0
"""Engines out of the cache or the builder, by genuine TensorRT-RTX, which builds without a GPU."""

import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from segnet_ros.inference.engine import supply
from segnet_ros.inference.engine.builder import BuiltEngine
from segnet_ros.inference.engine.cached_engine import description_of
from segnet_ros.inference.engine.jetson import Jetson
from segnet_ros.inference.engine.layers import LayerCount
from segnet_ros.inference.engine.options import EngineOptions
from segnet_ros.inference.engine.progress import BuildProgress
from segnet_ros.inference.engine.supply import Engine, obtain_engine
from segnet_ros.inference.engine.tensorrt_api import TensorRt, find_tensorrt
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import EngineGraph, Model, load_model, save_description


@pytest.fixture(scope="module")
def api() -> TensorRt:
    pytest.importorskip(
        "tensorrt_rtx_libs", reason="needs TensorRT-RTX: pip install 'segnet_ros[rtx]'"
    )
    found = find_tensorrt()
    if found.flavour != "TensorRT-RTX":
        pytest.skip("needs TensorRT-RTX alone: TensorRT is installed and goes first")
    return found


@pytest.fixture
def model(channel_model: Path, tmp_path: Path) -> Model:
    """Three kernels; its graph serves as one of two precisions."""
    folder = shutil.copytree(channel_model, tmp_path / "model folder")
    plain = load_model(folder)
    graph = EngineGraph("model.onnx", plain.sha256, 1.0, "none", 0.5, 0.5)
    save_description(replace(plain, engine_graphs={"fp16": graph, "int8": graph}))
    return load_model(folder)


class Listener:
    """Remembers a build's progress."""

    def __init__(self) -> None:
        self.heard: list[BuildProgress] = []

    def __call__(self, progress: BuildProgress) -> None:
        self.heard.append(progress)

    @property
    def reasons(self) -> set[str]:
        return {progress.reason for progress in self.heard}


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def options(tmp_path: Path, listener: Listener) -> EngineOptions:
    return EngineOptions(cache=tmp_path / "cache", build=True, progress=listener)


def _obtain(model: Model, options: EngineOptions, api: TensorRt, rebuild: bool = False) -> Engine:
    return obtain_engine(model, options, api, None, None, rebuild)


def _refusal(model: Model, options: EngineOptions, api: TensorRt) -> str:
    with pytest.raises(InferenceError) as caught:
        _obtain(model, options, api)
    return str(caught.value)


def _names(options: EngineOptions) -> list[str]:
    assert options.cache is not None
    return sorted(path.name for path in options.cache.iterdir())


def test_a_missing_engine_is_built_with_progress(
    model: Model, options: EngineOptions, api: TensorRt, listener: Listener
) -> None:
    engine = _obtain(model, options, api)
    assert engine.plan == engine.path.read_bytes()
    assert len(engine.plan) > 10_000
    assert engine.facts["layers"] == "no convolution, 3 other kernels"
    assert engine.facts["fingerprint"] == engine.fingerprint.facts()
    assert engine.fingerprint.onnx_sha256 == model.sha256
    assert engine.fingerprint.version == api.version
    assert _names(options) == [engine.path.name, description_of(engine.path).name]
    heard = listener.heard
    assert {(p.model, p.precision, p.reason) for p in heard} == {
        ("channel", "fp16", "none was built yet")
    }
    assert len({progress.phase for progress in heard}) > 3
    assert 1.0 in {progress.fraction for progress in heard}
    assert [p.elapsed for p in heard] == sorted(p.elapsed for p in heard)


def test_the_second_time_it_comes_from_the_cache(
    model: Model, options: EngineOptions, api: TensorRt, listener: Listener
) -> None:
    first = _obtain(model, options, api)
    listener.heard.clear()
    assert _obtain(model, replace(options, build=False), api) == first
    assert listener.heard == []


def test_rebuilding_if_asked_to(
    model: Model, options: EngineOptions, api: TensorRt, listener: Listener
) -> None:
    first = _obtain(model, options, api)
    listener.heard.clear()
    second = _obtain(model, options, api, rebuild=True)
    assert listener.reasons == {"asked for"}
    assert second.path == first.path
    assert len(_names(options)) == 2


def test_an_altered_engine_is_rebuilt_and_never_returned(
    model: Model, options: EngineOptions, api: TensorRt, listener: Listener
) -> None:
    first = _obtain(model, options, api)
    altered = first.plan[:-1] + bytes([first.plan[-1] ^ 1])
    first.path.write_bytes(altered)
    second = _obtain(model, options, api)
    assert second.plan != altered
    assert "the engine was altered since it was built (sha256 differs)" in listener.reasons


def test_an_engine_of_an_older_tensorrt(
    model: Model, options: EngineOptions, api: TensorRt, listener: Listener
) -> None:
    _obtain(model, options, replace(api, version="1.6.0"))
    listener.heard.clear()
    _obtain(model, options, api)
    assert listener.reasons == {f"TensorRT-RTX 1.6.0 built it, {api.version} is installed"}


def test_another_power_mode(model: Model, options: EngineOptions, api: TensorRt) -> None:
    obtain_engine(model, options, api, None, Jetson("36.4.3", "15W"))
    with pytest.raises(InferenceError, match="the power mode changed from 15W to MAXN; run"):
        obtain_engine(model, replace(options, build=False), api, None, Jetson("36.4.3", "MAXN"))


def test_nothing_is_built_without_permission(
    model: Model, options: EngineOptions, api: TensorRt, listener: Listener
) -> None:
    assert _refusal(model, replace(options, build=False), api) == (
        "no usable fp16 engine of channel for batches of 1: none was built yet; run "
        f"`segnet build-engine '{model.folder}' --precision fp16 --cache {options.cache}`"
    )
    assert listener.heard == []
    assert _names(options) == []


def test_the_command_names_what_differs_from_its_defaults(
    model: Model, api: TensorRt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert _refusal(model, EngineOptions("int8", 4), api).endswith(
        f"run `segnet build-engine '{model.folder}' --precision int8 --batch 4`"
    )


@pytest.mark.parametrize(
    ("kept", "precision", "words"),
    [
        (("fp16", "int8"), "fp8", "only: fp16, int8; add one with `segnet quantize`"),
        (("int8",), "fp16", "only: int8; add one with `segnet export`"),
        ((), "fp16", "only: none; add one with `segnet export`"),
    ],
)
def test_a_model_without_that_graph(
    model: Model,
    options: EngineOptions,
    api: TensorRt,
    kept: tuple[str, ...],
    precision: str,
    words: str,
) -> None:
    graphs = {name: model.engine_graphs[name] for name in kept}
    lacking = replace(model, engine_graphs=graphs)
    text = _refusal(lacking, replace(options, precision=precision), api)
    assert text == f"channel has no {precision} graph to build an engine from, {words}"


def test_an_altered_graph_is_not_built(model: Model, options: EngineOptions, api: TensorRt) -> None:
    (model.folder / "model.onnx").write_bytes(b"another graph")
    assert "model.onnx has sha256" in _refusal(model, options, api)
    assert _names(options) == []


def test_full_tensorrt_builds_on_a_gpu_only(
    model: Model, options: EngineOptions, api: TensorRt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supply, "why_no_gpu", lambda: "there is none; buy one")
    text = _refusal(model, options, replace(api, flavour="TensorRT"))
    assert text == "TensorRT builds engines only where they shall run: there is none; buy one"


@pytest.mark.parametrize("at", [0, 5])
def test_a_listener_that_raises_ends_the_build(
    model: Model, options: EngineOptions, api: TensorRt, listener: Listener, at: int
) -> None:
    def cancel(progress: BuildProgress) -> None:
        listener(progress)
        if len(listener.heard) > at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _obtain(model, replace(options, progress=cancel), api)
    assert _names(options) == []


def test_the_timing_cache_is_read_and_kept(
    model: Model, options: EngineOptions, api: TensorRt, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[bytes] = []

    def build(
        api: TensorRt, graph: bytes, precision: str, batch: int, timing_cache: bytes, progress: Any,
        on_gpu: bool,
    ) -> BuiltEngine:  # fmt: skip
        assert graph == model.graph.read_bytes()
        assert not on_gpu
        given.append(timing_cache)
        return BuiltEngine(b"plan", LayerCount({"fp16": 1}, 2), b"timings of " + precision.encode())

    monkeypatch.setattr(supply, "build_engine", build)
    for precision in ("fp16", "int8"):
        _obtain(model, replace(options, precision=precision), api)
    _obtain(model, options, api, rebuild=True)
    assert given == [b"", b"timings of fp16", b"timings of int8"]


def test_no_room_for_the_engine(model: Model, options: EngineOptions, api: TensorRt) -> None:
    """In a process whose files the kernel limits to 100 kB; the older engine is not touched."""
    older = _obtain(model, replace(options, precision="int8"), api)
    before = _names(options)
    done = _run(model, options, "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))")
    assert done["error"].startswith("an engine of 0.4 MB cannot be written to ")
    assert "(File too large); make room there" in done["error"]
    assert _names(options) == before
    assert _obtain(model, replace(options, precision="int8", build=False), api) == older


BUILDER = """
import json, resource, sys
from pathlib import Path
from segnet_ros.inference.engine.options import EngineOptions
from segnet_ros.inference.engine.supply import obtain_engine
from segnet_ros.inference.engine.tensorrt_api import find_tensorrt
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import load_model

folder, cache, preparation = sys.argv[1:]
phases = []

def pause():
    print(json.dumps("paused"), flush=True)
    sys.stdin.readline()

def listen(progress):
    if progress.phase == "waiting for another builder" and progress.phase not in phases:
        print(json.dumps("waiting"), flush=True)
    phases.append(progress.phase)
    if preparation == "pause" and phases == ["parse"]:
        pause()

if preparation != "pause":
    exec(preparation)
options = EngineOptions(cache=Path(cache), build=True, progress=listen)
result = {"error": ""}
try:
    engine = obtain_engine(load_model(Path(folder)), options, find_tensorrt(), None, None)
    result |= {"sha256": engine.facts["sha256"], "builds": phases.count("parse")}
except InferenceError as error:
    result["error"] = str(error)
print(json.dumps(result), flush=True)
"""


def _start(model: Model, options: EngineOptions, preparation: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", BUILDER, str(model.folder), str(options.cache), preparation],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def _said(builder: "subprocess.Popen[str]") -> Any:
    assert builder.stdout is not None
    return json.loads(builder.stdout.readline())


def _run(model: Model, options: EngineOptions, preparation: str) -> Any:
    with _start(model, options, preparation) as builder:
        return _said(builder)


def test_two_processes_build_one_engine(
    model: Model, options: EngineOptions, api: TensorRt
) -> None:
    with _start(model, options, "pause") as first:
        assert _said(first) == "paused"
        with _start(model, options, "") as second:
            assert _said(second) == "waiting"
            # Another engine is not held up.
            other = _obtain(model, replace(options, precision="int8"), api)
            assert first.stdin is not None
            first.stdin.write("\n")
            first.stdin.flush()
            built, waited = _said(first), _said(second)
    assert built["error"] == waited["error"] == ""
    assert (built["builds"], waited["builds"]) == (1, 0)
    assert built["sha256"] == waited["sha256"]
    stems = {Path(name).stem for name in _names(options)}
    assert len(stems) == 2
    assert other.path.stem in stems


def test_a_killed_builder_is_no_obstacle(
    model: Model, options: EngineOptions, api: TensorRt, listener: Listener
) -> None:
    with _start(model, options, "pause") as builder:
        assert _said(builder) == "paused"
        assert len(_names(options)) == 1
        builder.send_signal(signal.SIGKILL)
    engine = _obtain(model, options, api)
    assert "waiting for another builder" not in {progress.phase for progress in listener.heard}
    assert listener.reasons == {"none was built yet"}
    assert _names(options) == [engine.path.name, description_of(engine.path).name]
