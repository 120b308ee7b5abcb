# SPDX-License-Identifier: Apache-2.0
"""The gate that every engine passes before it is used: frames whose labels are known."""

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np
import numpy.typing as npt

from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import Model, read_verified
from segnet_ros.inference.runtime import Prediction

Pixels = npt.NDArray[np.uint8]

_TOLERANCE = 0.01
"""How far agreement on the GPU may lie below that of the same graph on a CPU."""


@dataclass(frozen=True)
class GoldenFrames:
    """Frames, and what model.onnx in float32 says about them.

    Attributes:
        images: uint8 [K, H, W, 3] RGB at the model's size.
        labels: uint8 [K, H, W], class ids.

    """

    images: Pixels
    labels: Pixels


def read_golden(model: Model) -> GoldenFrames:
    """The golden frames of a model.

    Raises:
        InferenceError: it was exported without, or they are damaged, altered or of another size.

    """
    if model.golden is None:
        msg = (
            f"{model.name} has no golden frames, so no engine of it can be checked; "
            "export the model again"
        )
        raise InferenceError(msg)
    path = model.folder / model.golden.file
    content = read_verified(path, model.golden.sha256)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            images, labels = arrays["images"], arrays["labels"]
    except (AttributeError, EOFError, KeyError, OSError, ValueError, zipfile.BadZipFile) as error:
        msg = f"{path} holds no images and labels ({error}); export the model again"
        raise InferenceError(msg) from error
    width, height = model.size
    _check(images, (height, width, 3), f"{path}: images")
    _check(labels, (height, width), f"{path}: labels")
    if len(images) != len(labels):
        msg = (
            f"{path} holds {len(images)} images and {len(labels)} labels; expected as many; "
            "export the model again"
        )
        raise InferenceError(msg)
    return GoldenFrames(images, labels)


def check_engine(
    infer_all: Callable[[Iterable[Pixels]], Iterator[Prediction]],
    golden: GoldenFrames,
    model: Model,
    precision: str,
    batch: int,
    built: str,
) -> float:
    """Refuse an engine whose labels differ from model.onnx's by more than the graph's own do.

    Args:
        infer_all: Runs the engine, see `Runtime.infer_all`.
        golden: Of the model; repeated until they fill whole batches.
        model: What the engine was built from.
        precision: That was asked for.
        batch: Frames per inference at most.
        built: What it really consists of, in words.

    Returns:
        Agreement: share of the pixels that get model.onnx's label, 0..1.

    Raises:
        InferenceError: agreement is below the bound.

    """
    bound = model.engine_graphs[precision].agreement - _TOLERANCE
    batches = -(-len(golden.images) // batch)
    agreement = _agreement(infer_all, golden, batches * batch)
    if agreement < bound:
        msg = (
            f"the {precision} engine of {model.name} gives model.onnx's label on {agreement:.4f} "
            f"of the golden frames' pixels; expected at least {bound:.4f}; really built were "
            f"{built}; run `segnet build-engine {model.folder} --precision {precision} --rebuild`, "
            "or use another precision"
        )
        raise InferenceError(msg)
    return agreement


def _agreement(
    infer_all: Callable[[Iterable[Pixels]], Iterator[Prediction]],
    golden: GoldenFrames,
    count: int,
) -> float:
    predictions = infer_all(islice(cycle(golden.images), count))
    expected = islice(cycle(golden.labels), count)
    agreed = [
        float(np.mean(prediction.labels == labels))
        for prediction, labels in zip(predictions, expected, strict=True)
    ]
    return float(np.mean(agreed))


def _check(array: npt.NDArray[np.generic], shape: tuple[int, ...], what: str) -> None:
    if array.dtype != np.uint8 or array.shape[1:] != shape or not len(array):
        msg = (
            f"{what} are {array.dtype} {array.shape}; expected at least one of uint8 {shape}; "
            "export the model again"
        )
        raise InferenceError(msg)
