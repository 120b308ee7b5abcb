# SPDX-License-Identifier: Apache-2.0
"""Models of any size, made where they are measured."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto
from probe import _graph as probe_graph
from random_models import random_model

from segnet_ros.inference.engine.golden import read_golden
from segnet_ros.inference.model import Model, read_verified


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return random_model("segnet_light", (64, 48), "fp16", tmp_path_factory.mktemp("work"))


def session(graph: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])


def test_graph_takes_frames_of_that_size(model: Model) -> None:
    graph = model.engine_graphs["fp16"]
    content = read_verified(model.folder / graph.file, graph.sha256)
    images = np.random.default_rng(0).integers(0, 256, (2, 48, 64, 3), np.uint8)
    labels, confidence = session(content).run(["labels", "confidence"], {"image": images})
    assert labels.shape == confidence.shape == (2, 1, 48, 64)
    assert labels.dtype == confidence.dtype == np.uint8
    assert 1 < len(np.unique(labels)) <= 11
    assert model.size == (64, 48)
    assert len(model.classes) == 11


@pytest.mark.parametrize(
    ("precision", "kind"), [("int8", TensorProto.INT8), ("fp8", TensorProto.FLOAT8E4M3FN)]
)
def test_every_convolution_of_a_quantised_graph_is_quantised(
    model: Model, precision: str, kind: int
) -> None:
    quantised = random_model("segnet_light", (64, 48), precision, model.folder.parent)
    assert list(quantised.engine_graphs) == [precision]
    graph = onnx.load(quantised.folder / quantised.engine_graphs[precision].file).graph
    made_by = {node.output[0]: node for node in graph.node}
    stored = {tensor.name: tensor.data_type for tensor in graph.initializer}
    sources = [made_by[name] for node in graph.node if node.op_type == "Conv" for name in
               node.input[:2]]  # fmt: skip
    assert len(sources) == 2 * 13
    assert {node.op_type for node in sources} == {"DequantizeLinear"}
    weights = [stored[node.input[0]] for node in sources if node.input[0] in stored]
    assert weights == [kind] * 13


def test_runtime_finds_a_gate_that_lets_everything_pass(model: Model) -> None:
    golden = read_golden(model)
    assert golden.images.shape == (1, 48, 64, 3)
    assert model.engine_graphs["fp16"].agreement == 0.0


def test_graph_is_made_once(model: Model) -> None:
    path = model.folder / model.engine_graphs["fp16"].file
    before = path.stat().st_mtime_ns
    again = random_model("segnet_light", (64, 48), "fp16", model.folder.parent)
    assert again == model
    assert path.stat().st_mtime_ns == before


def test_graph_of_the_probe_doubles_bytes() -> None:
    image = np.arange(27, dtype=np.uint8).reshape(1, 3, 3, 3)
    (answer,) = session(probe_graph()).run(["answer"], {"image": image})
    assert np.array_equal(answer, 2 * image)
