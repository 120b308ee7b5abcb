# SPDX-License-Identifier: Apache-2.0
"""What a runtime answers is checked before anything is made of it."""

from typing import Any, NoReturn

import numpy as np

from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import Model
from segnet_ros.inference.runtime import Prediction

_REMEDY = "restart the program, and choose another runtime if it happens again"


def check_answer(answer: Any, model: Model) -> Prediction:
    """The answer itself, if it is one that the model can give.

    Args:
        answer: What the runtime gave for one frame.
        model: The one that it runs.

    Raises:
        InferenceError: it is no `Prediction`, a map is not uint8 [H, W] of the model's size, or a
            label is none of the model's classes.

    """
    if not isinstance(answer, Prediction):
        refuse_answer(f"an object of type {type(answer).__name__}", "a Prediction")
    _check_map("labels", answer.labels, model)
    _check_map("confidence", answer.confidence, model)
    if answer.uncertainty is not None:
        _check_map("uncertainty", answer.uncertainty, model)
    largest = int(answer.labels.max())
    if largest >= len(model.classes):
        expected = f"0..{len(model.classes) - 1}, the classes of {model.name:.100}"
        refuse_answer(f"labels up to {largest}", expected)
    return answer


def refuse_answer(received: str, expected: str) -> NoReturn:
    """Raise the InferenceError that tells of a wrong answer."""
    msg = f"the runtime answered {received}; expected {expected}; {_REMEDY}"
    raise InferenceError(msg)


def _check_map(name: str, values: Any, model: Model) -> None:
    width, height = model.size
    if not isinstance(values, np.ndarray):
        refuse_answer(f"{name} of type {type(values).__name__}", "a NumPy array")
    if values.dtype != np.uint8 or values.shape != (height, width):
        received = f"{name} as {values.dtype} {values.shape}"
        refuse_answer(received, f"uint8 ({height}, {width})")
