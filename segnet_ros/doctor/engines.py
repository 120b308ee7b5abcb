# SPDX-License-Identifier: Apache-2.0
"""TensorRT engines in the cache: which of them this machine may run, and why not the others."""

import shlex
from collections.abc import Sequence

from segnet_ros.doctor.areas import ENGINES
from segnet_ros.doctor.finding import Finding, from_error
from segnet_ros.doctor.surroundings import Surroundings
from segnet_ros.inference.engine.cache import EngineCache
from segnet_ros.inference.engine.cached_engine import CachedEngine, safe_name
from segnet_ros.inference.engine.fingerprint import unfit
from segnet_ros.inference.engine.gpu import find_gpu
from segnet_ros.inference.engine.jetson import find_jetson
from segnet_ros.inference.engine.options import DEFAULT_PRECISION
from segnet_ros.inference.engine.supply import engine_graph
from segnet_ros.inference.engine.tensorrt_api import TensorRt, find_tensorrt, tensorrt_installed
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import load_model
from segnet_ros.inference.shipped import find_model

_PRUNE = "`segnet build-engine --prune` removes it"


def check(here: Surroundings) -> list[Finding]:
    """Judge every engine in the cache; the last finding is about the one that the node needs."""
    try:
        engines = EngineCache(here.cache).entries()
    except InferenceError as error:
        return [from_error(ENGINES, "warning", error)]
    api = _tensorrt()
    findings = [_judge(here, engine, api) for engine in engines]
    usable = [
        engine for engine, finding in zip(engines, findings, strict=True) if finding.level == "ok"
    ]
    return [*findings, _needed(here, usable, api)]


def _tensorrt() -> TensorRt | None:
    try:
        return find_tensorrt() if tensorrt_installed() else None
    except InferenceError:
        return None


def _judge(here: Surroundings, engine: CachedEngine, api: TensorRt | None) -> Finding:
    if engine.defect:
        found = f"{engine.plan.name}: {engine.defect}; it will not be used"
        return Finding(ENGINES, "warning", found, _PRUNE)
    reason = _unusable(here, engine, api)
    if reason:
        return Finding(ENGINES, "note", f"{_name(engine)}, cannot run: {reason}", _PRUNE)
    return Finding(ENGINES, "ok", f"{_name(engine)}: {engine.facts['layers']}")


def _name(engine: CachedEngine) -> str:
    fingerprint = engine.fingerprint
    built = str(engine.facts["built"])[:10]
    return (
        f"{engine.facts['model']} {fingerprint.precision}, batch {fingerprint.batch}, "
        f"built {built} by {fingerprint.flavour} {fingerprint.version}"
    )


def _unusable(here: Surroundings, engine: CachedEngine, api: TensorRt | None) -> str:
    if api is None:
        return "TensorRT cannot be loaded"
    gpu = find_gpu()
    graph = _graph_sha256(str(engine.facts["model"]), engine.fingerprint.precision)
    changes = unfit(engine.fingerprint, api, gpu, find_jetson(here.root), graph)
    return changes or ("" if gpu else "this machine has no GPU")


def _graph_sha256(model: str, precision: str) -> str:
    """Of a shipped model's graph; empty for models of the user, whose folders nobody knows."""
    try:
        graph = load_model(find_model(model)).engine_graphs.get(precision)
    except InferenceError:
        return ""
    return graph.sha256 if graph else ""


def _needed(here: Surroundings, usable: Sequence[CachedEngine], api: TensorRt | None) -> Finding:
    if api is None or find_gpu() is None:
        return Finding(ENGINES, "note", "none is needed: engines run on a GPU with TensorRT")
    try:
        model = load_model(find_model(here.wanted_model))
        engine_graph(model, DEFAULT_PRECISION)
    except InferenceError as error:
        return from_error(ENGINES, "warning", error)
    kind = f"{DEFAULT_PRECISION} engine of {model.name} for single frames"
    wanted = (safe_name(model.name), DEFAULT_PRECISION, 1)
    fingerprints = [(engine.facts["model"], engine.fingerprint) for engine in usable]
    if wanted in [(name, other.precision, other.batch) for name, other in fingerprints]:
        return Finding(ENGINES, "ok", f"there is an {kind}")
    remedy = f"`segnet build-engine {shlex.quote(here.wanted_model)}`"
    return Finding(ENGINES, "warning", f"no {kind} that can run here", remedy)
