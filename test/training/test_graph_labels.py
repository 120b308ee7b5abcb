# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from segnet_ros.training.graph_labels import Reference, engine_labels


def graph(*steps: tuple[str, float]) -> bytes:
    """The red value after some steps in half precision, as a label [1, 1, H, W]."""
    nodes = [
        helper.make_node("Cast", ["image"], ["halves"], to=TensorProto.FLOAT16),
        helper.make_node("Transpose", ["halves"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Slice", ["planes", "zero", "one", "axis"], ["x0"]),
    ]
    constants = [
        numpy_helper.from_array(np.array([0], np.int64), "zero"),
        numpy_helper.from_array(np.array([1], np.int64), "one"),
        numpy_helper.from_array(np.array([1], np.int64), "axis"),
    ]
    for place, (kind, value) in enumerate(steps):
        constants.append(numpy_helper.from_array(np.float16(value), f"c{place}"))
        nodes.append(helper.make_node(kind, [f"x{place}", f"c{place}"], [f"x{place + 1}"]))
    nodes.append(helper.make_node("Cast", [f"x{len(steps)}"], ["labels"], to=TensorProto.UINT8))
    ports = [
        helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", 1, 3, 3]),
        helper.make_tensor_value_info("labels", TensorProto.UINT8, ["batch", 1, 1, 3]),
    ]
    made = helper.make_graph(nodes, "g", ports[:1], ports[1:], constants)
    opset = [helper.make_opsetid("", 17)]
    content: bytes = helper.make_model(made, opset_imports=opset, ir_version=8).SerializeToString()
    return content


RED = np.array([[[0, 9, 9], [1, 9, 9], [3, 9, 9]]], np.uint8)


def test_labels_are_a_picture() -> None:
    labels = engine_labels(graph(("Add", 5.0)))(RED)
    assert labels.dtype == np.uint8
    assert labels.tolist() == [[5, 6, 8]]


def test_every_result_is_rounded_to_half_precision() -> None:
    # From 2048 on, half precision holds even numbers only; ties go to multiples of four.
    labels = engine_labels(graph(("Add", 2048.0), ("Sub", 2048.0)))(RED)
    assert labels.tolist() == [[0, 0, 4]]


def test_reference_is_uncertain_below_one_half(channel_model: Path) -> None:
    reference = Reference(channel_model / "model.onnx")
    image = np.zeros((12, 16, 3), np.uint8)
    image[:6, :, 1] = 127
    image[6:, :, 2] = 128
    labels = np.repeat(np.array([1, 2], np.uint8), 6)
    assert np.array_equal(reference.labels(image), np.tile(labels[:, None], 16))
    certain = np.where(labels == 1, 255, 2)
    assert np.array_equal(reference.certain_labels(image), np.tile(certain[:, None], 16))


def test_answers_stay_when_the_next_comes(channel_model: Path) -> None:
    reference = Reference(channel_model / "model.onnx")
    first = reference.labels(np.full((12, 16, 3), (0, 0, 9), np.uint8))
    reference.labels(np.full((12, 16, 3), (9, 0, 0), np.uint8))
    assert np.unique(first).tolist() == [2]


def test_of_a_reference_that_is_never_certain_the_more_certain_half_counts(
    channel_model: Path,
) -> None:
    # Confidence is the brightest channel's value: 20, 21, ..., below one half throughout.
    brightest = np.arange(20, 20 + 12, dtype=np.uint8)
    image = np.zeros((12, 16, 3), np.uint8)
    image[..., 2] = brightest[:, None]
    labels = Reference(channel_model / "model.onnx").certain_labels(image)
    assert np.array_equal(labels, np.tile(np.repeat([255, 2], 6)[:, None], 16))
