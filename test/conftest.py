# SPDX-License-Identifier: Apache-2.0
"""Fixtures that several rooms share."""

import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from segnet_ros.datasets.camvid import CAMVID
from segnet_ros.inference.model import (
    GRAPH,
    Model,
    SegmentationClass,
    file_sha256,
    load_model,
    save_description,
)

# A shell that starts us in the background has it ignored, and so would all that the tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_SIZE = (16, 12)
_CLASSES = (
    SegmentationClass("red", (200, 10, 20)),
    SegmentationClass("green", (30, 210, 40)),
    SegmentationClass("blue", (50, 60, 220)),
)


@pytest.fixture(scope="session")
def channel_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder whose answers anybody can compute; treat it as read-only.

    Size (width, height) = (16, 12). Label = index of the brightest channel, the first of equals:
    0 red, 1 green, 2 blue, coloured (200, 10, 20), (30, 210, 40), (50, 60, 220). Confidence =
    value of that channel. For an image `x`: `x.argmax(2)` and `x.max(2)`, exactly, in float32
    and in bfloat16.
    """
    pytest.importorskip("onnx", reason="needs onnx: pip install 'segnet_ros[train]'")
    folder = tmp_path_factory.mktemp("models") / "channel"
    folder.mkdir()
    _write_channel_graph(folder / GRAPH)
    save_description(
        Model(
            name="channel",
            architecture="brightest_channel",
            size=_SIZE,
            classes=_CLASSES,
            sha256=file_sha256(folder / GRAPH),
            folder=folder,
            details={"training_data": "none"},
        )
    )
    return folder


@pytest.fixture(scope="session")
def bayesian_channel_model(channel_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`channel_model` with an uncertainty: the value of the darkest channel, `x.min(2)`."""
    folder = tmp_path_factory.mktemp("models") / "bayesian_channel"
    folder.mkdir()
    _write_channel_graph(folder / GRAPH, bayesian=True)
    sha256 = file_sha256(folder / GRAPH)
    model = load_model(channel_model)
    save_description(replace(model, name=folder.name, sha256=sha256, folder=folder))
    return folder


@pytest.fixture(scope="session")
def camvid_channel_model(channel_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`channel_model` with CamVid's eleven classes; it answers Sky, Building or Pole."""
    folder = tmp_path_factory.mktemp("models") / "camvid_channel"
    shutil.copytree(channel_model, folder)
    save_description(replace(load_model(folder), name=folder.name, classes=CAMVID.classes))
    return folder


def _write_channel_graph(path: Path, bayesian: bool = False) -> None:
    import onnx
    from onnx import TensorProto, helper

    width, height = _SIZE
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ArgMax", ["pixels"], ["brightest"], axis=3, keepdims=0),
        helper.make_node("Cast", ["brightest"], ["labels"], to=TensorProto.UINT8),
        helper.make_node("ReduceMax", ["pixels"], ["value"], axes=[3], keepdims=0),
        helper.make_node("Cast", ["value"], ["confidence"], to=TensorProto.UINT8),
    ]
    names = ["labels", "confidence"]
    if bayesian:
        nodes += [
            helper.make_node("ReduceMin", ["pixels"], ["least"], axes=[3], keepdims=0),
            helper.make_node("Cast", ["least"], ["uncertainty"], to=TensorProto.UINT8),
        ]
        names.append("uncertainty")
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, [1, height, width, 3])
    answers = [
        helper.make_tensor_value_info(name, TensorProto.UINT8, [1, height, width]) for name in names
    ]
    graph = helper.make_graph(nodes, "channel", [image], answers)
    # An old IR version: onnx writes newer ones than some supported OpenVINO releases read.
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
