# SPDX-License-Identifier: Apache-2.0
"""Graphs that no library is given to read."""

from pathlib import Path

import numpy as np
import pytest

import segnet_ros
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.onnx_file import MAX_OPERATORS, refuse_unsafe_graph

onnx = pytest.importorskip("onnx", reason="needs onnx: pip install 'segnet_ros[train]'")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

_ENGINES = Path(segnet_ros.__path__[0]).parent / "engines"
_WEIGHTS = numpy_helper.from_array(np.zeros((2, 3, 1, 1), np.float32), "weights")


def _graph(*nodes: onnx.NodeProto, tensors: tuple[TensorProto, ...] = (), opset: int = 17) -> bytes:
    graph = helper.make_graph(nodes, "g", [], [], list(tensors))
    opsets = [helper.make_opsetid("", opset)]
    return bytes(helper.make_model(graph, opset_imports=opsets).SerializeToString())


def _refusal(content: bytes) -> str:
    with pytest.raises(InferenceError) as caught:
        refuse_unsafe_graph(content, "model.onnx")
    return str(caught.value)


@pytest.mark.parametrize("path", sorted(_ENGINES.glob("*/*.onnx")), ids=lambda path: path.name)
def test_shipped_graphs_are_safe(path: Path) -> None:
    refuse_unsafe_graph(path.read_bytes(), str(path))


def test_so_are_optional_inputs() -> None:
    resize = helper.make_node("Resize", ["x", "", "scales"], ["y"])
    refuse_unsafe_graph(_graph(resize, helper.make_node("Conv", ["y", "weights"], ["z"])), "m")


def _elsewhere(fields: dict[str, str]) -> TensorProto:
    tensor = TensorProto(name="weights", data_type=TensorProto.FLOAT, dims=[4])
    for key, value in fields.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    return tensor


def test_weights_in_other_files_are_refused() -> None:
    expected = (
        "model.onnx keeps weights in other files, which nobody verifies; expected all in one; "
        "export the model again"
    )
    moved = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4])
    moved.data_location = TensorProto.EXTERNAL
    constant = helper.make_node("Constant", [], ["c"], value=_elsewhere({"location": "/dev/zero"}))
    sparse = onnx.SparseTensorProto(values=moved)
    inside = helper.make_node("Constant", [], ["c"], sparse_value=sparse)
    for content in (
        _graph(tensors=(_elsewhere({"location": "../../secret"}),)),
        _graph(tensors=(moved,)),
        _graph(constant),
        _graph(inside),
    ):
        assert _refusal(content) == expected


def test_nested_graphs_are_refused() -> None:
    inner = helper.make_graph([], "inner", [], [])
    node = helper.make_node("Identity", ["c"], ["x"], then_branch=inner)
    assert "model.onnx nests graphs" in _refusal(_graph(node))
    model = onnx.load_from_string(_graph())
    model.functions.add().name = "f"
    assert "model.onnx nests graphs" in _refusal(model.SerializeToString())


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (helper.make_node("Conv", ["x"], ["y"]), "an operator Conv with 1 inputs; expected 2..3"),
        (helper.make_node("Conv", ["x", ""], ["y"]), "an operator Conv with 2 inputs"),
        (helper.make_node("Relu", ["x", "y"], ["z"]), "an operator Relu with 2 inputs"),
        (helper.make_node("Relu", ["x"], []), "an operator Relu without outputs; expected one"),
        (helper.make_node("Relu", ["x"], ["y"], domain="foreign"), "has an operator 'Relu'"),
        (helper.make_node("Loop", ["x"], ["y"]), "has an operator 'Loop'; expected those of"),
        (helper.make_node("a\nb" * 999, ["x"], ["y"]), r"has an operator 'a\nba\nb"),
    ],
)
def test_operators_that_readers_stumble_over_are_refused(node: onnx.NodeProto, words: str) -> None:
    text = _refusal(_graph(node))
    assert words in text
    assert len(text) < 300
    assert "\n" not in text


def test_numbers_of_operators_and_of_their_set() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["x"])] * MAX_OPERATORS
    refuse_unsafe_graph(_graph(*nodes), "model.onnx")
    assert "has more than 2000 operators" in _refusal(_graph(*nodes, nodes[0]))
    assert "operator set 12; expected one of 13..99" in _refusal(_graph(opset=12))
    # OpenVINO looks through all sets from the newest down, which takes minutes.
    assert "operator set 2147483648" in _refusal(_graph(opset=2**31))


@pytest.mark.parametrize(
    "content",
    [
        b"no graph",
        b"\x3a\xff\xff\xff\xff\x0f",  # reaches far beyond the end
        b"\x3a\x05\x0a\x03ab",  # cut off
        b"\x38\x01",  # a number where the graph should be
        b"\xff" * 20,
        b"\x0b" * 100,  # groups
        b"\x10\x01" * 200_001,  # more fields than a graph has
    ],
)
def test_no_onnx(content: bytes) -> None:
    assert _refusal(content) == (
        "model.onnx is no ONNX graph, or is damaged; export the model again"
    )


def test_an_input_that_is_a_number_is_none() -> None:
    """Readers skip fields of a wrong kind."""
    conv = helper.make_node("Conv", ["x"], ["y"]).SerializeToString() + b"\x08\x01"
    model = b"\x3a" + bytes([len(conv) + 2]) + b"\x0a" + bytes([len(conv)]) + conv
    assert "is no ONNX graph" in _refusal(model)
