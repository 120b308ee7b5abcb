# SPDX-License-Identifier: Apache-2.0
"""The gate that every engine passes before it is used: frames whose labels are known."""

import io
import math
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np
import numpy.typing as npt

from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.excerpts import one_line, shown
from segnet_ros.inference.model import Model, read_verified
from segnet_ros.inference.runtime import Prediction

Pixels = npt.NDArray[np.uint8]

_MOST_FRAMES = 64
_HEADER_BYTES = 1024
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
    width, height = model.size
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            images = _read_array(archive, "images", (height, width, 3))
            labels = _read_array(archive, "labels", (height, width))
    except Exception as error:  # archives and arrays have a dozen ways to be damaged
        reason = one_line(error) or type(error).__name__
        msg = f"{path} holds no images and labels ({reason}); export the model again"
        raise InferenceError(msg) from error
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


def _read_array(archive: zipfile.ZipFile, name: str, shape: tuple[int, ...]) -> Pixels:
    """An array of the archive; neither may claim more than is expected."""
    most = _MOST_FRAMES * math.prod(shape)
    with archive.open(f"{name}.npy") as file:
        content = file.read(_HEADER_BYTES + most + 1)
    header = io.BytesIO(content[:_HEADER_BYTES])
    np.lib.format.read_magic(header)
    found, is_fortran, kind = np.lib.format.read_array_header_1_0(header, _HEADER_BYTES)
    frames = found[0] if found else 0
    data = content[header.tell() :]
    if kind != np.uint8 or is_fortran or found[1:] != shape or not 0 < frames <= _MOST_FRAMES:
        msg = f"{name} are {kind} {shown(found)}; expected 1..{_MOST_FRAMES} of uint8 {shape}"
        raise ValueError(msg)
    return np.frombuffer(data, np.uint8).reshape(found)
