# SPDX-License-Identifier: Apache-2.0
"""The engines in the cache: which can be used here, and removing the others."""

from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from segnet_ros.inference.engine.cache import CachedEngine, EngineCache
from segnet_ros.inference.engine.cached_engine import safe_name
from segnet_ros.inference.engine.fingerprint import unfit
from segnet_ros.inference.engine.gpu import find_gpu, why_no_gpu
from segnet_ros.inference.engine.jetson import find_jetson
from segnet_ros.inference.engine.tensorrt_api import find_tensorrt
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import load_model
from segnet_ros.inference.shipped import find_model, shipped_models

Judge = Callable[[CachedEngine], str]
"""Says why a whole engine cannot be used here and now; empty if it can."""

_COLUMNS = ("model", "precision", "batch", "built by", "GPU", "size", "age", "state")
_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def list_engines(folder: Path | None, model: str) -> None:
    """Print every engine, with the reason if it cannot be used.

    Args:
        folder: Of the engines; None is the user's cache.
        model: Folder or shipped name of one whose graphs are compared, beside the shipped ones.

    """
    cache = EngineCache(folder)
    judge = _judge(model)
    states = [(engine, *_state(engine, judge)) for engine in cache.entries()]
    table = Table(box=None, padding=(0, 1, 0, 0))
    for column in _COLUMNS:
        table.add_column(column, no_wrap=column not in ("built by", "GPU"), overflow="fold")
    for engine, state, _ in states:
        table.add_row(*(Text(cell) for cell in (*_description(engine), state)))
    Console().print(table)
    for engine, state, reason in states:
        if reason:
            print(f"{engine.plan.name} is {state}: {reason}")
    print(f"{len(states)} engines in {cache.folder}")


def prune_engines(folder: Path | None, model: str) -> None:
    """Remove what cannot be used, and print what and why.

    Raises:
        InferenceError: there is no TensorRT, or none of its kind's GPU, to judge by.

    """
    api = find_tensorrt()
    if api.flavour == "TensorRT" and not find_gpu():
        msg = f"without a GPU nobody knows what can be used on it: {why_no_gpu()}"
        raise InferenceError(msg)
    removed = EngineCache(folder).prune(_judge(model))
    for file in removed:
        print(f"removed {file.name} ({file.size / 1e6:.1f} MB): {file.reason}")
    print(f"{len(removed)} files, {sum(file.size for file in removed) / 1e6:.1f} MB removed")


def _judge(model: str) -> Judge:
    try:
        api = find_tensorrt()
    except InferenceError:
        return lambda _engine: "TensorRT cannot be loaded"
    gpu, jetson, graphs = find_gpu(), find_jetson(), _graphs(model)

    def judge(engine: CachedEngine) -> str:
        old = engine.fingerprint
        current = graphs[engine.facts["model"], old.precision]
        same = not current or old.onnx_sha256 in current
        return unfit(old, api, gpu, jetson, old.onnx_sha256 if same else min(current))

    return judge


def _graphs(model: str) -> defaultdict[tuple[str, str], set[str]]:
    """Digests of the graphs as they are now, by model and precision; none of unknown models."""
    found = defaultdict(set)
    for name in {*shipped_models(), model}:
        with suppress(InferenceError):
            known = load_model(find_model(name))
            for precision, graph in known.engine_graphs.items():
                found[safe_name(known.name), precision].add(graph.sha256)
    return found


def _description(engine: CachedEngine) -> tuple[str, ...]:
    if not engine.facts:
        return ("?",) * (len(_COLUMNS) - 1)
    fingerprint = engine.fingerprint
    return (
        engine.facts["model"],
        fingerprint.precision,
        str(fingerprint.batch),
        f"{fingerprint.flavour} {fingerprint.version}",
        fingerprint.gpu or "none",
        f"{engine.facts['size'] / 1e6:.1f} MB",
        _age(datetime.fromisoformat(engine.facts["built"])),
    )


def _state(engine: CachedEngine, judge: Judge) -> tuple[str, str]:
    """A word, and the reason."""
    if engine.defect:
        return "altered", engine.defect
    reason = judge(engine)
    return ("stale" if reason else "usable"), reason


def _age(built: datetime) -> str:
    seconds = max((datetime.now(timezone.utc) - built).total_seconds(), 0)
    unit, size = next((unit for unit in _UNITS if seconds >= unit[1]), _UNITS[-1])
    return f"{seconds // size:.0f} {unit}"
