# SPDX-License-Identifier: Apache-2.0
"""A place on the GPU for the frames of one inference, from picture to prediction."""

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segnet_ros.inference.engine.buffers import Buffer, allocate
from segnet_ros.inference.engine.cuda import Cuda
from segnet_ros.inference.engine.device_engine import DeviceEngine
from segnet_ros.inference.engine.execution import Execution
from segnet_ros.inference.engine.interface import INPUT
from segnet_ros.inference.engine.layout import OutputLayout
from segnet_ros.inference.engine.streams import Stage, Streams
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.runtime import Prediction

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Equipment:
    """What the slots of an engine share.

    Attributes:
        cuda: The runtime API.
        owned: Frees everything when closed.
        streams: In which all slots queue.
        mapped: Whether the GPU works in the host's memory.
        captures: Whether to record CUDA graphs.

    """

    cuda: Cuda
    owned: ExitStack
    streams: Streams
    mapped: bool
    captures: bool


class Slot:
    """Buffers, marks and contexts for up to `capacity` frames, one inference at a time.

    `reserve` it, `fill`, `start`, and `finish` for the predictions; between the last two, another
    slot can be filled and started. What fails in `start` is raised by `finish`, in order with the
    frames.

    Args:
        engine: What it runs.
        shared: With the engine's other slots.
        size: (width, height) of a frame, pixels.
        capacity: Frames at most.

    Attributes:
        capacity: See above.
        count: Frames in it.
        is_busy: Whether it is reserved and not yet finished.
        is_detached: Whether the GPU's part of it is gone; the frames are still there.

    """

    def __init__(
        self, engine: DeviceEngine, shared: Equipment, size: tuple[int, int], capacity: int
    ) -> None:
        width, height = size
        self._engine = engine
        self._shared = shared
        self._frame = (height, width, 3)
        self._layout = OutputLayout(engine.outputs, (height, width))
        self._input = self._allocate(capacity * height * width * 3)
        self._output = self._allocate(self._layout.size(capacity))
        self._images = self._input.array.reshape(capacity, *self._frame)
        shared.owned.callback(self.detach)
        self._stages = self._create_stages()
        self._executions: dict[int, Execution] = {}
        self._failure: InferenceError | None = None
        self.capacity = capacity
        self.count = 0
        self.is_busy = False
        self.is_detached = False

    @property
    def frames(self) -> Pixels:
        """Those that were taken, uint8 [count, H, W, 3] RGB."""
        return self._images[: self.count]

    @property
    def timings(self) -> dict[str, float]:
        """Milliseconds of the finished inference by stage: h2d, compute, d2h.

        Without the copies where there are none.
        """
        return {name: stage.milliseconds for name, stage in self._stages.items()}

    @property
    def buffer_bytes(self) -> int:
        """Memory of the GPU that its frames and outputs take."""
        return self._input.array.size + self._output.array.size

    @property
    def without_graph(self) -> str:
        """Why a CUDA graph could not be used; empty if all could."""
        reasons = (execution.without_graph for execution in self._executions.values())
        return next(filter(None, reasons), "")

    def reserve(self) -> None:
        """Begin anew, without frames.

        An answer that nobody waited for may still be under way. It is spoiled then, but the next
        one is not: the streams do one after the other.
        """
        self.count = 0
        self._failure = None
        self.is_busy = True

    def release(self) -> None:
        """Let others reserve it."""
        self.is_busy = False

    def fill(self, images: Iterable[Pixels]) -> None:
        """Take frames, uint8 [H, W, 3] RGB each; they are copied.

        Raises:
            InferenceError: one has another size.

        """
        for image in images:
            self._put(image)

    def start(self) -> None:
        """Queue the inference of the frames."""
        try:
            if not self.is_detached:
                self._queue()
        except InferenceError as error:
            self._failure = error

    def finish(self) -> list[Prediction]:
        """Wait for the predictions of the frames, in their order.

        Raises:
            InferenceError: something failed since `start`, or takes too long.

        """
        self.release()
        if self._failure:
            raise self._failure
        list(self._stages.values())[-1].end.wait()
        return list(self._layout.predictions(self._output.array, self.count))

    def detach(self) -> None:
        """Let go of the GPU, but keep the frames: they may have to be run again elsewhere."""
        self._images = self._images.copy()
        self.is_detached = True

    def _put(self, image: Pixels) -> None:
        if image.shape != self._frame or image.dtype != np.uint8:
            msg = f"the network got {image.dtype} {image.shape}; expected uint8 {self._frame}"
            raise InferenceError(msg)
        self._images[self.count] = image
        self.count += 1

    def _queue(self) -> None:
        execution = self._execution()
        self._upload()
        with self._stages["compute"].marked() as stream:
            execution.enqueue(stream)
        self._download()
        if self._shared.captures:
            execution.capture(stream)

    def _upload(self) -> None:
        if not self._input.needs_copies:
            return
        with self._stages["h2d"].marked() as stream:
            self._input.upload(self.frames.size, stream)
        self._shared.streams.compute.wait_for(self._stages["h2d"].end)

    def _download(self) -> None:
        if not self._output.needs_copies:
            return
        self._shared.streams.download.wait_for(self._stages["compute"].end)
        with self._stages["d2h"].marked() as stream:
            self._output.download(self._layout.size(self.count), stream)

    def _execution(self) -> Execution:
        """The one for as many frames."""
        if self.count not in self._executions:
            offsets = self._layout.offsets(self.count)
            outputs = {name: self._output.address + offset for name, offset in offsets.items()}
            addresses = {INPUT: self._input.address, **outputs}
            self._executions[self.count] = Execution(
                self._engine, self._shared.cuda, self._shared.owned, self.count, addresses
            )
        return self._executions[self.count]

    def _allocate(self, size: int) -> Buffer:
        return allocate(self._shared.cuda, self._shared.owned, size, self._shared.mapped)

    def _create_stages(self) -> dict[str, Stage]:
        """In the order in which they run."""
        streams = self._shared.streams
        copies = {"h2d": streams.upload, "compute": streams.compute, "d2h": streams.download}
        used = copies if self._input.needs_copies else {"compute": streams.compute}
        return {k: Stage(self._shared.cuda, self._shared.owned, used[k]) for k in used}
