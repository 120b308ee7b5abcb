# SPDX-License-Identifier: Apache-2.0
"""Everything of one model that lives on the GPU, and frames that overlap in it."""

import ctypes
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import islice

import numpy as np
import numpy.typing as npt

from segnet_ros.inference.engine.device_engine import DeviceEngine
from segnet_ros.inference.engine.machine import Machine
from segnet_ros.inference.engine.slots import Equipment, Slot
from segnet_ros.inference.engine.streams import Streams
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import Model
from segnet_ros.inference.runtime import Prediction

Pixels = npt.NDArray[np.uint8]

_DEPTH = 2
"""Inferences in flight: while one computes, the next is copied."""


class Pipeline:
    """An engine with its streams and slots.

    Args:
        machine: Where it runs.
        plan: Content of a trusted engine file.
        model: What that was built from.
        batch: What it was built for.
        cuda_graphs: Whether to use CUDA graphs.

    Raises:
        InferenceError: TensorRT refuses the plan, it is another model's, or memory is short.

    """

    def __init__(
        self, machine: Machine, plan: bytes, model: Model, batch: int, cuda_graphs: bool
    ) -> None:
        self._owned = ExitStack()
        try:
            self._set_up(machine, plan, model, batch, cuda_graphs)
        except BaseException:
            self._owned.close()
            raise

    def _set_up(
        self, machine: Machine, plan: bytes, model: Model, batch: int, cuda_graphs: bool
    ) -> None:
        cuda, owned = machine.cuda, self._owned
        self._streams = Streams.create(cuda, owned)
        self._engine = DeviceEngine(machine.api, cuda, owned, plan, model, batch, cuda_graphs)
        captures = cuda_graphs and not self._engine.makes_graphs
        shared = Equipment(cuda, owned, self._streams, machine.gpu.integrated, captures)
        self._slots = [
            Slot(self._engine, shared, model.size, capacity) for capacity in (1, batch, batch)
        ]

    @property
    def memory(self) -> int:
        """Bytes of GPU memory for frames, outputs and intermediate results."""
        return self._engine.memory + sum(slot.buffer_bytes for slot in self._slots)

    @property
    def without_graph(self) -> str:
        """Why a CUDA graph could not be used; empty if all could."""
        return next(filter(None, (slot.without_graph for slot in self._slots)), "")

    def take(self, capacity: int) -> Slot:
        """An empty slot for so many frames.

        Raises:
            InferenceError: all are in use.

        """
        for slot in self._slots:
            if slot.capacity >= capacity and not slot.is_busy:
                slot.reserve()
                return slot
        msg = "another infer_all is running; exhaust or close that iterator first"
        raise InferenceError(msg)

    def finish(self) -> None:
        """Wait until the GPU is idle.

        Raises:
            InferenceError: it does not answer, or the process has lost it.

        """
        self._streams.finish()

    def close(self) -> None:
        """Free everything, in the reverse order of its making; the GPU must be idle."""
        self._owned.close()

    def abandon(self) -> None:
        """Never free anything.

        On a hung GPU that would hang too, on a lost one it may end the process.
        """
        # Python's own end would free it otherwise.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))


def overlapped(
    images: Iterable[Pixels],
    batch: int,
    take: Callable[[int], Slot],
    answer: Callable[[Slot], list[Prediction]],
) -> Iterator[Prediction]:
    """Infer frames in order, `batch` at a time, the last ones with what is left.

    Args:
        images: uint8 [H, W, 3] RGB each; copied as soon as it comes.
        batch: Frames per inference.
        take: Gives an empty slot.
        answer: Waits for a started slot.

    """
    remaining = iter(images)
    running: deque[Slot] = deque()
    try:
        while _start_next(remaining, batch, take, running):
            if len(running) == _DEPTH:
                yield from answer(running.popleft())
        while running:
            yield from answer(running.popleft())
    finally:
        for slot in running:
            slot.release()


def _start_next(
    remaining: Iterator[Pixels], batch: int, take: Callable[[int], Slot], running: deque[Slot]
) -> bool:
    """Start the next batch; False if there is none."""
    running.append(take(batch))
    running[-1].fill(islice(remaining, batch))
    if not running[-1].count:
        running.pop().release()
        return False
    running[-1].start()
    return True
