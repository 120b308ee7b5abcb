# SPDX-License-Identifier: Apache-2.0
"""OpenVINO on the CPU: the engine of machines without an NVIDIA GPU."""

import math
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO

import numpy as np
import numpy.typing as npt

from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.excerpts import one_line
from segnet_ros.inference.model import Model, read_graph
from segnet_ros.inference.runtime import Prediction

try:
    import openvino
    from openvino.frontend import FrontEndManager

    from segnet_ros.inference.openvino_core import openvino_core
except ImportError as error:
    msg = (
        "the openvino runtime needs the Python package openvino, which is not installed; "
        "run `pip install openvino`"
    )
    raise InferenceError(msg) from error

_DEVICE = "CPU"
_MOST_VALUES = 1 << 30
_MOST_VALUES_PER_PIXEL = 1 << 16


class OpenVinoRuntime:
    """See `Runtime`. bfloat16 where the processor computes in it, float32 elsewhere."""

    def __init__(self, model: Model) -> None:
        core = openvino_core()
        native = core.get_property(_DEVICE, "OPTIMIZATION_CAPABILITIES")
        precision = "bf16" if "BF16" in native else "f32"
        hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
        try:
            graph = _read_onnx(model)
            _refuse_huge_tensors(graph, model)
            compiled = core.compile_model(graph, _DEVICE, hints)
            self._outputs = _output_names(compiled)
            _check_interface(compiled, model, self._outputs)
        except InferenceError:
            raise
        except Exception as error:  # the ONNX parser's errors have no base class of their own
            msg = (
                f"OpenVINO {openvino.__version__} cannot load {model.graph}: {_first_line(error)}; "
                "export the model again"
            )
            raise InferenceError(msg) from error
        width, height = model.size
        self._shape = (height, width, 3)
        self._request = compiled.create_infer_request()
        self._input = self._request.get_tensor("image").data
        self._description = f"OpenVINO {openvino.__version__.split('-')[0]} CPU {precision}"

    @property
    def description(self) -> str:
        """See `Runtime.description`."""
        return self._description

    @property
    def engine(self) -> None:
        """See `Runtime.engine`."""
        return None

    def infer(self, image: npt.NDArray[np.uint8]) -> Prediction:
        """See `Runtime.infer`."""
        if image.shape != self._shape or image.dtype != np.uint8:
            msg = f"the network got {image.dtype} {image.shape}; expected uint8 {self._shape}"
            raise InferenceError(msg)
        np.copyto(self._input[0], image)
        try:
            self._request.infer()
        except RuntimeError as error:
            msg = f"OpenVINO failed: {_first_line(error)}"
            raise InferenceError(msg) from error
        # The library overwrites its output buffers with the next frame.
        answers = {name: self._request.get_tensor(name).data[0].copy() for name in self._outputs}
        return Prediction(**answers)

    def infer_all(self, images: Iterable[npt.NDArray[np.uint8]]) -> Iterator[Prediction]:
        """See `Runtime.infer_all`. One after the other: one frame keeps all cores busy."""
        return map(self.infer, images)

    def close(self) -> None:
        """See `Runtime.close`."""
        del self._request


def _read_onnx(model: Model) -> "openvino.Model":
    """Parse as ONNX only: `Core.read_model` tries every format's parser on a damaged file.

    The very bytes that were verified are parsed: the file may be exchanged meanwhile.
    """
    content = read_graph(model.graph, model.sha256)
    frontend = FrontEndManager().load_by_framework("onnx")
    return frontend.convert(frontend.load(BytesIO(content)))


def _refuse_huge_tensors(graph: "openvino.Model", model: Model) -> None:
    """A graph of a hundred bytes may ask for all memory there is."""
    width, height = model.size
    most = max(_MOST_VALUES, _MOST_VALUES_PER_PIXEL * width * height)
    shapes = [port.partial_shape for node in graph.get_ops() for port in node.outputs()]
    total = sum(math.prod(shape.to_shape()) for shape in shapes if shape.is_static)
    if total > most or not all(shape.is_static for shape in shapes):
        msg = (
            f"{model.graph}: its tensors hold {total} values, or of unknown number; expected up to "
            f"{most} for pictures of {width}x{height}; export the model again"
        )
        raise InferenceError(msg)


def _output_names(compiled: "openvino.CompiledModel") -> list[str]:
    """What to read: Bayesian networks have a third output."""
    names = {name for port in compiled.outputs for name in port.names}
    return ["labels", "confidence", *({"uncertainty"} & names)]


def _check_interface(
    compiled: "openvino.CompiledModel", model: Model, outputs: Sequence[str]
) -> None:
    width, height = model.size
    _check_port(compiled.input("image"), "image", [1, height, width, 3], model)
    for name in outputs:
        _check_port(compiled.output(name), name, [1, height, width], model)


def _check_port(
    port: "openvino.ConstOutput", name: str, shape: Sequence[int], model: Model
) -> None:
    if list(port.shape) != shape or port.element_type != openvino.Type.u8:
        msg = (
            f"{model.graph}: {name} is {port.element_type.get_type_name()} "
            f"{list(port.shape)}; expected u8 {shape}; export the model again"
        )
        raise InferenceError(msg)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return one_line(lines[-1]) if lines else type(error).__name__
