# SPDX-License-Identifier: Apache-2.0
"""Work that was queued once and is launched again as one piece."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from segnet_ros.inference.engine.cuda import Cuda
from segnet_ros.inference.engine.streams import Stream
from segnet_ros.inference.errors import InferenceError


class CudaGraph:
    """A recording of what a function queues; the function's work itself does not run.

    Args:
        cuda: The runtime API.
        owned: Destroys it when closed.
        stream: What `work` queues on.
        work: Queues on that stream and does nothing else.

    Raises:
        InferenceError: the work cannot be recorded; the stream can be used as before.

    """

    def __init__(
        self, cuda: Cuda, owned: ExitStack, stream: Stream, work: Callable[[Stream], None]
    ) -> None:
        self._cuda = cuda
        recorded = _record(cuda, stream, work)
        try:
            self._graph = cuda.call("cudaGraphInstantiateWithFlags", recorded, 0)
        finally:
            cuda.call("cudaGraphDestroy", recorded)
        owned.callback(cuda.call, "cudaGraphExecDestroy", self._graph)

    def launch(self, stream: Stream) -> None:
        """Queue the recorded work."""
        self._cuda.call("cudaGraphLaunch", self._graph, stream.handle)


def _record(cuda: Cuda, stream: Stream, work: Callable[[Stream], None]) -> Any:
    # Other threads may go on allocating meanwhile; this one only queues.
    mode = cuda.cudart.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
    cuda.call("cudaStreamBeginCapture", stream.handle, mode)
    try:
        work(stream)
    except InferenceError:
        _end_in_vain(cuda, stream)
        raise
    return cuda.call("cudaStreamEndCapture", stream.handle)


def _end_in_vain(cuda: Cuda, stream: Stream) -> None:
    """Bring the stream back to work; what was recorded before the failure is thrown away."""
    _, recorded = cuda.cudart.cudaStreamEndCapture(stream.handle)
    if recorded is not None:
        cuda.call("cudaGraphDestroy", recorded)
