# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from segnet_ros.doctor import engines
from segnet_ros.doctor.finding import Finding
from segnet_ros.doctor.surroundings import Surroundings
from segnet_ros.inference.engine.cache import EngineCache
from segnet_ros.inference.engine.cached_engine import CachedEngine
from segnet_ros.inference.engine.fingerprint import fingerprint_of
from segnet_ros.inference.engine.gpu import Gpu
from segnet_ros.inference.engine.tensorrt_api import TensorRt
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import load_model, save_description

LAYERS = "26 convolutions in fp16, 13 other kernels"
PRUNE = "`segnet build-engine --prune` removes it"


def tensorrt(version: str) -> TensorRt:
    flags = SimpleNamespace(EXPLICIT_BATCH=0, STRONGLY_TYPED=1)
    return TensorRt(
        SimpleNamespace(NetworkDefinitionCreationFlag=flags, BuilderFlag=None), "TensorRT", version
    )


@pytest.fixture
def here(machine, model_folder: Path) -> Surroundings:
    return replace(machine(), model=str(model_folder))


@pytest.fixture
def having(monkeypatch: pytest.MonkeyPatch) -> Callable[[TensorRt | None, Gpu | None], None]:
    def have(api: TensorRt | None, gpu: Gpu | None) -> None:
        monkeypatch.setattr(engines, "tensorrt_installed", lambda: api is not None)
        monkeypatch.setattr(engines, "find_tensorrt", lambda: api)
        monkeypatch.setattr(engines, "find_gpu", lambda: gpu)

    return have


def store(here: Surroundings, api: TensorRt, gpu: Gpu, batch: int = 1) -> CachedEngine:
    graph = load_model(Path(here.model or "")).engine_graphs["fp16"].sha256
    fingerprint = fingerprint_of(graph, api, gpu, None, "fp16", batch)
    return EngineCache(here.cache).store(fingerprint, "tiny", b"plan", LAYERS, 43.0)


def test_an_engine_that_fits(here: Surroundings, having, orin: Gpu) -> None:
    having(tensorrt("10.3.0"), orin)
    built = str(store(here, tensorrt("10.3.0"), orin).facts["built"])[:10]
    found = f"tiny fp16, batch 1, built {built} by TensorRT 10.3.0: {LAYERS}"
    assert engines.check(here) == [
        Finding("engines", "ok", found),
        Finding("engines", "ok", "there is an fp16 engine of tiny for single frames"),
    ]


def test_an_engine_of_another_tensorrt(here: Surroundings, having, orin: Gpu) -> None:
    having(tensorrt("10.13.3"), orin)
    store(here, tensorrt("10.3.0"), orin)
    old, needed = engines.check(here)
    assert (old.level, old.remedy) == ("note", PRUNE)
    assert old.found.endswith("cannot run: TensorRT 10.3.0 built it, 10.13.3 is installed")
    found = "no fp16 engine of tiny for single frames that can run here"
    assert needed == Finding("engines", "warning", found, f"`segnet build-engine {here.model}`")


def test_an_engine_for_batches_is_not_the_needed_one(here: Surroundings, having, orin: Gpu) -> None:
    having(tensorrt("10.3.0"), orin)
    store(here, tensorrt("10.3.0"), orin, batch=4)
    assert [finding.level for finding in engines.check(here)] == ["ok", "warning"]


def test_an_altered_engine(here: Surroundings, having, orin: Gpu) -> None:
    having(tensorrt("10.3.0"), orin)
    plan = store(here, tensorrt("10.3.0"), orin).plan
    plan.write_bytes(b"evil")
    found = (
        f"{plan.name}: the engine was altered since it was built (sha256 differs); "
        "it will not be used"
    )
    assert engines.check(here)[0] == Finding("engines", "warning", found, PRUNE)
    assert engines.check(here)[1].level == "warning"


@pytest.mark.parametrize(
    ("api", "reason"),
    [(None, "TensorRT cannot be loaded"), (tensorrt("10.3.0"), "this machine has none")],
)
def test_without_tensorrt_or_gpu_none_runs_and_none_is_needed(
    here: Surroundings, having, orin: Gpu, api: TensorRt | None, reason: str
) -> None:
    having(api, None)
    store(here, tensorrt("10.3.0"), orin)
    old, needed = engines.check(here)
    assert old.level == "note"
    assert old.found.endswith(reason)
    found = "none is needed: engines run on a GPU with TensorRT"
    assert needed == Finding("engines", "note", found)


def test_bindings_that_cannot_be_loaded(
    here: Surroundings, having, orin: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> TensorRt:
        msg = "TensorRT cannot be loaded"
        raise InferenceError(msg)

    having(tensorrt("10.3.0"), orin)
    monkeypatch.setattr(engines, "find_tensorrt", fail)
    store(here, tensorrt("10.3.0"), orin)
    assert engines.check(here)[0].found.endswith("cannot run: TensorRT cannot be loaded")


def test_a_model_without_a_graph(here: Surroundings, having, orin: Gpu, model_folder: Path) -> None:
    having(tensorrt("10.3.0"), orin)
    save_description(replace(load_model(model_folder), engine_graphs={}))
    found = "tiny has no fp16 graph to build an engine from, only: none"
    remedy = "add one with `segnet export`"
    assert engines.check(here) == [Finding("engines", "warning", found, remedy)]


def test_a_cache_that_others_can_write_to(here: Surroundings, having, orin: Gpu) -> None:
    having(tensorrt("10.3.0"), orin)
    assert here.cache
    here.cache.mkdir()
    here.cache.chmod(0o777)
    (finding,) = engines.check(here)
    assert finding.level == "warning"
    assert finding.found.startswith(f"other users may write to {here.cache} (mode 777)")


def test_graphs_of_shipped_models_are_compared(having, machine, orin: Gpu) -> None:
    having(tensorrt("10.3.0"), orin)
    here = machine()
    fingerprint = fingerprint_of("0" * 64, tensorrt("10.3.0"), orin, None, "fp16", 1)
    EngineCache(here.cache).store(fingerprint, "segnet_light_camvid", b"plan", LAYERS, 43.0)
    assert "fp16" in load_model(engines.find_model("segnet_light_camvid")).engine_graphs
    assert engines.check(here)[0].found.endswith("cannot run: the model was exported anew")
