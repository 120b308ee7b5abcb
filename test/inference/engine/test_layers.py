# SPDX-License-Identifier: Apache-2.0
"""Counting layers in every form of TensorRT's log, and in networks that the log is silent about."""

from enum import Enum
from types import SimpleNamespace
from typing import Any

import pytest

from segnet_ros.inference.engine.layers import LayerCount, count_layers, listed_layers
from segnet_ros.inference.engine.tensorrt_api import TensorRt


def _detailed(kind: str, datatype: str, inputs: str = "") -> str:
    tensor = f"{{ Name: half_x, Dimensions: [1,4,8,8], {datatype} }}"
    return f"Name: conv_1_myl0_1, LayerType: {kind}, Inputs: [ {inputs or tensor}], Outputs: [ ]"


RTX = [
    (
        "Name: cast_0, LayerType: kgen, Inputs: [ { Name: image, Datatype: UInt8, Format: (Linear) "
        "Row major linear format }], Constants: [ { Name: k, Datatype: Half, Format: (NHWC) }], "
        "Outputs: [ { Name: x, Datatype: Half, Format: (NHWC) }], TacticName: cast"
    ),
    _detailed("correlation", "Datatype: Half, Format: (NHWC) Channel major format"),
    _detailed("correlation", "Datatype: Int8, Format: (NHWC) Channel major format"),
    _detailed("correlation", "Datatype: FP8, Format: (NHWC) Channel major format"),
    "Name: s_2, LayerType: shape_call, Inputs: [], Constants: [], Outputs: [], TacticName: ",
    "Name: s_3, LayerType: signal, Inputs: [], Constants: [], Outputs: [], EventId: 1",
    "Name: s_4, LayerType: wait, Inputs: [], Constants: [], Outputs: [], EventId: 1",
]
TEN = [
    _detailed("Reformat", "Location: Device, Format/Datatype: Half"),
    _detailed("CaskConvolution", "Location: Device, Format/Datatype: Half"),
    _detailed("CaskGemmConvolution", "Location: Device, Format/Datatype: Float"),
    _detailed("kgen", "Format/Datatype: Half"),
]
EIGHT = [
    _detailed("NoOp", "Format/Datatype: Row major linear FP32"),
    _detailed("Constant", "", inputs=" "),
    _detailed(
        "CaskConvolution", "Format/Datatype: Channel major FP16 format where channel % 8 == 0"
    ),
    _detailed("CudaDepthwiseConvolution", "Format/Datatype: Row major linear FP32"),
    _detailed(
        "CaskConvolution", "Format/Datatype: Four wide channel vectorized row major Int8 format"
    ),
    _detailed("PointWiseV2", "Format/Datatype: Row major linear FP32"),
]
BRIEF = [
    "Layer(Reformat): copy, Tactic: 0x00000000000003e8, image[UInt8(1,8,8,3)] -> y[Half(1,3,8,8)]",
    "Layer(CaskConvolution): c + r, Tactic: 0x0, x[Half(1,3,8,8)] -> y[Float(1,8,8,8)]",
    "Layer(CaskConvolution): c, Tactic: 0x0, x (Int8[-1,3,8,8]) -> y (Half[-1,8,8,8])",
    "Layer(NoOp): n, Tactic: 0x0, y[Half(1,8,8,8)] -> z[Half(1,8,8,8)]",
]


@pytest.mark.parametrize(
    ("lines", "convolutions", "others"),
    [
        (RTX, {"fp16": 1, "int8": 1, "fp8": 1}, 1),
        (TEN, {"fp16": 1, "fp32": 1}, 2),
        (EIGHT, {"fp16": 1, "fp32": 1, "int8": 1}, 1),
        (BRIEF, {"fp16": 1, "int8": 1}, 1),
        ([_detailed("correlation", "Datatype: E8M0")], {"an unknown type": 1}, 0),
        (["Name: conv, IOMode: Input, DataType: Half", "Layers:", ""], {}, 0),
    ],
    ids=["RTX", "10 detailed", "8.6 detailed", "brief", "unknown", "nothing"],
)
def test_every_form_of_listing_is_counted(
    lines: list[str], convolutions: dict[str, int], others: int
) -> None:
    assert listed_layers(lines) == LayerCount(convolutions, others)


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (LayerCount({"fp16": 26}, 13), "26 convolutions in fp16, 13 other kernels"),
        (
            LayerCount({"fp16": 1, "int8": 25}, 1),
            "25 convolutions in int8, 1 convolution in fp16, 1 other kernel",
        ),
        (LayerCount({}, 0), "no convolution, 0 other kernels"),
        (LayerCount({"fp16": 3}, None), "3 convolutions in fp16; TensorRT listed no kernels"),
    ],
)
def test_words(count: LayerCount, words: str) -> None:
    assert count.in_words == words


DataType = Enum("DataType", ["FLOAT", "HALF", "INT8"])
LayerType = Enum("LayerType", ["CONVOLUTION", "DEQUANTIZE", "SELECT"])


def _layer(kind: LayerType, source: str, target: str, dtype: DataType) -> SimpleNamespace:
    tensors = [SimpleNamespace(name=source, dtype=dtype)], [SimpleNamespace(name=target)]
    return SimpleNamespace(
        type=kind, get_input=tensors[0].__getitem__, get_output=tensors[1].__getitem__
    )


def _network(*layers: SimpleNamespace) -> SimpleNamespace:
    return SimpleNamespace(num_layers=len(layers), get_layer=layers.__getitem__)


MIXED = _network(
    _layer(LayerType.CONVOLUTION, "a", "b", DataType.HALF),
    _layer(LayerType.SELECT, "b", "c", DataType.HALF),
    _layer(LayerType.DEQUANTIZE, "c", "d", DataType.INT8),
    _layer(LayerType.CONVOLUTION, "d", "e", DataType.HALF),
    _layer(LayerType.CONVOLUTION, "e", "f", DataType.FLOAT),
)


def _api(*network_flags: str) -> TensorRt:
    known: Any = type("NetworkDefinitionCreationFlag", (), dict.fromkeys(network_flags, 0))
    module = SimpleNamespace(NetworkDefinitionCreationFlag=known, LayerType=LayerType)
    return TensorRt(module, "TensorRT", "1.2.3")


def test_a_silent_log_leaves_the_types_of_a_strongly_typed_network() -> None:
    count = count_layers(_api("STRONGLY_TYPED"), MIXED, "int8")
    assert count == LayerCount({"fp16": 1, "int8": 1, "fp32": 1}, None)


@pytest.mark.parametrize(
    ("precision", "types"), [("fp16", "fp16 or fp32"), ("int8", "int8, fp16 or fp32")]
)
def test_a_silent_log_of_a_builder_that_chooses_leaves_the_allowed_types(
    precision: str, types: str
) -> None:
    assert count_layers(_api("EXPLICIT_BATCH"), MIXED, precision) == LayerCount({types: 3}, None)


def test_the_log_counts_more_than_the_network() -> None:
    api = _api("STRONGLY_TYPED")
    api.log.layers += TEN
    assert count_layers(api, MIXED, "fp16") == LayerCount({"fp16": 1, "fp32": 1}, 2)


def test_a_network_without_convolutions_is_what_the_log_says() -> None:
    api = _api("STRONGLY_TYPED")
    api.log.layers += RTX[:1]
    assert count_layers(api, _network(), "fp16") == LayerCount({}, 1)
