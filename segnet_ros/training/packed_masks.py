# SPDX-License-Identifier: Apache-2.0
"""Dropout masks in an ONNX graph, at one bit per cell instead of eight."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

_MIN_CELLS = 256
# Divided as int32, which every engine can; the sign would spoil the division.
_MAX_BITS = 31


def pack_masks(model: onnx.ModelProto) -> None:
    """Replace every large Bool constant of a graph by packed words and what unpacks them.

    Engines compute that once, while they load the model.
    """
    nodes = list(model.graph.node)
    del model.graph.node[:]
    for node in nodes:
        mask = _mask(node)
        if mask is None:
            model.graph.node.append(node)
        else:
            model.graph.node.extend(_unpacking(mask, node.output[0], model.graph))


def _mask(node: onnx.NodeProto) -> npt.NDArray[np.bool_] | None:
    if node.op_type != "Constant" or node.attribute[0].name != "value":
        return None
    value: npt.NDArray[np.bool_] = numpy_helper.to_array(node.attribute[0].t)
    return value if value.dtype == np.bool_ and value.size >= _MIN_CELLS else None


def _unpacking(
    mask: npt.NDArray[np.bool_], name: str, graph: onnx.GraphProto
) -> Iterator[onnx.NodeProto]:
    bits = max(count for count in range(1, _MAX_BITS + 1) if mask.size % count == 0)
    powers = (1 << np.arange(bits)).astype(np.int32)
    constants = {
        "words": mask.reshape(-1, bits).astype(np.int32) @ powers[:, None],
        "powers": powers,
        "two": np.array(2, np.int32),
        "shape": np.array(mask.shape, np.int64),
    }
    for kind, value in constants.items():
        graph.initializer.append(numpy_helper.from_array(value, f"{name}_{kind}"))
    yield helper.make_node("Div", [f"{name}_words", f"{name}_powers"], [f"{name}_shifted"])
    yield helper.make_node("Mod", [f"{name}_shifted", f"{name}_two"], [f"{name}_bits"])
    yield helper.make_node("Reshape", [f"{name}_bits", f"{name}_shape"], [f"{name}_cells"])
    yield helper.make_node("Cast", [f"{name}_cells"], [name], to=TensorProto.BOOL)
