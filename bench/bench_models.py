# SPDX-License-Identifier: Apache-2.0
"""Model folders for measurements, made on the fly."""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

from segnet_ros.datasets.camvid import CAMVID
from segnet_ros.inference.model import GRAPH, Model, file_sha256, load_model, save_description

_OPSET = [helper.make_opsetid("", 17)]
_IR_VERSION = 8  # a newer one is not read by every supported OpenVINO
_NEVER = 254  # no class of any model here


def cheap_model(folder: Path, size: tuple[int, int]) -> Path:
    """A model that costs next to nothing: label = red, at most 10; confidence = green.

    Args:
        folder: To make; its name becomes the model's.
        size: (width, height) in pixels.

    """
    folder.mkdir(parents=True)
    width, height = size
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, [1, height, width, 3])
    answers = [
        helper.make_tensor_value_info(name, TensorProto.UINT8, [1, height, width])
        for name in ("labels", "confidence")
    ]
    nodes = [
        helper.make_node("Gather", ["image", "first"], ["red"], axis=3),
        helper.make_node("Min", ["red", "last_class"], ["labels"]),
        helper.make_node("Gather", ["image", "second"], ["confidence"], axis=3),
    ]
    constants = [
        helper.make_tensor("first", TensorProto.INT64, [], [0]),
        helper.make_tensor("second", TensorProto.INT64, [], [1]),
        helper.make_tensor("last_class", TensorProto.UINT8, [], [len(CAMVID.classes) - 1]),
    ]
    graph = helper.make_graph(nodes, folder.name, [image], answers, initializer=constants)
    onnx.save(
        helper.make_model(graph, opset_imports=_OPSET, ir_version=_IR_VERSION), folder / GRAPH
    )
    return _describe(folder, size, "none")


def light_model(folder: Path, size: tuple[int, int]) -> Path:
    """segnet_light with random weights: as fast as if it were trained."""
    import torch

    from segnet_ros.training.cpu_graph import write_onnx
    from segnet_ros.training.export import deployable
    from segnet_ros.training.models import build_model
    from segnet_ros.training.normalization import Normalization

    torch.manual_seed(0)
    network = build_model("segnet_light", len(CAMVID.classes))
    folder.mkdir(parents=True)
    write_onnx(deployable(network, Normalization()), size, folder / GRAPH)
    return _describe(folder, size, "segnet_light")


def code_reading_model(source: Path, folder: Path) -> Path:
    """A model that runs another's whole network, and yet answers with the brightest channel.

    The network's label would count if it were one that there never is, which no compiler knows.
    """
    model = load_model(source)
    graph = onnx.load(model.graph)
    _rename_output(graph.graph, "labels", "network_labels")
    never = helper.make_tensor("never", TensorProto.UINT8, [], [_NEVER])
    graph.graph.initializer.append(never)
    graph.graph.node.extend(
        [
            helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
            helper.make_node("ArgMax", ["pixels"], ["brightest"], axis=3, keepdims=0),
            helper.make_node("Cast", ["brightest"], ["code"], to=TensorProto.UINT8),
            helper.make_node("Equal", ["network_labels", "never"], ["is_never"]),
            helper.make_node("Where", ["is_never", "network_labels", "code"], ["labels"]),
        ]
    )
    folder.mkdir(parents=True)
    onnx.save(graph, folder / GRAPH)
    return _describe(folder, model.size, model.architecture)


def _rename_output(graph: onnx.GraphProto, name: str, new: str) -> None:
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [new if item == name else item for item in names]


def _describe(folder: Path, size: tuple[int, int], architecture: str) -> Path:
    save_description(
        Model(
            name=folder.name,
            architecture=architecture,
            size=size,
            classes=CAMVID.classes,
            sha256=file_sha256(folder / GRAPH),
            folder=folder,
            details={"training_data": "none"},
        )
    )
    return folder
