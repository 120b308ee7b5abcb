"""Run a model's graphs on the CPU, in the arithmetic that each of them stands for."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from segnet_ros.inference.model import UNLABELLED
from segnet_ros.inference.openvino_core import openvino_core

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

        There the least rounding tips the scales.
        """
        answer = self._compiled(image[None])
        labels = np.array(answer["labels"][0])
        labels[answer["confidence"][0] < _CERTAIN] = UNLABELLED
        return labels


def engine_labels(graph: bytes) -> Labeller:
    """Run a graph for TensorRT in the types that it states.

    The processor computes in float32, and without optimisation ONNX Runtime rounds the result of
    every operator to the stated type: no engine rounds more often.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return lambda image: np.asarray(session.run(["labels"], {"image": image[None]})[0][0, 0])
