# SPDX-License-Identifier: Apache-2.0
"""One way to run an engine: so many frames, in this place of the memory."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from segnet_ros.inference.engine.cuda import Cuda
from segnet_ros.inference.engine.cuda_graph import CudaGraph
from segnet_ros.inference.engine.device_engine import DeviceEngine
from segnet_ros.inference.engine.streams import Stream
from segnet_ros.inference.errors import InferenceError


class Execution:
    """A context that never changes, and the CUDA graph of it.

    Args:
        engine: What it runs.
        cuda: The runtime API.
        owned: Frees everything when closed.
        count: Frames per inference.
        addresses: See `DeviceEngine.create_context`.

    Attributes:
        without_graph: Why every inference is queued kernel by kernel; empty if it is not.

    """

    def __init__(
        self,
        engine: DeviceEngine,
        cuda: Cuda,
        owned: ExitStack,
        count: int,
        addresses: Mapping[str, int],
    ) -> None:
        self._engine = engine
        self._cuda = cuda
        self._owned = owned
        self._context: Any = engine.create_context(count, addresses)
        owned.callback(self._forget)
        self._graph: CudaGraph | None = None
        self.without_graph = ""

    def enqueue(self, stream: Stream) -> None:
        """Queue an inference."""
        if self._graph:
            self._graph.launch(stream)
        else:
            self._enqueue_kernels(stream)

    def capture(self, stream: Stream) -> None:
        """Record the graph; to be called after the first `enqueue`, which TensorRT needs."""
        if self._graph or self.without_graph:
            return
        try:
            self._graph = CudaGraph(self._cuda, self._owned, stream, self._enqueue_kernels)
        except InferenceError as error:
            self.without_graph = str(error).partition(";")[0]
            self._cuda.forget_error()

    def _enqueue_kernels(self, stream: Stream) -> None:
        self._engine.enqueue(self._context, int(stream.handle))

    def _forget(self) -> None:
        self._context = None
