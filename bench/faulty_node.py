# SPDX-License-Identifier: Apache-2.0
"""`segnet node` with a runtime that fails on command.

python bench/faulty_node.py FILE --ros-args ...

FILE need not exist. What it holds while a frame is segmented befalls the frame: a name of `FAULTS`,
and how often; without a number it befalls every frame until FILE is removed.
"""

import ctypes
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from segnet_ros import cli
from segnet_ros.inference import runtime as runtimes
from segnet_ros.inference.engine.options import EngineOptions
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import Model
from segnet_ros.inference.runtime import Prediction, Runtime

Fault = Callable[[Prediction], Any]

_LONG = 10**6  # seconds
_NO_CLASS = 200
_TOO_MUCH = 2**60  # bytes: 1 EiB


def order(file: Path, fault: str, times: int | None = None) -> None:
    """Let a fault befall the next frames: so many, or all until `file` is removed."""
    partial = file.with_suffix(".part")
    partial.write_text(fault if times is None else f"{fault} {times}", encoding="utf-8")
    partial.replace(file)


def _raise(_answer: Prediction) -> Any:
    msg = "the fault that was asked for; remove its file"
    raise InferenceError(msg)


def _raise_foreign(_answer: Prediction) -> Any:
    raise KeyError("a library's own error")  # noqa: EM101, TRY003  # as libraries do


FAULTS: Mapping[str, Fault] = {
    "raise": _raise,
    "raise_foreign": _raise_foreign,
    "memory": lambda _: np.empty(_TOO_MUCH, np.uint8),
    # Both are C's sleep(): one is called without Python's global lock, the other one keeps it.
    "hang": lambda _: ctypes.CDLL(None).sleep(_LONG),
    "hang_with_lock": lambda _: ctypes.PyDLL(None).sleep(_LONG),
    "nothing": lambda _: None,
    "shape": lambda answer: replace(answer, labels=answer.labels.T),
    "dtype": lambda answer: replace(answer, confidence=answer.confidence / 255),
    "range": lambda answer: replace(answer, labels=np.full_like(answer.labels, _NO_CLASS)),
}


class FaultyRuntime:
    """See `Runtime`; another one, whose answers pass through the fault.

    Args:
        genuine: That one.
        file: Holds the fault.

    """

    def __init__(self, genuine: Runtime, file: Path) -> None:
        self._genuine = genuine
        self._file = file
        self.description = genuine.description
        self.engine = genuine.engine
        self.close = genuine.close

    def infer(self, image: npt.NDArray[np.uint8]) -> Any:
        """See `Runtime.infer`."""
        answer = self._genuine.infer(image)
        fault = self._ordered()
        return FAULTS[fault](answer) if fault else answer

    def infer_all(self, images: Iterable[npt.NDArray[np.uint8]]) -> Iterator[Any]:
        """See `Runtime.infer_all`."""
        return map(self.infer, images)

    def _ordered(self) -> str:
        with suppress(FileNotFoundError):
            name, _, times = self._file.read_text(encoding="utf-8").partition(" ")
            if times == "1":
                self._file.unlink()
            elif times:
                order(self._file, name, int(times) - 1)
            return name
        return ""


def main() -> int:
    """Replace OpenVINO, which loads the genuine one, and run the node."""
    file, arguments = Path(sys.argv[1]), sys.argv[2:]
    load = runtimes.RUNTIMES["openvino"]

    def load_faulty(model: Model, options: EngineOptions) -> Runtime:
        return FaultyRuntime(load(model, options), file)

    runtimes.RUNTIMES["openvino"] = load_faulty
    return cli.main(["node", *arguments])


if __name__ == "__main__":
    sys.exit(main())
