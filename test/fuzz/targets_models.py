# SPDX-License-Identifier: Apache-2.0
"""What a robot reads: model folders, taxonomies, graphs, golden frames, cached engines."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml
from protobuf_mutation import mutated_message
from target import Target
from value_mutation import mutated_json, mutated_yaml
from workplace import workplace
from zip_mutation import mutated_npz, npy

from segnet_ros.inference.engine.cached_engine import description_of, file_name, inspect, read_facts
from segnet_ros.inference.engine.fingerprint import Fingerprint
from segnet_ros.inference.engine.golden import read_golden
from segnet_ros.inference.engine.timing_cache import read_timing_cache, write_timing_cache
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.excerpts import shown
from segnet_ros.inference.model import (
    DESCRIPTION,
    GRAPH,
    UNLABELLED,
    Model,
    ModelFile,
    SegmentationClass,
    load_model,
    save_description,
)
from segnet_ros.inference.openvino_runtime import OpenVinoRuntime
from segnet_ros.inference.shipped import shipped
from segnet_ros.inference.taxonomy import load_taxonomy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NEEDS = ("onnx", "openvino")

_SIZE = (16, 12)
_CLASSES = tuple(SegmentationClass(n, (k, 0, 255)) for k, n in enumerate(("road", "car", "sky")))
_PLAN = b"a serialised engine"
_FINGERPRINT = Fingerprint(
    "ab" * 32,
    "TensorRT",
    "10.3.0",
    "Orin",
    "8.7",
    "540.4.0",
    "12.6",
    "36.4.3",
    "MAXN",
    ("STRONGLY_TYPED",),
    "fp16",
    1,
)


def graph(*nodes: Any, tensors: Sequence[Any] = ()) -> bytes:
    """Write an ONNX graph from `image` to `labels` and `confidence`."""
    from onnx import TensorProto, helper

    width, height = _SIZE
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, [1, height, width, 3])
    shape = [1, height, width]
    maps = [
        helper.make_tensor_value_info(n, TensorProto.UINT8, shape) for n in ("labels", "confidence")
    ]
    content = helper.make_graph(nodes, "channel", [image], maps, list(tensors))
    opset = [helper.make_opsetid("", 17)]
    return bytes(helper.make_model(content, opset_imports=opset, ir_version=8).SerializeToString())


def brightest_channel() -> bytes:
    """Label each pixel with its brightest channel, after a convolution that does nothing."""
    from onnx import TensorProto, helper, numpy_helper

    weights = numpy_helper.from_array(np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1), "weights")
    node = helper.make_node
    return graph(
        node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        node("Transpose", ["pixels"], ["planes"], perm=[0, 3, 1, 2]),
        node("Conv", ["planes", "weights"], ["scores"]),
        node("ArgMax", ["scores"], ["brightest"], axis=1, keepdims=0),
        node("Cast", ["brightest"], ["labels"], to=TensorProto.UINT8),
        node("ReduceMax", ["scores"], ["value"], axes=[1], keepdims=0),
        node("Cast", ["value"], ["confidence"], to=TensorProto.UINT8),
        tensors=[weights],
    )


@cache
def model_folder(name: str) -> Path:
    """A model folder of one's own."""
    folder = workplace(name)
    (folder / GRAPH).write_bytes(brightest_channel())
    save_description(_model(folder, brightest_channel()))
    return folder


def _model(folder: Path, content: bytes) -> Model:
    return Model(
        name="channel",
        architecture="brightest_channel",
        size=_SIZE,
        classes=_CLASSES,
        sha256=hashlib.sha256(content).hexdigest(),
        folder=folder,
        details={"training_data": "none"},
    )


def _load_model(case: bytes) -> None:
    folder = model_folder("model_yaml")
    (folder / DESCRIPTION).write_bytes(case)
    model = load_model(folder)
    assert 0 < len(model.classes) <= UNLABELLED
    assert all(type(c) is int and 0 <= c < 256 for each in model.classes for c in each.color)
    assert all(0 < side <= 8192 for side in model.size)
    assert model.name.isprintable()
    assert all((folder / graph.file).parent == folder for graph in model.engine_graphs.values())
    shown(model.details)


def _descriptions() -> Sequence[bytes]:
    shipped_ones = [
        shipped(f"engines/{n}/{DESCRIPTION}")
        for n in ("segnet_light_camvid", "segnet_basic_camvid")
    ]
    sha256 = hashlib.sha256(brightest_channel()).hexdigest()
    facts = [yaml.safe_load(path.read_text()) | {"sha256": sha256} for path in shipped_ones]
    return [yaml.safe_dump(each, sort_keys=False).encode() for each in facts]


def _load_taxonomy(case: bytes) -> None:
    path = workplace("taxonomy") / "taxonomy.yaml"
    path.write_bytes(case)
    model = _camvid()
    taxonomy = load_taxonomy(path, model)
    published = {*range(len(taxonomy.classes)), UNLABELLED}
    assert set(taxonomy.ids[: len(model.classes)].tolist()) <= published
    assert (taxonomy.ids[len(model.classes) :] == UNLABELLED).all()
    assert all(0 <= cost <= 254 for cost in taxonomy.costs)


@cache
def _camvid() -> Model:
    return load_model(shipped("engines/segnet_light_camvid"))


def _taxonomies() -> Sequence[bytes]:
    return [path.read_bytes() for path in shipped("config/taxonomies").glob("*.yaml")]


def _run_graph(case: bytes) -> None:
    folder = model_folder("model_onnx")
    (folder / GRAPH).write_bytes(case)
    save_description(_model(folder, case))
    runtime = OpenVinoRuntime(load_model(folder))
    width, height = _SIZE
    prediction = runtime.infer(np.zeros((height, width, 3), np.uint8))
    assert prediction.labels.shape == (height, width)
    runtime.close()


def _graphs() -> Sequence[bytes]:
    from onnx import TensorProto, helper, numpy_helper

    node = helper.make_node
    count = numpy_helper.from_array(np.array([1, 12, 16], np.int64), "count")
    zero = helper.make_tensor("value", TensorProto.UINT8, [1], [0])
    filled = node("ConstantOfShape", ["count"], ["labels"], value=zero)
    condition = helper.make_tensor("condition", TensorProto.BOOL, [], [True])
    same = helper.make_graph(
        [node("Identity", ["labels"], ["out"])],
        "same",
        [],
        [helper.make_tensor_value_info("out", TensorProto.UINT8, [1, 12, 16])],
    )
    branch = node("If", ["condition"], ["confidence"], then_branch=same, else_branch=same)
    resized = numpy_helper.from_array(np.array([1, 1, 12, 16], np.int64), "sizes")
    scaled = [
        node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        node("Transpose", ["pixels"], ["planes"], perm=[0, 3, 1, 2]),
        node("MaxPool", ["planes"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Resize", ["pooled", "", "", "sizes"], ["large"], mode="nearest"),
        node("ReduceMax", ["large"], ["value"], axes=[1], keepdims=0),
        node("Cast", ["value"], ["labels"], to=TensorProto.UINT8),
        node("Identity", ["labels"], ["confidence"]),
    ]
    return [
        brightest_channel(),
        graph(filled, node("Identity", ["labels"], ["confidence"]), tensors=[count]),
        graph(filled, branch, tensors=[count, condition]),
        graph(*scaled, tensors=[resized]),
    ]


def _read_golden(case: bytes) -> None:
    folder = model_folder("golden")
    (folder / "golden.npz").write_bytes(case)
    golden = ModelFile("golden.npz", hashlib.sha256(case).hexdigest())
    frames = read_golden(replace(_model(folder, b""), golden=golden))
    assert frames.images.dtype == frames.labels.dtype == np.uint8
    assert len(frames.images) == len(frames.labels) > 0


def _golden_files() -> Sequence[bytes]:
    import io

    width, height = _SIZE
    images, labels = (
        np.zeros((3, height, width, 3), np.uint8),
        np.zeros((3, height, width), np.uint8),
    )
    files = []
    for save in (np.savez, np.savez_compressed):
        target = io.BytesIO()
        save(target, images=images, labels=labels)
        files.append(target.getvalue())
    return [*files, npy("|u1", "(3,)", data=b"abc")]


@cache
def _cache_folder() -> Path:
    folder = workplace("cache")
    folder.chmod(0o700)
    return folder


def _plan_path() -> Path:
    return _cache_folder() / file_name("light", _FINGERPRINT)


def _inspect_engine(case: bytes) -> None:
    """The first line is the JSON, the rest is the engine."""
    text, _, plan = case.partition(b"\n")
    path = _plan_path()
    path.write_bytes(plan)
    path.chmod(0o600)
    description_of(path).write_bytes(text)
    description_of(path).chmod(0o600)
    engine = inspect(path)
    assert len(engine.defect) < 300
    assert engine.defect.isprintable()
    if engine.defect:
        raise InferenceError(engine.defect)
    assert hashlib.sha256(engine.read()).hexdigest() == read_facts(path)["sha256"]
    assert engine.fingerprint == _FINGERPRINT


def _engines() -> Sequence[bytes]:
    facts = {
        "model": "light",
        "fingerprint": _FINGERPRINT.facts(),
        "sha256": hashlib.sha256(_PLAN).hexdigest(),
        "size": len(_PLAN),
        "built": "2026-01-02T03:04:05+00:00",
        "layers": "26 convolutions in fp16",
        "seconds": 12.35,
    }
    return [json.dumps(facts).encode() + b"\n" + _PLAN]


def _mutated_engine(case: bytes, rng: Any) -> bytes:
    text, end, plan = case.partition(b"\n")
    if rng.random() < 0.3:
        at = rng.randrange(len(plan) + 1)
        return text + end + plan[:at] + rng.choice((b"", b"x", plan))
    return mutated_json(text, rng).replace(b"\n", b" ") + end + plan


def _read_timings(case: bytes) -> None:
    path = _cache_folder() / "fuzz.timing_cache"
    path.write_bytes(case)
    path.chmod(0o600)
    timings = read_timing_cache(path)
    if timings:
        assert hashlib.sha256(timings).digest() + timings == case
        return
    msg = "there is no timing cache, or it is damaged"
    raise InferenceError(msg)


def _timing_caches() -> Sequence[bytes]:
    path = _cache_folder() / "TensorRT-10.3.0-0123456789abcdef.timing_cache"
    write_timing_cache(path, b"measured kernels")
    return [path.read_bytes()]


_REFUSALS = (InferenceError,)
_MIB = 2**20

TARGETS = [
    Target("model_yaml", _load_model, _REFUSALS, _descriptions, mutate=mutated_yaml),
    Target("taxonomy_yaml", _load_taxonomy, _REFUSALS, _taxonomies, mutate=mutated_yaml),
    # 2^30 values of four bytes, which a graph of that size may ask for.
    Target(
        "model_onnx", _run_graph, _REFUSALS, _graphs, memory=4096 * _MIB, mutate=mutated_message
    ),
    Target("golden_npz", _read_golden, _REFUSALS, _golden_files, mutate=mutated_npz),
    Target("engine_json", _inspect_engine, _REFUSALS, _engines, mutate=_mutated_engine),
    Target("timing_cache", _read_timings, _REFUSALS, _timing_caches),
]
