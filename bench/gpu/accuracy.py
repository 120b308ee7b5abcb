# SPDX-License-Identifier: Apache-2.0
"""Whether an engine answers as model.onnx does, and is as right."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from packed_data import Pixels, read_answers, read_images, read_truth

from segnet_ros.evaluation.metrics import confusion_matrix, scores
from segnet_ros.inference.engine.options import EngineOptions
from segnet_ros.inference.engine.runtime import TensorRtRuntime
from segnet_ros.inference.model import Model

_BATCH = 4


def check_accuracy(model: Model, precision: str, data: Path, cache: Path) -> Mapping[str, Any]:
    """Compare a model's engines with model.onnx and with the truth, on packed frames.

    Two engines are asked: one frame at a time, and batches by `infer_all`.

    Raises:
        InferenceError: see `TensorRtRuntime`.

    """
    images, truth = read_images(data), read_truth(data)
    reference = read_answers(model)
    options = EngineOptions(precision=precision, cache=cache, build=True)
    with closing(TensorRtRuntime(model, options)) as runtime:
        built = runtime.description
        single = [runtime.infer(image).labels for image in images]
    options = EngineOptions(precision=precision, batch=_BATCH, cache=cache, build=True)
    with closing(TensorRtRuntime(model, options)) as runtime:
        batched = [prediction.labels for prediction in runtime.infer_all(images)]
    return compare(single, batched, reference, truth, len(model.classes)) | {"built": built}


def compare(
    single: Sequence[Pixels],
    batched: Sequence[Pixels],
    reference: Pixels,
    truth: Sequence[Pixels],
    classes: int,
) -> dict[str, Any]:
    """Agreement with the reference and mIoU, fractions 0..1; labels uint8 [H, W] each."""
    return {
        "frames": len(truth),
        "agreement": float(np.mean(np.stack(single) == reference)),
        "batched_agreement": float(np.mean(np.stack(batched) == reference)),
        "miou": _miou(single, truth, classes),
        "reference_miou": _miou(reference, truth, classes),
    }


def _miou(answers: Iterable[Pixels], truth: Sequence[Pixels], classes: int) -> float:
    pairs = zip(truth, answers, strict=True)
    return scores(sum(confusion_matrix(t, answer, classes) for t, answer in pairs)).miou  # type: ignore[arg-type]
