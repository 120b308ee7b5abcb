# SPDX-License-Identifier: Apache-2.0

import math
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from segnet_ros.training.deployed import DeployedNetwork
from segnet_ros.training.engine_graph import _scale, engine_graph, retype
from segnet_ros.training.engine_network import EngineNetwork
from segnet_ros.training.export import deployable
from segnet_ros.training.models.bayesian_segnet_basic import BayesianSegNetBasic
from segnet_ros.training.models.deeplab_largefov import DeepLabLargeFOV
from segnet_ros.training.models.fcn import FCN
from segnet_ros.training.models.segnet import SegNet
from segnet_ros.training.models.segnet_basic_lrn import SegNetBasicLRN
from segnet_ros.training.models.segnet_light import SegNetLight
from segnet_ros.training.normalization import Normalization

CLASSES = 5
SIZE = (75, 53)
LIGHT = partial(SegNetLight, widths=(6, 8, 8), depths=(1, 2, 1))
NETWORKS = {
    "light": LIGHT,
    # Resizes to a size, and takes averages.
    "deeplab": partial(DeepLabLargeFOV, widths=(4, 4, 6, 6, 6), fc_width=8),
    # Transposed convolutions, and resizing by a factor.
    "fcn": partial(FCN, skips=2, widths=(4, 4, 6, 6, 6), fc_width=8),
    "lrn": partial(SegNetBasicLRN, kernel_size=3, width=8),
}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def network(architecture: Any, classes: int = CLASSES) -> nn.Module:
    torch.manual_seed(4)
    made: nn.Module = architecture(classes).eval()
    nn.init.normal_(made.classifier.weight, std=1.0)  # type: ignore[arg-type,union-attr]
    return made


def deployed_of(architecture: Any, **options: Any) -> DeployedNetwork:
    # Numbers that half precision holds: else its rounding shifts every pixel's colour.
    normalization = Normalization((123.5, 116.25, 103.5), (58.5, 57.0, 57.5))
    return deployable(network(architecture), normalization, **options)


def graph_of(architecture: Any, classes: int = CLASSES) -> onnx.ModelProto:
    return engine_graph(deployable(network(architecture, classes), Normalization()), SIZE)


def in_float32(model: onnx.ModelProto) -> onnx.ModelProto:
    copied = onnx.ModelProto.FromString(model.SerializeToString())
    retype(copied, TensorProto.FLOAT16, TensorProto.FLOAT)
    return copied


def pictures(count: int) -> np.ndarray:
    """Smooth: in noise every window of a pooling is a close race."""
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.uniform(0, 255, (count, 3, 4, 5)))
    smooth = nn.functional.interpolate(coarse, (SIZE[1], SIZE[0]), mode="bicubic").clamp(0, 255)
    return smooth.permute(0, 2, 3, 1).contiguous().numpy().astype(np.uint8)


def run(model: onnx.ModelProto, images: np.ndarray) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    answers: list[np.ndarray] = session.run(None, {"image": images})
    return answers


@pytest.fixture(scope="module")
def light() -> onnx.ModelProto:
    return graph_of(LIGHT)


def share_close(answer: np.ndarray, expected: np.ndarray, tolerance: int) -> float:
    return float(np.mean(np.abs(answer - expected.astype(int)) <= tolerance))


@pytest.mark.parametrize("name", NETWORKS)
def test_graph_gives_the_networks_answers_for_any_batch(name: str) -> None:
    deployed = deployed_of(NETWORKS[name])
    model = engine_graph(deployed, SIZE)
    images = pictures(2)
    with torch.inference_mode():
        answers = EngineNetwork(deployed).eval()(torch.from_numpy(images))
    expected_labels, expected_confidence = (answer.numpy() for answer in answers)
    assert len(np.unique(expected_labels)) > 1  # the comparison means something
    assert np.ptp(expected_confidence) > 10
    labels, confidence = run(in_float32(model), images)
    assert labels.shape == confidence.shape == (2, 1, SIZE[1], SIZE[0])
    assert labels.dtype == confidence.dtype == np.uint8
    # Another order of additions may flip a switch: a few pixels, not more.
    assert np.mean(labels == expected_labels) > 0.998
    assert share_close(confidence, expected_confidence, 1) > 0.998
    labels, confidence = run(model, images)
    assert np.mean(labels == expected_labels) > 0.95
    assert share_close(confidence, expected_confidence, 3) > 0.9
    alone = [run(model, image[None]) for image in images]
    for place, answer in enumerate((labels, confidence)):
        assert np.array_equal(answer, np.concatenate([single[place] for single in alone]))


def test_graph_takes_bytes_and_gives_bytes(light: onnx.ModelProto) -> None:
    ports = {
        port.name: (port.type.tensor_type.elem_type, [d.dim_param or d.dim_value for d in dims])
        for port in (*light.graph.input, *light.graph.output)
        for dims in [port.type.tensor_type.shape.dim]
    }
    assert ports == {
        "image": (TensorProto.UINT8, ["batch", 53, 75, 3]),
        "labels": (TensorProto.UINT8, ["batch", 1, 53, 75]),
        "confidence": (TensorProto.UINT8, ["batch", 1, 53, 75]),
    }
    assert [(item.domain, item.version) for item in light.opset_import] == [("", 17)]


def test_everything_between_is_half_precision(light: onnx.ModelProto) -> None:
    inferred = onnx.shape_inference.infer_shapes(light, strict_mode=True)
    types = {value.type.tensor_type.elem_type for value in inferred.graph.value_info}
    assert types == {TensorProto.FLOAT16, TensorProto.BOOL}
    stored = {tensor.data_type for tensor in light.graph.initializer}
    assert stored == {TensorProto.FLOAT16, TensorProto.INT64}
    kernels = [t for t in light.graph.initializer if len(t.dims) == 4 and t.dims[2] > 1]
    deployed = deployable(network(LIGHT), Normalization())
    weights = [p.detach().numpy() for p in deployed.parameters() if p.dim() == 4]
    assert [numpy_helper.to_array(k).tolist() for k in kernels] == [w.tolist() for w in weights]


def test_graph_holds_only_what_tensorrt_fuses(light: onnx.ModelProto) -> None:
    kinds = [node.op_type for node in light.graph.node]
    # TensorRT transposes no bytes.
    assert kinds[0] == "Cast"
    assert kinds.count("Conv") == 7
    assert set(kinds) == {
        "Cast", "Transpose", "Sub", "Div", "Conv", "Relu", "Pad", "Slice", "Max", "GreaterOrEqual",
        "And", "Or", "Not", "Where", "Unsqueeze", "Concat", "Reshape", "DepthToSpace", "Exp", "Add",
        "Reciprocal", "Mul",
    }  # fmt: skip


def test_sizes_give_way_to_scales() -> None:
    model = graph_of(NETWORKS["deeplab"])
    (resize,) = (node for node in model.graph.node if node.op_type == "Resize")
    assert len(resize.input) == 3
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    assert stored[resize.input[2]].dtype == np.float32
    # 75x53 pixels are 11x8 cells, of which the last lie beyond the picture.
    assert stored[resize.input[2]] == pytest.approx([1, 1, 57 / 8, 81 / 11])
    assert stored.keys() <= {name for node in model.graph.node for name in node.input}


def test_scores_of_many_classes_are_reduced() -> None:
    kinds = {node.op_type for node in graph_of(LIGHT, classes=22).graph.node}
    assert {"ReduceMax", "ReduceMin", "ReduceSum"} <= kinds


@pytest.mark.parametrize(
    ("bias", "label", "confidence"),
    [((0.0,) * 5, 0, 51), ((0, 0, 40, 40, 0), 2, 128), ((float("nan"),) * 5, 255, None)],
    ids=["ties", "tie of two", "nan"],
)
def test_labels_of_known_scores(bias: tuple[float, ...], label: int, confidence: int) -> None:
    made = network(LIGHT)
    nn.init.zeros_(made.classifier.weight)  # type: ignore[arg-type,union-attr]
    with torch.no_grad():
        made.classifier.bias.copy_(torch.tensor(bias))  # type: ignore[operator,union-attr]
    answers = run(engine_graph(deployable(made, Normalization()), SIZE), pictures(1))
    assert np.unique(answers[0]).tolist() == [label]
    if confidence is not None:
        assert np.unique(answers[1]).tolist() == [confidence]


def test_bayesian_graph_takes_one_frame() -> None:
    architecture = partial(BayesianSegNetBasic, kernel_size=3, width=8)
    deployed = deployed_of(architecture, samples=3)
    model = engine_graph(deployed, SIZE)
    ports = [
        (port.name, [d.dim_value for d in port.type.tensor_type.shape.dim])
        for port in (*model.graph.input, *model.graph.output)
    ]
    answers = [(name, [1, 1, 53, 75]) for name in ("labels", "confidence", "uncertainty")]
    assert ports == [("image", [1, 53, 75, 3]), *answers]
    images = pictures(1)
    with torch.inference_mode():
        expected = EngineNetwork(deployed).eval()(torch.from_numpy(images))
    for answer, reference in zip(run(in_float32(model), images), expected, strict=True):
        assert np.ptp(reference.numpy()) > 3  # the comparison means something
        assert share_close(answer, reference.numpy(), 1) > 0.995


def test_scale_leads_from_one_length_to_the_other() -> None:
    for before in range(1, 40):
        for after in range(before, 300, 7):
            scale = np.float32(_scale(before, after))
            assert math.floor(np.float32(before) * scale) == after
            assert scale == pytest.approx(after / before, rel=1e-6)


def test_retyping_spares_the_scales_of_resizing() -> None:
    tensors = [
        numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales"),
        numpy_helper.from_array(np.array([0.1], np.float32), "offset"),
        numpy_helper.from_array(np.array([7], np.int64), "number"),
    ]
    nodes = [
        helper.make_node("Cast", ["image"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("Resize", ["x", "", "scales"], ["y"]),
        helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.float32(2.5))),
    ]
    model = helper.make_model(helper.make_graph(nodes, "g", [], [], tensors))
    retype(model, TensorProto.FLOAT, TensorProto.FLOAT16)
    stored = [numpy_helper.to_array(tensor) for tensor in model.graph.initializer]
    assert [str(values.dtype) for values in stored] == ["float32", "float16", "int64"]
    assert stored[1] == np.float16(0.1)
    cast, _, constant = model.graph.node
    assert cast.attribute[0].i == TensorProto.FLOAT16
    assert numpy_helper.to_array(constant.attribute[0].t) == np.float16(2.5)


def test_tensorrt_makes_eleven_kernels_beside_the_convolutions() -> None:
    for package in ("tensorrt_rtx_libs", "tensorrt_rtx_bindings"):
        if find_spec(package) is None:
            pytest.skip(f"needs {package}: pip install 'segnet_ros[rtx]'")
    from segnet_ros.inference.engine.builder import build_engine
    from segnet_ros.inference.engine.tensorrt_api import find_tensorrt

    segnet = network(partial(SegNet, widths=(16,) * 5), 11)
    graph = engine_graph(deployable(segnet, Normalization()), (480, 360)).SerializeToString()
    built = build_engine(find_tensorrt(), graph, "fp16", 1, b"", lambda phase, fraction: None)
    assert built.layers.convolutions == {"fp16": 26}
    # Preparing the picture, five pools, five unpools of which one shares its pool's kernel, and
    # one for labels and confidence.
    assert built.layers.other_kernels == 11
