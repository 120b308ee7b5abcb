# SPDX-License-Identifier: Apache-2.0
"""How large the inputs of a graph's convolutions become on real frames."""

import contextlib
import io
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, create_calibrator

from segnet_ros.training.engine_graph import retype
from segnet_ros.training.graph_labels import Pixels

# One value in ten thousand may be cut off: a scale that spares it costs all others precision.
_HISTOGRAM = {"percentile": 99.99, "num_bins": 2048, "symmetric": True}


def calibrate(graph: bytes, images: Iterable[Pixels]) -> dict[str, float]:
    """Measure a graph in float32.

    Args:
        graph: FP16-typed, as `engine_graph` makes it.
        images: uint8 [H, W, 3] RGB at the network's size.

    Returns:
        By name of a convolution's input: the magnitude that 99.99 % of its values stay below.

    """
    model = onnx.load_from_string(graph)
    retype(model, TensorProto.FLOAT16, TensorProto.FLOAT)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "float32.onnx"
        onnx.save(model, path)
        calibrator = create_calibrator(
            path,
            ["Conv"],
            str(Path(folder) / "augmented.onnx"),
            CalibrationMethod.Percentile,
            extra_options=_HISTOGRAM,
        )
        # It announces every step on the standard output.
        with contextlib.redirect_stdout(io.StringIO()):
            for image in images:
                # One at a time: it keeps all tensors of what it is given at once.
                calibrator.collect_data(_Reader(image))
            ranges = calibrator.compute_data()
    inputs = {node.input[0] for node in model.graph.node if node.op_type == "Conv"}
    # Either end may lie closer to zero: there it has cut off nothing.
    return {
        name: max(abs(float(end)) for end in ranges[name].range_value) for name in sorted(inputs)
    }


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, image: Pixels) -> None:
        self._feeds: Iterator[dict[str, Any]] = iter([{"image": image[None]}])

    def get_next(self) -> dict[str, Any] | None:
        return next(self._feeds, None)
