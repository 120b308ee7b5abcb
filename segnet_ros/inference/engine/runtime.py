# SPDX-License-Identifier: Apache-2.0
"""TensorRT on an NVIDIA GPU: frames that overlap, and what happens when the GPU fails."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from segnet_ros.inference.engine.golden import check_engine, read_golden
from segnet_ros.inference.engine.machine import Machine, find_machine
from segnet_ros.inference.engine.options import EngineOptions
from segnet_ros.inference.engine.pipeline import Pipeline, overlapped
from segnet_ros.inference.engine.slots import Slot
from segnet_ros.inference.engine.status import EngineStatus
from segnet_ros.inference.engine.supply import obtain_engine
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import Model
from segnet_ros.inference.runtime import Prediction

Pixels = npt.NDArray[np.uint8]


class TensorRtRuntime:
    """See `Runtime`. Refuses engines that fail on the model's golden frames.

    When the GPU fails, everything on it is freed and loaded again, once, and the frame is run
    again. If that fails too, this frame and all later ones raise the same InferenceError.

    Args:
        model: From `load_model`.
        options: What engine.
        machine: Where it runs; None is this machine.
        cuda_graphs: Whether to use CUDA graphs, for comparisons.

    Attributes:
        recoveries: How often the GPU failed and was set up anew.

    Raises:
        InferenceError: TensorRT, the GPU or a usable engine is missing, or the engine is refused.

    """

    def __init__(
        self,
        model: Model,
        options: EngineOptions,
        machine: Machine | None = None,
        cuda_graphs: bool = True,
    ) -> None:
        self._model = model
        self._options = options
        self._cuda_graphs = cuda_graphs
        self._machine = machine or find_machine()
        self._golden = read_golden(model)
        self._engine = obtain_engine(
            model, options, self._machine.api, self._machine.gpu, self._machine.jetson
        )
        self._failure = ""
        self._timings: Mapping[str, float] = {}
        self.recoveries = 0
        self._pipeline = self._load()

    @property
    def description(self) -> str:
        """See `Runtime.description`. Says what was really built, and if CUDA graphs fail."""
        machine = self._machine
        words = f"{machine.api.name} {machine.gpu.name} {self._options.precision}"
        without = self._pipeline.without_graph
        return f"{words} ({self._built}){without and f', no CUDA graph: {without}'}"

    @property
    def engine(self) -> EngineStatus:
        """See `Runtime.engine`."""
        return EngineStatus(
            fingerprint=self._engine.fingerprint,
            layers=self._built,
            agreement=self._agreement,
            gpu_memory=self.gpu_memory,
            timings=self.timings,
            recoveries=self.recoveries,
            failure=self._failure,
        )

    @property
    def timings(self) -> Mapping[str, float]:
        """Milliseconds of the last inference (of a whole batch) by stage, on the GPU's clock.

        h2d, compute and d2h; only compute where the GPU shares the host's memory.
        """
        return self._timings

    @property
    def gpu_memory(self) -> int:
        """Bytes of GPU memory for frames, outputs and intermediate results.

        The weights, about as large as the engine's file, are not in it: not every version of
        TensorRT tells them.
        """
        return 0 if self._failure else self._pipeline.memory

    def infer(self, image: Pixels) -> Prediction:
        """See `Runtime.infer`."""
        slot = self._take(1)
        try:
            slot.fill([image])
            slot.start()
            return self._answer(slot)[0]
        finally:
            slot.release()

    def infer_all(self, images: Iterable[Pixels]) -> Iterator[Prediction]:
        """See `Runtime.infer_all`. Frames are copied as they come, up to two batches ahead."""
        return overlapped(images, self._options.batch, self._take, self._answer)

    def close(self) -> None:
        """See `Runtime.close`."""
        if not self._failure:
            self._failure = "the runtime is closed; load the model again"
            _dispose(self._pipeline)

    @property
    def _built(self) -> str:
        return str(self._engine.facts["layers"])

    def _take(self, capacity: int) -> Slot:
        if self._failure:
            raise InferenceError(self._failure)
        return self._pipeline.take(capacity)

    def _answer(self, slot: Slot) -> list[Prediction]:
        # Detached are frames that were under way while others made the GPU be set up anew.
        if not slot.is_detached:
            try:
                return self._finish(slot)
            except InferenceError as error:
                self._recover(error)
        return self._run_again(slot)

    def _run_again(self, failed: Slot) -> list[Prediction]:
        slot = self._take(failed.count)
        slot.fill(failed.frames)
        slot.start()
        try:
            return self._finish(slot)
        except InferenceError as error:
            _dispose(self._pipeline)
            self._give_up(f"{_fact(error)}, again after the GPU was set up anew")

    def _finish(self, slot: Slot) -> list[Prediction]:
        predictions = slot.finish()
        self._timings = slot.timings
        return predictions

    def _recover(self, error: InferenceError) -> None:
        if lost := _dispose(self._pipeline):
            self._give_up(f"{_fact(error)}; the GPU is lost to this process: {lost}")
        try:
            self._pipeline = self._load()
        except InferenceError as again:
            self._give_up(f"{_fact(error)}; setting up the GPU anew failed: {_fact(again)}")
        self.recoveries += 1

    def _give_up(self, why: str) -> NoReturn:
        self._failure = f"{why}; restart the program"
        raise InferenceError(self._failure)

    def _load(self) -> Pipeline:
        batch = self._options.batch
        pipeline = Pipeline(self._machine, self._engine.plan, self._model, batch, self._cuda_graphs)

        def infer_all(images: Iterable[Pixels]) -> Iterator[Prediction]:
            return overlapped(images, batch, pipeline.take, Slot.finish)

        try:
            self._agreement = check_engine(
                infer_all, self._golden, self._model, self._options.precision, batch, self._built
            )
        except BaseException:
            _dispose(pipeline)
            raise
        return pipeline


def _dispose(pipeline: Pipeline) -> str:
    """Free a pipeline, or abandon it; the answer is why it must be, empty if it need not."""
    try:
        pipeline.finish()
    except InferenceError as error:
        pipeline.abandon()
        return _fact(error)
    with suppress(InferenceError):
        pipeline.close()
    return ""


def _fact(error: InferenceError) -> str:
    """What happened, without the remedy."""
    return str(error).partition(";")[0]
