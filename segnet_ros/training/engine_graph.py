# SPDX-License-Identifier: Apache-2.0
"""The ONNX graph of which TensorRT builds an FP16 engine."""

import math
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from segnet_ros.training.deployed import DeployedNetwork
from segnet_ros.training.engine_network import EngineNetwork
from segnet_ros.training.tracing import trace

_SIZES = 3
_SCALES = 2


def engine_graph(deployed: DeployedNetwork, size: tuple[int, int]) -> onnx.ModelProto:
    """Make an FP16-typed graph: types are explicit, TensorRT need not choose any.

    Args:
        deployed: From `deployable`.
        size: (width, height) of the network's input.

    Returns:
        Input `image`, uint8 [batch, H, W, 3] RGB; outputs as `EngineNetwork` has them. The batch
        is free, and 1 for Bayesian networks.

    """
    network = EngineNetwork(deployed).eval()
    width, height = size
    example = torch.zeros(1, height, width, 3, dtype=torch.uint8)
    model = fold_constants(trace(network, example, network.outputs))
    if network.batched:
        _free_batch(model)
    retype(model, TensorProto.FLOAT, TensorProto.FLOAT16)
    onnx.checker.check_model(model)
    return model


def fold_constants(model: onnx.ModelProto) -> onnx.ModelProto:
    """Compute ahead whatever does not depend on the input: TensorRT need not, nor its logs."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "folded.onnx")
        onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        folded = onnx.load(options.optimized_model_filepath)
    # ONNX Runtime declares all operator sets that it knows.
    used = [item for item in folded.opset_import if not item.domain]
    del folded.opset_import[:]
    folded.opset_import.extend(used)
    return folded


def retype(model: onnx.ModelProto, old: int, new: int) -> None:
    """Turn all tensors of one floating-point type into another, in place."""
    kept = _scales_of_resizing(model)
    dtype = helper.tensor_dtype_to_np_dtype(new)
    tensors = [t for t in model.graph.initializer if t.name not in kept]
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.TENSOR and node.output[0] not in kept:
                tensors.append(attribute.t)
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == old:
                attribute.i = new
    for tensor in tensors:
        if tensor.data_type == old:
            values = numpy_helper.to_array(tensor).astype(dtype)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    del model.graph.value_info[:]


def _scales_of_resizing(model: onnx.ModelProto) -> set[str]:
    """ONNX wants them in float32, whatever they scale."""
    resizes = [node for node in model.graph.node if node.op_type == "Resize"]
    return {name for node in resizes for name in node.input[1:3] if name}


def _free_batch(model: onnx.ModelProto) -> None:
    """Let a graph that was traced for one frame take any number of them."""
    shapes = _shapes(model)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Reshape":
            _keep_first_length(constants[node.input[1]])
        elif node.op_type == "Resize" and len(node.input) > _SIZES:
            _scale_instead(model.graph, node, shapes)
    used = {name for node in model.graph.node for name in node.input}
    for name in constants.keys() - used:
        model.graph.initializer.remove(constants[name])
    for port in (*model.graph.input, *model.graph.output):
        port.type.tensor_type.shape.dim[0].dim_param = "batch"


def _keep_first_length(shape: TensorProto) -> None:
    """Zero in a Reshape means: as long as before."""
    lengths = numpy_helper.to_array(shape).copy()
    lengths[0] = 0
    shape.CopyFrom(numpy_helper.from_array(lengths, shape.name))


def _scale_instead(
    graph: onnx.GraphProto, resize: onnx.NodeProto, shapes: Mapping[str, list[int]]
) -> None:
    """Sizes hold the batch; scales do not."""
    lengths = zip(shapes[resize.input[0]], shapes[resize.output[0]], strict=True)
    scales = np.array([_scale(before, after) for before, after in lengths], np.float32)
    name = f"{resize.output[0]}_scales"
    graph.initializer.append(numpy_helper.from_array(scales, name))
    del resize.input[_SCALES:]
    resize.input.append(name)


def _scale(before: int, after: int) -> float:
    """The factor by which engines get exactly from one length to the other: they round down."""
    scale = np.float32(after / before)
    while math.floor(np.float32(before) * scale) < after:
        scale = np.nextafter(scale, np.float32(math.inf))
    return float(scale)


def _shapes(model: onnx.ModelProto) -> dict[str, list[int]]:
    inferred = onnx.shape_inference.infer_shapes(model).graph
    return {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*inferred.input, *inferred.value_info, *inferred.output)
    }
