# SPDX-License-Identifier: Apache-2.0
"""Add a graph in eight bits to a model folder, if it labels frames well enough."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from segnet_ros.datasets.frames import read_frame
from segnet_ros.datasets.layouts import find_frames
from segnet_ros.inference.engine.golden import read_golden
from segnet_ros.inference.engine.options import DEFAULT_PRECISION
from segnet_ros.inference.files import replacing
from segnet_ros.inference.model import (
    EngineGraph,
    Model,
    load_model,
    read_graph,
    save_description,
)
from segnet_ros.inference.preprocessing import resize_image
from segnet_ros.training.acceptance import (
    accept,
    data_exam,
    graph_file,
    other_graph_file,
    spread,
)
from segnet_ros.training.calibration import calibrate
from segnet_ros.training.errors import ExportError
from segnet_ros.training.graph_labels import Reference
from segnet_ros.training.quantization_plans import Subject, plans
from segnet_ros.training.quantized_graph import Plan, quantized_graph

FRAMES = 32
_SPLIT = "train"
_DETAIL = "quantization"
_SENSITIVITY_FRAMES = 3


def quantize(
    folder: Path,
    data: Path,
    precision: str,
    frames: int = FRAMES,
    tell: Callable[[str], None] = lambda _line: None,
) -> Model:
    """Quantise the FP16 graph of a model folder and write the result beside it.

    Convolutions that cost too much accuracy stay in FP16; model.yaml names them.

    Args:
        folder: Of a model that was exported with its FP16 graph.
        data: Labelled frames, see `find_frames`: the split train calibrates, and the one that
            `data_exam` chooses accepts.
        precision: A key of `FORMATS`.
        frames: To calibrate with, at most.
        tell: Hears what was tried and refused.

    Returns:
        The model with its new graph.

    Raises:
        DatasetError: the data cannot be read.
        ExportError: there is no FP16 graph, the data hold other classes, or no result is good
            enough; nothing was written.
        FileWriteError: the folder cannot be written; the model is as it was.
        InferenceError: the folder is damaged.

    """
    model = load_model(folder)
    graph = _fp16_graph(model)
    reference = Reference(model.graph)
    chosen = spread(find_frames(data, _SPLIT), frames)
    exam = data_exam(data, model.size, model.classes, reference, without=chosen)
    images = [resize_image(read_frame(frame)[0], model.size) for frame in chosen]
    subject = Subject(graph, calibrate(graph, images), images[:_SENSITIVITY_FRAMES], reference)
    golden = read_golden(model)
    for plan in plans(precision, subject):
        content = quantized_graph(graph, subject.ranges, plan)
        try:
            accepted = accept(content, precision, exam, golden)
        except ExportError as error:
            tell(f"{in_words(plan)}: {error}")
            continue
        facts = {"calibration": f"{len(images)} frames of {_SPLIT}", **_facts(plan)}
        return _add(model, precision, accepted, content, facts)
    msg = (
        f"no {precision} graph of {model.name} does nearly as well as model.onnx on "
        f"{exam.description}; nothing was written; calibrate on more frames than {len(images)}, "
        f"or stay with {DEFAULT_PRECISION}"
    )
    raise ExportError(msg)


def in_words(plan: Plan) -> str:
    """What a plan does, for people."""
    scales = "a scale per channel" if plan.per_channel else "one scale per convolution"
    kept = ", ".join(sorted(map(_layer, plan.kept)))
    return f"{plan.precision} weights with {scales}, {f'but {kept} in fp16' if kept else 'all'}"


def _fp16_graph(model: Model) -> bytes:
    if DEFAULT_PRECISION not in model.engine_graphs:
        msg = (
            f"{model.folder} holds no {DEFAULT_PRECISION} graph to quantise; export the model again"
        )
        raise ExportError(msg)
    graph = model.engine_graphs[DEFAULT_PRECISION]
    return read_graph(model.folder / graph.file, graph.sha256)


def _facts(plan: Plan) -> dict[str, Any]:
    return {
        "weight_scales": "per channel" if plan.per_channel else "per convolution",
        "convolutions_in_fp16": sorted(map(_layer, plan.kept)),
    }


def _layer(weights: str) -> str:
    return weights.removeprefix("network.").removesuffix(".weight")


def _add(
    model: Model, precision: str, graph: EngineGraph, content: bytes, facts: Mapping[str, Any]
) -> Model:
    quantization = {**model.details.get(_DETAIL, {}), precision: facts}
    graph = replace(graph, file=_unused_name(model, precision, graph))
    new = replace(
        model,
        engine_graphs={**model.engine_graphs, precision: graph},
        details={**model.details, _DETAIL: quantization},
    )
    with replacing(model.folder / graph.file) as partial:
        partial.write_bytes(content)
    try:
        # From here on it counts: until then model.yaml names the older graph, which is still there.
        save_description(new)
    finally:
        _remove_all_but_one(load_model(model.folder), precision)
    return new


def _unused_name(model: Model, precision: str, graph: EngineGraph) -> str:
    """Where the new graph does not overwrite the one that model.yaml names."""
    older = model.engine_graphs.get(precision)
    if older is None or older.file != graph.file or older.sha256 == graph.sha256:
        return graph.file
    return other_graph_file(precision)


def _remove_all_but_one(model: Model, precision: str) -> None:
    """Of both names that a precision's graph may have, keep what model.yaml names."""
    named = {graph.file for graph in model.engine_graphs.values()}
    for name in {graph_file(precision), other_graph_file(precision)} - named:
        (model.folder / name).unlink(missing_ok=True)
