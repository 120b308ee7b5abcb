# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterator
from functools import cache

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from segnet_ros.training.engine_graph import engine_graph
from segnet_ros.training.export import deployable
from segnet_ros.training.graph_labels import engine_labels
from segnet_ros.training.models.segnet_light import SegNetLight
from segnet_ros.training.normalization import Normalization
from segnet_ros.training.quantized_graph import Plan, convolutions, quantized_graph

SIZE = (64, 48)
PLANS = [Plan(precision, fine) for precision in ("int8", "fp8") for fine in (False, True)]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@cache
def light() -> bytes:
    torch.manual_seed(0)
    network = SegNetLight(4, widths=(6, 8), depths=(1, 2)).eval()
    nn.init.normal_(network.classifier.weight)
    deployed = deployable(network, Normalization())
    content: bytes = engine_graph(deployed, SIZE).SerializeToString()
    return content


@cache
def ranges() -> dict[str, float]:
    nodes = onnx.load_from_string(light()).graph.node
    return {node.input[0]: 4.0 for node in nodes if node.op_type == "Conv"}


def convolution(weights: np.ndarray, heads: int = 1) -> bytes:
    """Red, green and blue in half precision, into one convolution or several."""
    nodes = [
        helper.make_node("Cast", ["image"], ["halves"], to=TensorProto.FLOAT16),
        helper.make_node("Transpose", ["halves"], ["planes"], perm=[0, 3, 1, 2]),
    ]
    constants = []
    for head in range(heads):
        inputs = ["planes", f"w{head}", f"b{head}"]
        nodes.append(helper.make_node("Conv", inputs, [f"y{head}"]))
        constants.append(numpy_helper.from_array(weights.astype(np.float16), f"w{head}"))
        bias = np.full(len(weights), 0.3, np.float16)
        constants.append(numpy_helper.from_array(bias, f"b{head}"))
    ports = [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", 1, 2, 3])]
    answers = [
        helper.make_tensor_value_info(f"y{head}", TensorProto.FLOAT16, None)
        for head in range(heads)
    ]
    graph = helper.make_graph(nodes, "g", ports, answers, constants)
    opset = [helper.make_opsetid("", 17)]
    content: bytes = helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
    return content


def stored(graph: bytes) -> dict[str, np.ndarray]:
    tensors = onnx.load_from_string(graph).graph.initializer
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in tensors}


WEIGHTS = np.array([[0.5, -1.0, 0.25], [0.01, 0.02, -0.005]]).reshape(2, 3, 1, 1)


def test_weights_share_a_scale() -> None:
    tensors = stored(quantized_graph(convolution(WEIGHTS), {"planes": 254.0}, Plan("int8")))
    scale = tensors["w0_scale"]
    assert scale.shape == ()
    assert scale.dtype == np.float16
    # The next half-precision number from 1 / 127 on: nothing may be cut off.
    assert 1 / 127 <= scale < 1.002 / 127
    quantized = tensors["w0_quantized"]
    assert quantized.dtype == np.int8
    assert quantized.flatten().tolist() == [63, -127, 32, 1, 3, -1]
    assert tensors["planes_scale"] == 2.0
    assert tensors["planes_zero"].dtype == np.int8
    assert tensors["planes_zero"] == tensors["w0_zero"] == 0
    assert "w0" not in tensors
    assert np.array_equal(tensors["b0"], np.full(2, 0.3, np.float16))


def test_every_channels_weights_have_a_scale() -> None:
    plan = Plan("int8", per_channel=True)
    tensors = stored(quantized_graph(convolution(WEIGHTS), {"planes": 1.0}, plan))
    assert tensors["w0_scale"] == pytest.approx([1 / 127, 0.02 / 127], rel=1e-3)
    assert tensors["w0_quantized"].flatten().tolist() == [63, -127, 32, 63, 127, -32]
    assert tensors["w0_zero"].tolist() == [0, 0]


def test_eighths_of_known_weights() -> None:
    plan = Plan("fp8", per_channel=True)
    content = quantized_graph(convolution(WEIGHTS), {"planes": 448.0}, plan)
    tensors = stored(content)
    assert tensors["planes_scale"] == 1.0
    values = tensors["w0_quantized"].astype(np.float32) * tensors["w0_scale"].reshape(2, 1, 1, 1)
    # Three bits of mantissa: one part in sixteen at most.
    assert values.flatten().tolist() == pytest.approx(WEIGHTS.flatten().tolist(), rel=1 / 16)
    types = {t.name: t.data_type for t in onnx.load_from_string(content).graph.initializer}
    assert types["w0_quantized"] == types["planes_zero"] == TensorProto.FLOAT8E4M3FN


def test_dead_and_tiny_channels_keep_a_scale() -> None:
    weights = np.array([[0.0] * 3, [3e-7] * 3]).reshape(2, 3, 1, 1)
    plan = Plan("int8", per_channel=True)
    tensors = stored(quantized_graph(convolution(weights), {"planes": 1.0}, plan))
    assert (tensors["w0_scale"] > 0).all()
    values = tensors["w0_quantized"][:, :, 0, 0] * tensors["w0_scale"].astype(np.float64)[:, None]
    assert values.tolist() == [[0.0] * 3, pytest.approx([3e-7] * 3, rel=0.1)]


def test_convolutions_share_a_quantised_input() -> None:
    graph = quantized_graph(convolution(WEIGHTS, heads=2), {"planes": 1.0}, Plan("int8"))
    nodes = onnx.load_from_string(graph).graph.node
    assert [n.op_type for n in nodes].count("QuantizeLinear") == 1
    heads = [n for n in nodes if n.op_type == "Conv"]
    assert [n.input[0] for n in heads] == ["planes_dequantized"] * 2
    assert [n.input[1] for n in heads] == ["w0_dequantized", "w1_dequantized"]


def test_what_stays_is_untouched() -> None:
    graph = quantized_graph(
        convolution(WEIGHTS, heads=2), {"planes": 1.0}, Plan("int8", kept=["w0"])
    )
    first, second = (n for n in onnx.load_from_string(graph).graph.node if n.op_type == "Conv")
    assert list(first.input) == ["planes", "w0", "b0"]
    assert list(second.input) == ["planes_dequantized", "w1_dequantized", "b1"]
    assert np.array_equal(stored(graph)["w0"], WEIGHTS.astype(np.float16))


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_only_convolutions_read_quantised_values(plan: Plan) -> None:
    model = onnx.load_from_string(quantized_graph(light(), ranges(), plan))
    assert [(item.domain, item.version) for item in model.opset_import] == [("", 19)]
    readers: dict[str, set[str]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, set()).add(node.op_type)
    quantized = [n for n in model.graph.node if n.op_type == "QuantizeLinear"]
    dequantized = [n for n in model.graph.node if n.op_type == "DequantizeLinear"]
    heads = [n for n in model.graph.node if n.op_type == "Conv"]
    assert len(heads) == len(convolutions(model)) == 5
    assert len(quantized) == len({n.input[0] for n in heads}) == 5
    assert len(dequantized) == 10
    # The pooling comparison, above all, reads what has not been rounded to eight bits.
    assert {kind for n in quantized for kind in readers[n.output[0]]} == {"DequantizeLinear"}
    assert {kind for n in dequantized for kind in readers[n.output[0]]} == {"Conv"}
    assert all(n.input[i].endswith("_dequantized") for n in heads for i in (0, 1))
    assert not any(n.input[2].endswith("_dequantized") for n in heads)
    floats = {t.data_type for t in model.graph.initializer} & {TensorProto.FLOAT}
    assert floats == set()


def test_convolution_of_quantised_values() -> None:
    content = quantized_graph(convolution(WEIGHTS), {"planes": 127.0}, Plan("int8"))
    image = np.array([[[[3, 2, 1], [126, 127, 200]]]], np.uint8)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"image": image})
    scale = stored(content)["w0_scale"].astype(np.float64)
    weights = np.array([[63, -127, 32], [1, 3, -1]]) * scale
    # Steps of one, 127 of them: the brightest blue is cut off.
    expected = 0.3 + weights @ np.array([[3, 2, 1], [126, 127, 127]]).T
    assert found[0, :, 0] == pytest.approx(expected, rel=2e-3, abs=1e-3)


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_quantised_graph_labels_nearly_as_before(plan: Plan) -> None:
    coarse = torch.rand(1, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    smooth = nn.functional.interpolate(coarse, (48, 64), mode="bilinear")[0].permute(1, 2, 0)
    image = (255 * smooth).contiguous().numpy().astype(np.uint8)
    before = engine_labels(light())(image)
    after = engine_labels(quantized_graph(light(), ranges(), plan))(image)
    assert len(np.unique(before)) == 4  # the comparison means something
    # Random weights are sensitive, to three bits of mantissa above all.
    assert {"int8": 0.7, "fp8": 0.55}[plan.precision] < np.mean(after == before) < 1.0


def test_quantised_graph_takes_any_batch() -> None:
    model = onnx.load_from_string(quantized_graph(light(), ranges(), Plan("int8")))
    ports = (*model.graph.input, *model.graph.output)
    assert {port.type.tensor_type.shape.dim[0].dim_param for port in ports} == {"batch"}


@pytest.mark.parametrize(("precision", "kind"), [("int8", "int8"), ("fp8", "fp8")])
def test_tensorrt_convolves_in_eight_bits(precision: str, kind: str) -> None:
    for package in ("tensorrt_rtx_libs", "tensorrt_rtx_bindings"):
        pytest.importorskip(package, reason=f"needs {package}: pip install 'segnet_ros[rtx]'")
    from segnet_ros.inference.engine.builder import build_engine
    from segnet_ros.inference.engine.tensorrt_api import find_tensorrt

    first = convolutions(onnx.load_from_string(light()))[:1]
    graph = quantized_graph(light(), ranges(), Plan(precision, kept=first))
    built = build_engine(find_tensorrt(), graph, precision, 1, b"", lambda phase, fraction: None)
    assert built.layers.convolutions == {kind: 4, "fp16": 1}
