# SPDX-License-Identifier: Apache-2.0
"""Run a model's graphs on the CPU, in the arithmetic that each of them stands for."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper

from segnet_ros.inference.model import UNLABELLED
from segnet_ros.inference.openvino_core import openvino_core
from segnet_ros.training.engine_graph import retype

Pixels = npt.NDArray[np.uint8]
Labeller = Callable[[Pixels], Pixels]
"""From uint8 [H, W, 3] RGB at the network's size to class ids, uint8 [H, W]."""

_CERTAIN = 128


class Reference:
    """model.onnx in float32: what all else is compared with.

    Args:
        path: Of model.onnx.

    """

    def __init__(self, path: Path) -> None:
        hints = {"INFERENCE_PRECISION_HINT": "f32"}
        self._compiled = openvino_core().compile_model(str(path), "CPU", hints)

    def labels(self, image: Pixels) -> Pixels:
        """A `Labeller`."""
        return np.array(self._compiled(image[None])["labels"][0])

    def certain_labels(self, image: Pixels) -> Pixels:
        """The same, but `UNLABELLED` where the confidence is below one half.

        There the least rounding tips the scales. Of a network that is hardly ever certain, the more
        certain half of the pixels keep their labels.
        """
        answer = self._compiled(image[None])
        labels = np.array(answer["labels"][0])
        confidence = answer["confidence"][0]
        labels[confidence < min(_CERTAIN, np.median(confidence))] = UNLABELLED
        return labels


def engine_labels(graph: bytes) -> Labeller:
    """Run a graph for TensorRT in the types that it states.

    Sums are float32, as in TensorRT's convolutions, and the result of every operator is rounded to
    half precision: no engine rounds more often.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    rounding = round_results(onnx.load_from_string(graph)).SerializeToString()
    session = onnxruntime.InferenceSession(rounding, options, providers=["CPUExecutionProvider"])
    return lambda image: np.asarray(session.run(["labels"], {"image": image[None]})[0][0, 0])


def round_results(model: onnx.ModelProto) -> onnx.ModelProto:
    """Make an FP16-typed graph one in float32 that says where to round, and return it.

    Left to itself ONNX Runtime's CPU provider keeps the results of half-precision operators in
    float32, even without optimisation.
    """
    inferred = onnx.shape_inference.infer_shapes(model).graph.value_info
    halves = {v.name for v in inferred if v.type.tensor_type.elem_type == TensorProto.FLOAT16}
    retype(model, TensorProto.FLOAT16, TensorProto.FLOAT)
    nodes = []
    for node in model.graph.node:
        results = [name for name in node.output if name in halves]
        renamed = [f"{name}_exact" if name in halves else name for name in node.output]
        del node.output[:]
        node.output.extend(renamed)
        nodes.append(onnx.NodeProto.FromString(node.SerializeToString()))
        for name in results:
            nodes.append(_cast(f"{name}_exact", f"{name}_half", TensorProto.FLOAT16))
            nodes.append(_cast(f"{name}_half", name, TensorProto.FLOAT))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def _cast(source: str, target: str, kind: int) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [target], to=kind)
