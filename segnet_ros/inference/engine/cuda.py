# SPDX-License-Identifier: Apache-2.0
"""NVIDIA's CUDA runtime through cuda-python: every call checked, no wait without end."""

import time
from typing import Any

from segnet_ros.inference.engine.gpu import import_cudart
from segnet_ros.inference.errors import InferenceError

PATIENCE = 5.0
"""Seconds after which the GPU counts as hung; an inference takes milliseconds."""

_SUCCESS = 0
_NOT_READY = 600
_POLL_SECONDS = 50e-6
_REMEDIES = {
    2: "free GPU memory: end other programs, or take a smaller model or batch",
    35: "update the NVIDIA driver",
    46: "end the program that holds the GPU for itself",
}
_REMEDY = "restart the program; if it happens again, `segnet doctor` checks the machine"


class CudaError(InferenceError):
    """A call of the CUDA runtime failed.

    Attributes:
        code: CUDA's number of the error.

    """

    def __init__(self, code: int, words: str, function: str) -> None:
        remedy = _REMEDIES.get(code, _REMEDY)
        super().__init__(f"CUDA error {code} ({words}) in {function}; {remedy}")
        self.code = code


class Cuda:
    """The CUDA runtime API with errors as exceptions.

    Args:
        cudart: The module `cuda.bindings.runtime`, or what behaves like it.
        patience: Seconds that `wait` gives the GPU.

    Attributes:
        cudart: The module, for its constants.

    """

    def __init__(self, cudart: Any, patience: float = PATIENCE) -> None:
        self.cudart = cudart
        self._patience = patience

    def call(self, function: str, *arguments: Any) -> Any:
        """Call a function that gives a status and at most one result; returns the result.

        Raises:
            CudaError: the status is no success.

        """
        status, *results = getattr(self.cudart, function)(*arguments)
        if int(status) != _SUCCESS:
            raise self._error(status, function)
        return results[0] if results else None

    def is_done(self, query: str, handle: Any) -> bool:
        """Ask without waiting, by `cudaEventQuery` or `cudaStreamQuery`.

        Raises:
            CudaError: what was asked for failed, or something before it.

        """
        (status,) = getattr(self.cudart, query)(handle)
        if int(status) not in (_SUCCESS, _NOT_READY):
            raise self._error(status, query)
        return int(status) == _SUCCESS

    def wait(self, query: str, handle: Any) -> None:
        """Wait until `is_done`.

        Asks again and again, with naps that leave the core to others: CUDA's own blocking waits
        have no time limit, so a hung GPU would hang the node. A nap of 50 us takes the kernel
        about 0.1 ms, which is what an answer may be late, and 3 % of a core.

        Raises:
            CudaError: see `is_done`.
            InferenceError: it takes longer than the patience.

        """
        deadline = time.monotonic() + self._patience
        while True:
            # The clock first: a process that was stopped for a while must ask once more.
            is_late = time.monotonic() > deadline
            if self.is_done(query, handle):
                return
            if is_late:
                msg = f"the GPU did not finish within {self._patience:g} s; {_REMEDY}"
                raise InferenceError(msg)
            time.sleep(_POLL_SECONDS)

    def forget_error(self) -> None:
        """Clear the thread's last error, which libraries ask for after their own calls."""
        self.cudart.cudaGetLastError()

    def _error(self, status: Any, function: str) -> CudaError:
        _, words = self.cudart.cudaGetErrorString(status)
        return CudaError(int(status), words.decode(errors="replace"), function)


def load_cuda() -> Cuda:
    """The CUDA runtime of cuda-python.

    Raises:
        InferenceError: cuda-python cannot be imported.

    """
    try:
        return Cuda(import_cudart())
    except ImportError as error:
        msg = (
            f"the Python package cuda-python cannot be imported ({error}); "
            "run `pip install 'segnet_ros[gpu]'`"
        )
        raise InferenceError(msg) from error
