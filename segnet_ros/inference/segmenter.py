# SPDX-License-Identifier: Apache-2.0
"""The pipeline, from a camera image to labels. Node, command line and evaluation all run this."""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from segnet_ros.inference.answers import check_answer, refuse_answer
from segnet_ros.inference.engine.options import DEFAULT_ENGINE, EngineOptions
from segnet_ros.inference.engine.status import EngineStatus
from segnet_ros.inference.model import Model, load_model
from segnet_ros.inference.postprocessing import resize_labels
from segnet_ros.inference.preprocessing import resize_image
from segnet_ros.inference.runtime import Prediction, load_runtime
from segnet_ros.inference.visualization import blend, color_table, colorize

Pixels = npt.NDArray[np.uint8]

_END = object()


class Segmenter:
    """A model, loaded and warm. Not thread-safe: one caller at a time.

    Args:
        folder: Of model.yaml and model.onnx.
        runtime: See `load_runtime`.
        engine: See `load_runtime`.

    Raises:
        InferenceError: the folder or the runtime cannot be used.

    """

    def __init__(
        self, folder: Path, runtime: str = "auto", engine: EngineOptions = DEFAULT_ENGINE
    ) -> None:
        self.model: Model = load_model(folder)
        self._runtime = load_runtime(self.model, runtime, engine)
        self._colors = color_table(self.model.classes)
        try:
            self._bayesian = self._warm_up().uncertainty is not None
        except Exception:  # whatever a library raises, what it holds is freed
            self._runtime.close()
            raise

    @property
    def runtime(self) -> str:
        """The runtime in one line: library, version, device, precision."""
        return self._runtime.description

    @property
    def bayesian(self) -> bool:
        """Whether the model tells its uncertainty."""
        return self._bayesian

    @property
    def engine(self) -> EngineStatus | None:
        """See `Runtime.engine`."""
        return self._runtime.engine

    def segment(self, image: Pixels) -> "Segmentation":
        """Segment one picture, uint8 [H, W, 3] RGB of any size.

        Raises:
            InferenceError: it is no such picture, or the runtime fails.

        """
        started = time.perf_counter()
        network_input = resize_image(image, self.model.size)
        resized = time.perf_counter()
        prediction = check_answer(self._runtime.infer(network_input), self.model)
        inferred = time.perf_counter()
        return Segmentation(image, prediction, self._colors, resized - started, inferred - resized)

    def segment_all(self, images: Iterable[Pixels]) -> Iterator["Segmentation"]:
        """Segment many pictures in order, overlapping them where the runtime can.

        Args:
            images: As for `segment`; some are taken before the first answer is given.

        Raises:
            InferenceError: see `segment`; answers still under way are lost.

        """
        inputs = _NetworkInputs(images, self.model.size)
        predictions = self._runtime.infer_all(inputs)
        while True:
            started, feeding = time.perf_counter(), inputs.seconds
            answer = next(predictions, _END)
            waited = time.perf_counter() - started - (inputs.seconds - feeding)
            if answer is _END:
                break
            prediction = check_answer(answer, self.model)
            image, resizing = inputs.take()
            yield Segmentation(image, prediction, self._colors, resizing, waited)
        inputs.check_answered()

    def close(self) -> None:
        """Free the runtime."""
        self._runtime.close()

    def __enter__(self) -> "Segmenter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _warm_up(self) -> Prediction:
        width, height = self.model.size
        first = self._runtime.infer(np.zeros((height, width, 3), np.uint8))
        return check_answer(first, self.model)


@dataclass(frozen=True)
class Segmentation:
    """The answer for one picture. What is not asked for is not computed.

    Attributes:
        image: The picture, uint8 [H, W, 3] RGB.
        prediction: At the network's size.
        colors: The model's `color_table`.
        resize_seconds: Time taken to bring the picture to the network's size.
        infer_seconds: Time taken by the network; of `segment_all`, the time that the caller waited
            for it, which is less where the picture overlapped others.

    """

    image: Pixels
    prediction: Prediction
    colors: Pixels
    resize_seconds: float
    infer_seconds: float

    @cached_property
    def labels(self) -> Pixels:
        """Class ids at the picture's size, uint8 [H, W]."""
        return resize_labels(self.prediction.labels, self._size)

    @cached_property
    def confidence(self) -> Pixels:
        """Probability of the label at the picture's size, uint8 [H, W], 255 = certain."""
        return resize_labels(self.prediction.confidence, self._size)

    @cached_property
    def uncertainty(self) -> Pixels | None:
        """How far samples differ at the picture's size, uint8 [H, W], 0 = not at all.

        None unless the model is Bayesian; see `Prediction`.
        """
        uncertainty = self.prediction.uncertainty
        return None if uncertainty is None else resize_labels(uncertainty, self._size)

    @cached_property
    def color(self) -> Pixels:
        """Class colours at the picture's size, uint8 [H, W, 3] RGB."""
        return colorize(self.labels, self.colors)

    def overlay(self, alpha: float) -> Pixels:
        """The picture under its class colours, uint8 [H, W, 3] RGB; alpha 0..1."""
        return blend(self.image, self.color, alpha)

    @property
    def _size(self) -> tuple[int, int]:
        return self.image.shape[1], self.image.shape[0]


class _NetworkInputs:
    """Pictures at the network's size, made as the runtime asks for them.

    Attributes:
        seconds: Time spent here, in the runtime's calls: on resizing, and by the source.

    """

    def __init__(self, images: Iterable[Pixels], size: tuple[int, int]) -> None:
        self._images = images
        self._size = size
        self._taken: deque[tuple[Pixels, float]] = deque()
        self.seconds = 0.0

    def __iter__(self) -> Iterator[Pixels]:
        asked = time.perf_counter()
        for image in self._images:
            started = time.perf_counter()
            network_input = resize_image(image, self._size)
            resized = time.perf_counter()
            self._taken.append((image, resized - started))
            self.seconds += resized - asked
            yield network_input
            asked = time.perf_counter()
        self.seconds += time.perf_counter() - asked

    def take(self) -> tuple[Pixels, float]:
        """The picture whose answer is due, with the seconds that resizing took.

        Raises:
            InferenceError: there is none, the runtime gave an answer too many.

        """
        if not self._taken:
            refuse_answer("more often than it was asked", "one answer for each picture")
        return self._taken.popleft()

    def check_answered(self) -> None:
        """Nothing comes any more; InferenceError if an answer is due."""
        if self._taken:
            received = f"nothing for the last {len(self._taken)} pictures"
            refuse_answer(received, "one answer for each picture")
