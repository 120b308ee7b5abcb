# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from segnet_ros.inference.openvino_core import openvino_core
from segnet_ros.training.packed_masks import pack_masks


def graph_of(*constants: np.ndarray) -> onnx.ModelProto:
    """A graph that only gives out constants, c0, c1, ..."""
    nodes, outputs = [], []
    for index, value in enumerate(constants):
        tensor = numpy_helper.from_array(value)
        nodes.append(helper.make_node("Constant", [], [f"c{index}"], value=tensor))
        outputs.append(helper.make_tensor_value_info(f"c{index}", tensor.data_type, value.shape))
    graph = helper.make_graph(nodes, "g", [], outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def mask(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).random(shape) < 0.5


@pytest.mark.parametrize(
    ("shape", "bits"),
    [
        ((8, 64, 3, 5), 30),
        ((4, 7, 11, 31), 31),
        ((1, 1, 1, 257), 1),  # a prime number of cells
        ((2, 5, 1, 29), 29),
    ],
)
def test_masks_come_back_bit_for_bit(shape: tuple[int, ...], bits: int, tmp_path: Path) -> None:
    expected = mask(*shape)
    model = graph_of(expected)
    pack_masks(model)
    onnx.checker.check_model(model, full_check=True)
    words = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}["c0_words"]
    assert words.dtype == np.int32
    assert words.shape == (expected.size // bits, 1)
    onnx.save(model, tmp_path / "model.onnx")
    compiled = openvino_core().compile_model(str(tmp_path / "model.onnx"), "CPU")
    np.testing.assert_array_equal(compiled([])["c0"].astype(bool), expected)


def test_several_masks_do_not_mix(tmp_path: Path) -> None:
    first, second = mask(2, 10, 30), mask(3, 10, 30)
    model = graph_of(first, second)
    pack_masks(model)
    onnx.save(model, tmp_path / "model.onnx")
    answers = openvino_core().compile_model(str(tmp_path / "model.onnx"), "CPU")([])
    np.testing.assert_array_equal(answers["c0"].astype(bool), first)
    np.testing.assert_array_equal(answers["c1"].astype(bool), second)


def test_everything_else_stays_as_it_is() -> None:
    model = graph_of(mask(255), np.ones(500, np.float32), np.arange(400))
    before = model.SerializeToString()
    pack_masks(model)
    assert model.SerializeToString() == before
    assert model.graph.output[0].type.tensor_type.elem_type == TensorProto.BOOL


def test_packed_graph_is_several_times_smaller() -> None:
    model = graph_of(mask(8, 64, 45, 60))
    whole = model.ByteSize()
    pack_masks(model)
    assert whole > 1_380_000
    # 30 of 32 bits are used.
    assert model.ByteSize() < whole / 7
