# SPDX-License-Identifier: Apache-2.0
"""model.onnx: the graph that runs on the CPU."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from segnet_ros.training.deployed import DeployedNetwork
from segnet_ros.training.packed_masks import pack_masks
from segnet_ros.training.tracing import trace

_MIN_HALVED_VALUES = 256


def write_onnx(deployed: DeployedNetwork, size: tuple[int, int], path: Path) -> None:
    """Write a graph of batch 1 whose large weights are stored in half precision, losslessly."""
    width, height = size
    example = torch.zeros(1, height, width, 3, dtype=torch.uint8)
    graph = trace(deployed, example, deployed.outputs)
    _store_weights_in_half(graph)
    pack_masks(graph)
    _declare_outputs(graph, [1, height, width])
    onnx.checker.check_model(graph)
    onnx.save(graph, path)


def _store_weights_in_half(graph: onnx.ModelProto) -> None:
    casts = []
    for tensor in list(graph.graph.initializer):
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < _MIN_HALVED_VALUES or not _is_half(values):
            continue
        graph.graph.initializer.remove(tensor)
        stored = f"{tensor.name}_float16"
        graph.graph.initializer.append(numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(helper.make_node("Cast", [stored], [tensor.name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        graph.graph.node.insert(0, cast)


def _declare_outputs(graph: onnx.ModelProto, shape: list[int]) -> None:
    """Padding to even sizes makes the exporter lose track of shapes."""
    for output in graph.graph.output:
        for dimension, length in zip(output.type.tensor_type.shape.dim, shape, strict=True):
            dimension.dim_value = length


def _is_half(values: npt.NDArray[np.float32]) -> bool:
    return bool(np.array_equal(values.astype(np.float16).astype(np.float32), values))
