# SPDX-License-Identifier: Apache-2.0
"""The pipeline, pixel for pixel, on a network whose answers are known."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import pytest

from segnet_ros.inference import segmenter as module
from segnet_ros.inference.engine.options import EngineOptions
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import Model
from segnet_ros.inference.runtime import Prediction
from segnet_ros.inference.segmenter import Segmentation, Segmenter

Pixels = npt.NDArray[np.uint8]
COLORS = np.array([(200, 10, 20), (30, 210, 40), (50, 60, 220)], np.uint8)


class RecordingRuntime:
    """Answers zeros and remembers what was asked of it."""

    description = "recording"
    engine = None

    def __init__(self) -> None:
        self.calls: list[str] = []

    def infer(self, image: Pixels) -> Prediction:
        self.calls.append(f"infer {image.shape} {image.dtype}")
        zeros = np.zeros(image.shape[:2], np.uint8)
        return Prediction(zeros, zeros)

    def infer_all(self, images: Iterable[Pixels]) -> Iterator[Prediction]:
        """Two frames ahead, as a runtime that overlaps them."""
        ahead: deque[Pixels] = deque()
        for image in images:
            ahead.append(image)
            if len(ahead) == 2:
                yield self.infer(ahead.popleft())
        for image in ahead:
            yield self.infer(image)

    def close(self) -> None:
        self.calls.append("close")


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> RecordingRuntime:
    recording = RecordingRuntime()

    def load(model: Model, name: str, engine: EngineOptions) -> RecordingRuntime:
        recording.calls.append(f"load {model.name} {name}")
        return recording

    monkeypatch.setattr(module, "load_runtime", load)
    return recording


@pytest.fixture(scope="module")
def segmenter(channel_model: Path) -> Segmenter:
    pytest.importorskip("openvino", reason="needs openvino: pip install 'segnet_ros[cpu]'")
    return Segmenter(channel_model, "openvino")


def _noise(seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)


def _enlarge(pixels: Pixels, factor: int) -> Pixels:
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


@pytest.mark.parametrize("factor", [1, 3, 5])
def test_labels_and_confidence_at_camera_size(segmenter: Segmenter, factor: int) -> None:
    small = _noise()
    answer = segmenter.segment(_enlarge(small, factor))
    np.testing.assert_array_equal(answer.prediction.labels, small.argmax(axis=2))
    np.testing.assert_array_equal(answer.prediction.confidence, small.max(axis=2))
    np.testing.assert_array_equal(answer.labels, _enlarge(small.argmax(axis=2), factor))
    np.testing.assert_array_equal(answer.confidence, _enlarge(small.max(axis=2), factor))


def test_uncertainty_at_camera_size() -> None:
    small = _noise()[:, :, 0]
    prediction = Prediction(small, small, uncertainty=small.T.reshape(12, 16))
    answer = Segmentation(np.zeros((36, 48, 3), np.uint8), prediction, COLORS, 0.0, 0.0)
    expected = _enlarge(small.T.reshape(12, 16), 3)
    np.testing.assert_array_equal(answer.uncertainty, expected)


def test_other_models_have_no_uncertainty(segmenter: Segmenter) -> None:
    assert segmenter.segment(_noise()).uncertainty is None


def test_colors_and_overlay_at_camera_size(segmenter: Segmenter) -> None:
    small = _noise(1)
    image = _enlarge(small, 3)
    answer = segmenter.segment(image)
    color = COLORS[_enlarge(small.argmax(axis=2), 3)]
    np.testing.assert_array_equal(answer.color, color)
    np.testing.assert_array_equal(answer.overlay(0.0), image)
    np.testing.assert_array_equal(answer.overlay(1.0), color)
    mixed = 0.75 * image + 0.25 * color
    np.testing.assert_allclose(answer.overlay(0.25), mixed, rtol=0, atol=0.51)


def test_other_aspect_ratio(segmenter: Segmenter) -> None:
    """A picture of two halves, 100x30: the network sees it squeezed, the answer is stretched."""
    image = np.zeros((30, 100, 3), np.uint8)
    image[:, :50, 2] = 90
    image[:, 50:, 1] = 170
    answer = segmenter.segment(image)
    assert answer.labels.shape == answer.confidence.shape == (30, 100)
    assert (answer.labels[:, :47] == 2).all()
    assert (answer.labels[:, 53:] == 1).all()
    assert (answer.confidence[:, :43] == 90).all()
    assert (answer.confidence[:, 57:] == 170).all()


def test_answers_of_several_frames_stay_apart(segmenter: Segmenter) -> None:
    images = [_noise(seed) for seed in range(3)]
    answers = [segmenter.segment(image) for image in images]
    for image, answer in zip(images, answers, strict=True):
        np.testing.assert_array_equal(answer.labels, image.argmax(axis=2))


def test_model_and_runtime_are_told(segmenter: Segmenter, channel_model: Path) -> None:
    assert segmenter.model.name == "channel"
    assert segmenter.model.folder == channel_model
    assert segmenter.runtime.startswith("OpenVINO ")
    assert segmenter.engine is None


def test_runtime_is_chosen_warmed_up_and_closed(
    channel_model: Path, runtime: RecordingRuntime
) -> None:
    with Segmenter(channel_model, "openvino") as segmenter:
        assert segmenter.runtime == "recording"
        segmenter.segment(np.zeros((24, 32, 3), np.uint8))
    frame = "infer (12, 16, 3) uint8"
    assert runtime.calls == ["load channel openvino", frame, frame, "close"]


def test_runtime_is_closed_after_an_error(channel_model: Path, runtime: RecordingRuntime) -> None:
    with pytest.raises(KeyError), Segmenter(channel_model):
        raise KeyError
    assert runtime.calls == ["load channel auto", "infer (12, 16, 3) uint8", "close"]


def test_stages_are_timed(
    channel_model: Path, runtime: RecordingRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    segmenter = Segmenter(channel_model)
    clock = iter([10.0, 10.25, 12.0])
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    answer = segmenter.segment(np.zeros((24, 32, 3), np.uint8))
    assert answer.resize_seconds == 0.25
    assert answer.infer_seconds == 1.75


def test_many_pictures_are_answered_in_order(segmenter: Segmenter) -> None:
    small = [_noise(seed) for seed in range(5)]
    factors = [1, 3, 2, 1, 5]
    images = [_enlarge(pixels, factor) for pixels, factor in zip(small, factors, strict=True)]
    answers = list(segmenter.segment_all(iter(images)))
    assert len(answers) == 5
    for image, answer in zip(images, answers, strict=True):
        np.testing.assert_array_equal(answer.labels, image.argmax(axis=2))
        np.testing.assert_array_equal(answer.confidence, image.max(axis=2))
        assert answer.image is image


def test_no_pictures_give_no_answers(segmenter: Segmenter) -> None:
    assert list(segmenter.segment_all([])) == []


def test_overlapping_pictures_keep_their_answers(
    channel_model: Path, runtime: RecordingRuntime
) -> None:
    images = [_enlarge(_noise(seed), 2) for seed in range(4)]
    taken: list[int] = []
    source = (taken.append(index) or image for index, image in enumerate(images))
    answers = Segmenter(channel_model).segment_all(source)
    first = next(answers)
    assert taken == [0, 1]
    for image, answer in zip(images, [first, *answers], strict=True):
        assert answer.image is image


def test_a_bad_picture_among_good_ones_is_told(segmenter: Segmenter) -> None:
    answers = segmenter.segment_all([_noise(), np.zeros((12, 16), np.uint8)])
    with pytest.raises(InferenceError, match=r"expected uint8 \(height, width, 3\), RGB"):
        list(answers)


def test_times_of_many_pictures_are_what_the_caller_spent(
    channel_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock that only the stages move: the source and the caller are not charged."""
    clock = [0.0]

    def spend(seconds: float) -> None:
        clock[0] += seconds

    class SlowRuntime(RecordingRuntime):
        def infer(self, image: Pixels) -> Prediction:
            spend(7.0)
            return super().infer(image)

    def resize(image: Pixels, size: tuple[int, int]) -> Pixels:
        spend(0.25)
        return image

    def source() -> Iterator[Pixels]:
        for seed in range(4):
            spend(100.0)
            yield _noise(seed)
        spend(100.0)

    monkeypatch.setattr(module, "load_runtime", lambda model, name, engine: SlowRuntime())
    monkeypatch.setattr(module, "resize_image", resize)
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    segmenter = Segmenter(channel_model)
    answers = []
    for answer in segmenter.segment_all(source()):
        spend(1000.0)
        answers.append((answer.resize_seconds, answer.infer_seconds))
    assert answers == [(0.25, 7.0)] * 4


@pytest.mark.parametrize(
    ("ask", "resized"),
    [
        (lambda answer: None, []),
        (lambda answer: (answer.labels, answer.labels), [1]),
        (lambda answer: (answer.confidence, answer.confidence), [2]),
        (lambda answer: (answer.uncertainty, answer.uncertainty), [3]),
        (lambda answer: (answer.overlay(0.5), answer.color, answer.labels), [1]),
    ],
    ids=["nothing", "labels", "confidence", "uncertainty", "overlay"],
)
def test_only_what_is_asked_for_is_computed_and_only_once(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[[Segmentation], object], resized: list[int]
) -> None:
    seen = []

    def resize(pixels: Pixels, size: tuple[int, int]) -> Pixels:
        seen.append(int(pixels[0, 0]))
        return np.full((size[1], size[0]), pixels[0, 0], np.uint8)

    monkeypatch.setattr(module, "resize_labels", resize)
    prediction = Prediction(*(np.full((1, 1), value, np.uint8) for value in (1, 2, 3)))
    table = np.zeros((256, 1, 3), np.uint8)
    ask(Segmentation(np.zeros((4, 5, 3), np.uint8), prediction, table, 0.0, 0.0))
    assert seen == resized


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((24, 32), np.uint8),
        np.zeros((24, 32, 3), np.float32),
        np.zeros((0, 0, 3), np.uint8),
    ],
    ids=["gray", "floating point", "empty"],
)
def test_no_picture(segmenter: Segmenter, image: Pixels) -> None:
    with pytest.raises(InferenceError, match=r"expected uint8 \(height, width, 3\), RGB"):
        segmenter.segment(image)


def test_folder_and_runtime_are_checked(channel_model: Path, tmp_path: Path) -> None:
    with pytest.raises(InferenceError, match=r"no model\.yaml in"):
        Segmenter(tmp_path)
    with pytest.raises(InferenceError, match="runtime 'abacus' is unknown"):
        Segmenter(channel_model, "abacus")
