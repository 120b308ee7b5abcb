# SPDX-License-Identifier: Apache-2.0
"""Garbage of a runtime gets one clear error, good answers pass unchanged."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segnet_ros.inference import segmenter as module
from segnet_ros.inference.answers import check_answer
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import Model, load_model
from segnet_ros.inference.runtime import Prediction
from segnet_ros.inference.segmenter import Segmenter

GOOD = np.full((12, 16), 2, np.uint8)
BAD_MAPS = {
    "transposed": (GOOD.T, "uint8 (16, 12); expected uint8 (12, 16)"),
    "with a batch": (GOOD[None], "uint8 (1, 12, 16); expected uint8 (12, 16)"),
    "wider": (GOOD.astype(np.int64), "int64 (12, 16); expected uint8 (12, 16)"),
    "logits": (GOOD.astype(np.float32), "float32 (12, 16); expected uint8 (12, 16)"),
    "signed": (GOOD.astype(np.int8), "int8 (12, 16); expected uint8 (12, 16)"),
    "truth": (GOOD > 1, "bool (12, 16); expected uint8 (12, 16)"),
    "empty": (GOOD[:0], "uint8 (0, 16); expected uint8 (12, 16)"),
}
REMEDY = "; restart the program, and choose another runtime if it happens again"


class Answering:
    """A runtime that answers what it is told, after a good answer for the warm-up."""

    description = "answering"
    engine = None

    def __init__(self, *answers: Any) -> None:
        self._answers = iter([Prediction(GOOD, GOOD), *answers])
        self.closed = False

    def infer(self, image: np.ndarray) -> Any:
        return next(self._answers)

    def infer_all(self, images: Iterable[np.ndarray]) -> Iterator[Any]:
        list(images)
        return self._answers

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def model(channel_model: Path) -> Model:
    return load_model(channel_model)


@pytest.fixture
def segmenter(
    channel_model: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Answering], Segmenter]:
    def load(runtime: Answering) -> Segmenter:
        monkeypatch.setattr(module, "load_runtime", lambda *wishes: runtime)
        return Segmenter(channel_model)

    return load


@pytest.mark.parametrize("uncertainty", [None, GOOD + 250])
def test_what_the_model_can_answer_passes_as_it_is(
    model: Model, uncertainty: np.ndarray | None
) -> None:
    answer = Prediction(GOOD, GOOD + 253, uncertainty)
    assert check_answer(answer, model) is answer


@pytest.mark.parametrize("name", ["labels", "confidence", "uncertainty"])
@pytest.mark.parametrize(("values", "told"), BAD_MAPS.values(), ids=BAD_MAPS)
def test_a_map_of_another_shape_or_type(
    model: Model, name: str, values: np.ndarray, told: str
) -> None:
    maps = {"labels": GOOD, "confidence": GOOD, "uncertainty": GOOD, name: values}
    with pytest.raises(InferenceError) as caught:
        check_answer(Prediction(**maps), model)
    assert str(caught.value) == f"the runtime answered {name} as {told}{REMEDY}"


@pytest.mark.parametrize("name", ["labels", "confidence", "uncertainty"])
def test_a_map_that_is_no_array(model: Model, name: str) -> None:
    maps: dict[str, Any] = {"labels": GOOD, "confidence": GOOD, name: GOOD.tolist()}
    with pytest.raises(InferenceError, match=f"{name} of type list; expected a NumPy array"):
        check_answer(Prediction(**maps), model)


@pytest.mark.parametrize("label", [3, 254, 255])
def test_one_pixel_with_a_label_that_is_no_class(model: Model, label: int) -> None:
    labels = GOOD.copy()
    labels[11, 15] = label
    with pytest.raises(InferenceError) as caught:
        check_answer(Prediction(labels, GOOD), model)
    expected = f"labels up to {label}; expected 0..2, the classes of channel"
    assert str(caught.value) == f"the runtime answered {expected}{REMEDY}"


@pytest.mark.parametrize("answer", [None, (GOOD, GOOD), GOOD])
def test_no_prediction_at_all(model: Model, answer: Any) -> None:
    kind = type(answer).__name__
    with pytest.raises(InferenceError, match=f"of type {kind}; expected a Prediction"):
        check_answer(answer, model)


@pytest.mark.parametrize("answer", [None, Prediction(GOOD + 1, GOOD)], ids=["none", "label 3"])
def test_each_way_to_an_answer_is_checked(
    segmenter: Callable[[Answering], Segmenter], answer: Any
) -> None:
    picture = np.zeros((24, 32, 3), np.uint8)
    with pytest.raises(InferenceError, match="the runtime answered"):
        segmenter(Answering(answer)).segment(picture)
    answers = segmenter(Answering(Prediction(GOOD, GOOD), answer)).segment_all([picture] * 2)
    assert next(answers).labels.shape == (24, 32)
    with pytest.raises(InferenceError, match="the runtime answered"):
        next(answers)


@pytest.mark.parametrize(("count", "told"), [(1, "nothing for the last 2"), (4, "more often")])
def test_as_many_answers_as_pictures(
    segmenter: Callable[[Answering], Segmenter], count: int, told: str
) -> None:
    runtime = Answering(*[Prediction(GOOD, GOOD)] * count)
    answers = segmenter(runtime).segment_all([np.zeros((24, 32, 3), np.uint8)] * 3)
    with pytest.raises(InferenceError, match=f"{told}.* expected one answer for each picture"):
        list(answers)


def test_a_wrong_first_answer_frees_the_runtime(channel_model: Path, monkeypatch: Any) -> None:
    runtime = Answering()
    runtime.infer = lambda image: Prediction(GOOD.T, GOOD)  # type: ignore[method-assign]
    monkeypatch.setattr(module, "load_runtime", lambda *wishes: runtime)
    with pytest.raises(InferenceError, match="labels as uint8"):
        Segmenter(channel_model)
    assert runtime.closed
