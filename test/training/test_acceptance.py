# SPDX-License-Identifier: Apache-2.0

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segnet_ros.datasets.camvid import CAMVID
from segnet_ros.datasets.frames import DatasetError
from segnet_ros.datasets.layouts import find_frames
from segnet_ros.inference.engine.golden import GoldenFrames
from segnet_ros.inference.files import write_image
from segnet_ros.inference.model import EngineGraph, SegmentationClass
from segnet_ros.training import acceptance
from segnet_ros.training.acceptance import (
    Exam,
    accept,
    data_exam,
    graph_file,
    in_words,
    rendered_exam,
    spread,
)
from segnet_ros.training.errors import ExportError
from segnet_ros.training.graph_labels import Labeller
from segnet_ros.training.rendered_frames import Frame

Pixels = np.ndarray
SIZE = (16, 12)
OTHERS = (SegmentationClass("free", (0, 200, 0)), SegmentationClass("taken", (200, 0, 0)))


class FakeReference:
    """Tells the red value, and is certain where there is no green."""

    def labels(self, image: Pixels) -> Pixels:
        return image[..., 0]

    def certain_labels(self, image: Pixels) -> Pixels:
        return np.where(image[..., 1] > 0, 255, image[..., 0]).astype(np.uint8)


def picture(red: Pixels, green: int = 0) -> Pixels:
    return np.dstack([red, np.full_like(red, green), np.zeros_like(red)])


HALVES = np.repeat(np.array([[0, 1]], np.uint8), 8, axis=1).repeat(12, axis=0)


@pytest.fixture
def exam() -> Exam:
    """One frame of two halves that the reference gets right."""
    frames = [Frame(picture(HALVES), HALVES)]
    return Exam(frames, "one frame", 2, FakeReference())


def wrong_on(pixels: int) -> Labeller:
    """A labeller that takes so many of the 96 pixels of class 0 for class 1."""

    def labels(image: Pixels) -> Pixels:
        answer = image[..., 0].copy()
        places = np.argwhere(answer == 0)[:pixels]
        answer[tuple(places.T)] = 1
        return answer

    return labels


def test_miou_of_known_labels(exam: Exam) -> None:
    assert exam.reference_miou == 1.0
    # 84 of 96 in class 0; 96 of 108 in class 1.
    assert exam.miou(wrong_on(12)) == pytest.approx((84 / 96 + 96 / 108) / 2)


def test_labels_may_have_another_size(exam: Exam) -> None:
    large = Frame(picture(HALVES), HALVES.repeat(3, axis=0).repeat(3, axis=1))
    assert replace(exam, frames=[large]).reference_miou == 1.0


def test_pass_needs_a_drop_of_less_than_half_a_point(exam: Exam) -> None:
    assert exam.passes(1.0)
    assert exam.passes(0.9951)
    assert not exam.passes(0.995)
    assert not exam.passes(0.2)
    assert not exam.passes(float("nan"))


def test_labels_that_are_all_void_are_refused(exam: Exam) -> None:
    void = Frame(picture(HALVES), np.full_like(HALVES, 255))
    with pytest.raises(ExportError, match="one frame: no pixel has a label that counts"):
        replace(exam, frames=[void]).miou(FakeReference().labels)


def test_rendered_labels_count_for_camvids_classes() -> None:
    frames = [Frame(picture(HALVES, green=7), 1 - HALVES)]
    exam = rendered_exam(frames, CAMVID.classes, FakeReference())
    assert (exam.description, exam.classes) == ("1 rendered frames", 11)
    assert exam.reference_miou == 0.0


def test_other_classes_are_judged_by_the_model_itself_where_it_is_certain() -> None:
    half_sure = picture(HALVES)
    half_sure[:6, :, 1] = 9
    exam = rendered_exam([Frame(half_sure, 1 - HALVES)], OTHERS, FakeReference())
    assert exam.description == "1 rendered frames, labelled by model.onnx itself"
    assert exam.reference_miou == 1.0
    # The first 48 pixels of class 0 lie where it is uncertain.
    assert exam.miou(wrong_on(48)) == 1.0
    assert exam.miou(wrong_on(49)) < 1.0


def write(root: Path, split: str, count: int, size: tuple[int, int] = SIZE) -> None:
    for number in range(count):
        labels = np.full((size[1], size[0]), number, np.uint8)
        write_image(root / split / f"a_{number}.png", picture(labels))
        write_image(root / f"{split}annot" / f"a_{number}.png", labels)


def make(data: Path, **options: object) -> Exam:
    return data_exam(data, SIZE, CAMVID.classes, FakeReference(), **options)


def test_val_is_chosen_before_train(tmp_path: Path) -> None:
    write(tmp_path, "train", 4)
    assert make(tmp_path).description == "CamVid train, 4 frames"
    write(tmp_path, "val", 2, size=(32, 24))
    exam = make(tmp_path)
    assert exam.description == "CamVid val, 2 frames"
    assert [frame.image.shape for frame in exam.frames] == [(12, 16, 3)] * 2
    assert [frame.labels.shape for frame in exam.frames] == [(24, 32)] * 2
    assert exam.reference_miou == 1.0


def test_seen_frames_do_not_count(tmp_path: Path) -> None:
    write(tmp_path, "train", 4)
    found = find_frames(tmp_path, "train")
    exam = make(tmp_path, without=found[1:3])
    assert [frame.labels[0, 0] for frame in exam.frames] == [0, 3]
    with pytest.raises(ExportError, match="all 4 frames of train served for calibration"):
        make(tmp_path, without=found)


def test_large_sets_are_thinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceptance, "MAX_FRAMES", 2)
    write(tmp_path, "val", 5)
    assert [frame.labels[0, 0] for frame in make(tmp_path).frames] == [0, 2]


def test_other_classes_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "val", 1)
    with pytest.raises(
        ExportError, match=r"classes are free, taken; the labels hold CamVid's: Sky"
    ):
        data_exam(tmp_path, SIZE, OTHERS, FakeReference())


def test_folder_without_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no data folder of a known layout"):
        make(tmp_path)


@pytest.mark.parametrize(
    ("count", "expected"), [(1, [0]), (3, [0, 2, 4]), (7, [0, 1, 2, 3, 4, 5, 6]), (20, range(7))]
)
def test_spread(count: int, expected: list[int]) -> None:
    assert spread(range(7), count) == list(expected)


@pytest.fixture
def golden() -> GoldenFrames:
    return GoldenFrames(picture(HALVES)[None], HALVES[None])


def test_accepted_graph_carries_its_scores(
    exam: Exam, golden: GoldenFrames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceptance, "engine_labels", lambda graph: FakeReference().labels)
    graph = accept(b"graph", "int8", exam, golden)
    digest = hashlib.sha256(b"graph").hexdigest()
    assert graph == EngineGraph("model_int8.onnx", digest, 1.0, "one frame", 1.0, 1.0)
    assert graph.file == graph_file("int8")


def test_graph_that_is_worse_is_refused(
    exam: Exam, golden: GoldenFrames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceptance, "engine_labels", lambda graph: wrong_on(12))
    message = r"fp8 graph reaches mIoU 88\.19% on one frame, model.onnx 100\.00%; .*than 0\.5 point"
    with pytest.raises(ExportError, match=message):
        accept(b"graph", "fp8", exam, golden)


def test_graph_in_words() -> None:
    graph = EngineGraph("model_fp16.onnx", "", 0.99951, "CamVid val, 101 frames", 0.67661, 0.6765)
    assert in_words(graph) == (
        "mIoU 67.66% where model.onnx has 67.65% (CamVid val, 101 frames); model.onnx's label on "
        "99.95% of the golden frames"
    )
