# SPDX-License-Identifier: Apache-2.0
"""An engine that fits here and now: from the cache, or built."""

import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segnet_ros.inference.engine.builder import PhaseListener, build_engine
from segnet_ros.inference.engine.cache import CachedEngine, EngineCache, Missing
from segnet_ros.inference.engine.fingerprint import Fingerprint, fingerprint_of
from segnet_ros.inference.engine.gpu import Gpu, why_no_gpu
from segnet_ros.inference.engine.jetson import Jetson
from segnet_ros.inference.engine.options import DEFAULT_PRECISION, EngineOptions
from segnet_ros.inference.engine.progress import BuildProgress
from segnet_ros.inference.engine.tensorrt_api import TensorRt
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import EngineGraph, Model, read_graph


@dataclass(frozen=True)
class Engine:
    """A verified engine.

    Attributes:
        plan: For deserialisation.
        facts: What the cache knows of it, as of `CachedEngine`.
        fingerprint: That it was built for, and that holds here and now.
        path: Of its file.

    """

    plan: bytes
    facts: Mapping[str, Any]
    fingerprint: Fingerprint
    path: Path


def obtain_engine(
    model: Model,
    options: EngineOptions,
    api: TensorRt,
    gpu: Gpu | None,
    jetson: Jetson | None,
    rebuild: bool = False,
) -> Engine:
    """Take a model's engine from the cache, or build it if the options allow that.

    Args:
        model: From `load_model`.
        options: What engine; what its `progress` raises ends the build and is raised here.
        api: The TensorRT that builds and runs it.
        gpu: From `find_gpu`. Without one only TensorRT-RTX builds.
        jetson: From `find_jetson`.
        rebuild: Build even if there is one.

    Raises:
        InferenceError: the model has no graph of that precision, there is no usable engine and it
            may not be built, or building or keeping it fails.

    """
    graph = engine_graph(model, options.precision)
    fingerprint = fingerprint_of(graph.sha256, api, gpu, jetson, options.precision, options.batch)
    cache = EngineCache(options.cache)
    found = Missing("asked for") if rebuild else cache.find(fingerprint, model.name)
    if isinstance(found, Missing):
        _require_permission(model, options, api, gpu, found.reason)
        report = _reporter(model, options, found.reason)
        with cache.lock(fingerprint, waiting=lambda what: report(what, None)):
            # Another process may have built it while this one waited.
            found = found if rebuild else cache.find(fingerprint, model.name)
            if isinstance(found, Missing):
                found = _build(model, graph, api, cache, fingerprint, report)
    return Engine(found.read(), found.facts, fingerprint, found.plan)


def engine_graph(model: Model, precision: str) -> EngineGraph:
    """The graph that a model's engines of a precision are built from.

    Raises:
        InferenceError: the model was exported without.

    """
    if precision in model.engine_graphs:
        return model.engine_graphs[precision]
    known = ", ".join(model.engine_graphs) or "none"
    command = "segnet export" if precision == DEFAULT_PRECISION else "segnet quantize"
    msg = (
        f"{model.name} has no {precision} graph to build an engine from, only: {known}; "
        f"add one with `{command}`"
    )
    raise InferenceError(msg)


def _require_permission(
    model: Model, options: EngineOptions, api: TensorRt, gpu: Gpu | None, reason: str
) -> None:
    if not options.build:
        msg = (
            f"no usable {options.precision} engine of {model.name} for batches of {options.batch}: "
            f"{reason}; run `{_command(model, options)}`"
        )
        raise InferenceError(msg)
    if gpu is None and api.flavour == "TensorRT":
        msg = f"TensorRT builds engines only where they shall run: {why_no_gpu()}"
        raise InferenceError(msg)


def _build(
    model: Model,
    graph: EngineGraph,
    api: TensorRt,
    cache: EngineCache,
    fingerprint: Fingerprint,
    report: PhaseListener,
) -> CachedEngine:
    started = time.monotonic()
    built = build_engine(
        api,
        read_graph(model.folder / graph.file, graph.sha256),
        fingerprint.precision,
        fingerprint.batch,
        cache.read_timing_cache(fingerprint),
        report,
        on_gpu=bool(fingerprint.gpu),
    )
    seconds = time.monotonic() - started
    entry = cache.store(fingerprint, model.name, built.plan, built.layers.in_words, seconds)
    cache.write_timing_cache(fingerprint, built.timing_cache)
    return entry


def _reporter(model: Model, options: EngineOptions, reason: str) -> PhaseListener:
    started = time.monotonic()

    def report(phase: str, fraction: float | None) -> None:
        elapsed = time.monotonic() - started
        options.progress(
            BuildProgress(model.name, options.precision, reason, phase, fraction, elapsed)
        )

    return report


def _command(model: Model, options: EngineOptions) -> str:
    command = ["segnet", "build-engine", str(model.folder), "--precision", options.precision]
    if options.batch > 1:
        command += ["--batch", str(options.batch)]
    if options.cache:
        command += ["--cache", str(options.cache)]
    return shlex.join(command)
