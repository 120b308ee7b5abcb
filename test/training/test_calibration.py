# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from segnet_ros.training.calibration import calibrate


@pytest.fixture
def graph() -> bytes:
    """Two convolutions of 64x40 pixels: of the picture, and of its negative doubled."""
    kernel = np.zeros((1, 3, 1, 1), np.float16)
    kernel[0, 0] = -2.0
    constants = [
        numpy_helper.from_array(kernel, "w0"),
        numpy_helper.from_array(np.ones((1, 1, 1, 1), np.float16), "w1"),
    ]
    nodes = [
        helper.make_node("Cast", ["image"], ["halves"], to=TensorProto.FLOAT16),
        helper.make_node("Transpose", ["halves"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "w0"], ["doubled"]),
        helper.make_node("Conv", ["doubled", "w1"], ["scores"]),
        helper.make_node("Cast", ["scores"], ["labels"], to=TensorProto.UINT8),
    ]
    ports = [
        helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", 40, 64, 3]),
        helper.make_tensor_value_info("labels", TensorProto.UINT8, ["batch", 1, 40, 64]),
    ]
    made = helper.make_graph(nodes, "g", ports[:1], ports[1:], constants)
    opset = [helper.make_opsetid("", 17)]
    content: bytes = helper.make_model(made, opset_imports=opset, ir_version=8).SerializeToString()
    return content


def test_ranges_of_known_pictures(graph: bytes) -> None:
    dark, bright = np.full((40, 64, 3), 20, np.uint8), np.full((40, 64, 3), 120, np.uint8)
    found = calibrate(graph, [dark, bright])
    assert found == {
        "planes": pytest.approx(120, rel=0.01),
        "doubled": pytest.approx(240, rel=0.01),
    }


def test_a_single_bright_pixel_is_cut_off(graph: bytes) -> None:
    pictures = [np.full((40, 64, 3), 50, np.uint8) for _ in range(8)]
    pictures[0][0, 0] = 250
    found = calibrate(graph, pictures)
    # One in 20480: fewer than one in ten thousand.
    assert found["planes"] == pytest.approx(50, rel=0.02)


def test_calibration_is_quiet(graph: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    calibrate(graph, [np.full((40, 64, 3), 9, np.uint8)])
    assert capfd.readouterr() == ("", "")
