# SPDX-License-Identifier: Apache-2.0
"""What runs a network: one protocol, one module per library, imported on demand."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from segnet_ros.inference.engine.options import DEFAULT_ENGINE, EngineOptions
from segnet_ros.inference.engine.status import EngineStatus
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import Model


@dataclass(frozen=True)
class Prediction:
    """A network's answer at its own size.

    Attributes:
        labels: uint8 [H, W], class ids.
        confidence: uint8 [H, W], softmax probability of the label, 255 = certain.
        uncertainty: uint8 [H, W] of a Bayesian network, None of others: 255 times the root of the
            classes' summed variances over the samples; 0 = all samples agree.

    """

    labels: npt.NDArray[np.uint8]
    confidence: npt.NDArray[np.uint8]
    uncertainty: npt.NDArray[np.uint8] | None = None


class Runtime(Protocol):
    """A loaded network. Not thread-safe: one caller at a time."""

    @property
    def description(self) -> str:
        """Library, version, device and precision in one line."""
        ...

    @property
    def engine(self) -> EngineStatus | None:
        """How the TensorRT engine fares; None of runtimes that have none."""
        ...

    def infer(self, image: npt.NDArray[np.uint8]) -> Prediction:
        """Run the network on uint8 [H, W, 3] RGB at the model's size.

        Raises:
            InferenceError: the size differs, or the library fails.

        """
        ...

    def infer_all(self, images: Iterable[npt.NDArray[np.uint8]]) -> Iterator[Prediction]:
        """Run the network on many frames, overlapping them where the library can.

        Answers come in the order of the frames, and later than with `infer`: some frames are taken
        before the first answer is given.

        Args:
            images: uint8 [H, W, 3] RGB each, at the model's size; taken one by one.

        Raises:
            InferenceError: see `infer`; answers still under way are lost.

        """
        ...

    def close(self) -> None:
        """Free everything; `infer` must not be called afterwards."""
        ...


def load_runtime(
    model: Model, name: str = "auto", engine: EngineOptions = DEFAULT_ENGINE
) -> Runtime:
    """Load a model into a runtime.

    Args:
        model: From `load_model`.
        name: A key of `RUNTIMES`, or "auto" for the fastest one that this machine has.
        engine: Wishes about a TensorRT engine.

    Raises:
        InferenceError: there is no such runtime, its library is missing, or it refuses the model.

    """
    return RUNTIMES[resolve_runtime(name)](model, engine)


def resolve_runtime(name: str) -> str:
    """The key of `RUNTIMES` that a name means on this machine.

    Raises:
        InferenceError: there is no such runtime.

    """
    if name not in ("auto", *RUNTIMES):
        msg = f"runtime {name!r} is unknown; expected auto or one of {', '.join(RUNTIMES)}"
        raise InferenceError(msg)
    return _fastest() if name == "auto" else name


def _fastest() -> str:
    from segnet_ros.inference.engine.tensorrt_api import tensorrt_installed

    if not tensorrt_installed():
        return "openvino"
    from segnet_ros.inference.engine.gpu import find_gpu

    return "tensorrt" if find_gpu() else "openvino"


def _load_tensorrt(model: Model, engine: EngineOptions) -> Runtime:
    from segnet_ros.inference.engine.runtime import TensorRtRuntime

    return TensorRtRuntime(model, engine)


def _load_openvino(model: Model, _engine: EngineOptions) -> Runtime:
    from segnet_ros.inference.openvino_runtime import OpenVinoRuntime

    return OpenVinoRuntime(model)


RUNTIMES: dict[str, Callable[[Model, EngineOptions], Runtime]] = {
    "openvino": _load_openvino,
    "tensorrt": _load_tensorrt,
}
