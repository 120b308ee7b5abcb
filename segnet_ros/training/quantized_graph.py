# SPDX-License-Identifier: Apache-2.0
"""The FP16 graph with convolutions in eight bits: explicit, symmetric Q/DQ pairs before them.

All else, the comparisons of pooling above all, stays in FP16.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper, version_converter

# The first that quantises half precision, and to FP8.
_OPSET = 19
_SMALLEST = np.finfo(np.float16).smallest_subnormal


@dataclass(frozen=True)
class EightBits:
    """A number format.

    Attributes:
        type: ONNX's number of it.
        limit: Largest magnitude.

    """

    type: int
    limit: float

    def encode(self, values: npt.NDArray[np.float32]) -> bytes:
        """Round values of the format's range as QuantizeLinear does."""
        if self.type == TensorProto.INT8:
            return np.clip(np.rint(values), -self.limit, self.limit).astype(np.int8).tobytes()
        eighths = torch.from_numpy(np.ascontiguousarray(values)).to(torch.float8_e4m3fn)
        return eighths.view(torch.uint8).numpy().tobytes()


FORMATS = {
    "int8": EightBits(TensorProto.INT8, 127.0),
    "fp8": EightBits(TensorProto.FLOAT8E4M3FN, 448.0),
}


@dataclass(frozen=True)
class Plan:
    """What to quantise, and how.

    Attributes:
        precision: A key of `FORMATS`.
        per_channel: Whether each output channel's weights have a scale of their own.
        kept: Weights of the convolutions that stay in FP16.

    """

    precision: str
    per_channel: bool = False
    kept: Collection[str] = ()


def convolutions(model: onnx.ModelProto) -> list[str]:
    """Names of the weights of all convolutions, in the order of computation."""
    return [node.input[1] for node in model.graph.node if node.op_type == "Conv"]


def quantized_graph(graph: bytes, ranges: Mapping[str, float], plan: Plan) -> bytes:
    """Quantise the convolutions of an FP16-typed graph.

    Args:
        graph: As `engine_graph` makes it.
        ranges: Largest magnitude of each convolution's input.
        plan: What to quantise.

    """
    model = version_converter.convert_version(onnx.load_from_string(graph), _OPSET)
    _Quantizer(model, ranges, plan).run()
    del model.graph.value_info[:]
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


class _Quantizer:
    """Rewrites a graph in place."""

    def __init__(self, model: onnx.ModelProto, ranges: Mapping[str, float], plan: Plan) -> None:
        self._graph = model.graph
        self._ranges = ranges
        self._plan = plan
        self._format = FORMATS[plan.precision]
        self._weights = {tensor.name: tensor for tensor in model.graph.initializer}
        self._dequantized: dict[str, str] = {}

    def run(self) -> None:
        nodes = [added for node in self._graph.node for added in self._rewrite(node)]
        # The old ones live in the list that is emptied.
        nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del self._graph.node[:]
        self._graph.node.extend(nodes)

    def _rewrite(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        if node.op_type == "Conv" and node.input[1] not in self._plan.kept:
            source, weights = node.input[:2]
            if source not in self._dequantized:
                yield from self._quantize_input(source)
            yield self._quantize_weights(weights)
            node.input[0], node.input[1] = self._dequantized[source], f"{weights}_dequantized"
        yield node

    def _quantize_input(self, name: str) -> Iterator[onnx.NodeProto]:
        """Several convolutions may share one input."""
        parameters = self._parameters(name, _scale(np.array(self._ranges[name]), self._format))
        eight, back = f"{name}_quantized", f"{name}_dequantized"
        yield helper.make_node("QuantizeLinear", [name, *parameters], [eight], f"{name}_Q")
        yield helper.make_node("DequantizeLinear", [eight, *parameters], [back], f"{name}_DQ")
        self._dequantized[name] = back

    def _quantize_weights(self, name: str) -> onnx.NodeProto:
        tensor = self._weights[name]
        values = numpy_helper.to_array(tensor).astype(np.float32)
        axes = tuple(range(1, values.ndim)) if self._plan.per_channel else None
        scale = _scale(np.abs(values).max(axis=axes), self._format)
        parameters = self._parameters(name, scale)
        divisor = scale.astype(np.float32).reshape(-1, *[1] * (values.ndim - 1))
        content = self._format.encode(values / divisor)
        stored = f"{name}_quantized"
        tensor.CopyFrom(
            helper.make_tensor(stored, self._format.type, values.shape, content, raw=True)
        )
        axis = {"axis": 0} if self._plan.per_channel else {}
        outputs = [f"{name}_dequantized"]
        return helper.make_node(
            "DequantizeLinear", [stored, *parameters], outputs, f"{name}_DQ", **axis
        )

    def _parameters(self, name: str, scale: npt.NDArray[np.float16]) -> tuple[str, str]:
        """Store a scale and the zero point, which tells the format."""
        names = f"{name}_scale", f"{name}_zero"
        zeros = helper.make_tensor(
            names[1], self._format.type, scale.shape, bytes(scale.size), raw=True
        )
        self._graph.initializer.extend([numpy_helper.from_array(scale, names[0]), zeros])
        return names


def _scale(largest: npt.NDArray[np.floating], number_format: EightBits) -> npt.NDArray[np.float16]:
    """What one step stands for, rounded up to half precision: nothing shall be cut off."""
    exact = np.asarray(largest, np.float64) / number_format.limit
    rounded = exact.astype(np.float16)
    scale = np.where(rounded < exact, np.nextafter(rounded, np.float16(np.inf)), rounded)
    return np.asarray(np.maximum(scale, _SMALLEST), np.float16)
