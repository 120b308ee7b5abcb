"""Scores of a network whose answers are known, on labels made by hand."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import pytest

from segnet_ros.datasets.camvid import CAMVID, find_frames
from segnet_ros.datasets.frames import DatasetError
from segnet_ros.datasets.taxonomy import class_names
from segnet_ros.evaluation import evaluate as module
from segnet_ros.evaluation.evaluate import evaluate
from segnet_ros.inference.files import write_image
from segnet_ros.inference.segmenter import Segmenter

pytest.importorskip("openvino", reason="needs openvino: pip install 'segnet_ros[cpu]'")

Pixels = npt.NDArray[np.uint8]
RED, GREEN, BLUE = np.diag([90, 90, 90]).astype(np.uint8)
SKY, BUILDING, POLE, ROAD = range(4)
STORED_VOID = 11
CLASS_NAMES = class_names(CAMVID.classes)
MEANS = ("global_accuracy", "class_accuracy", "miou", "fwiou")


@pytest.fixture(scope="module")
def segmenter(camvid_channel_model: Path) -> Iterator[Segmenter]:
    with Segmenter(camvid_channel_model) as loaded:
        yield loaded


def _write(root: Path, name: str, image: Pixels, labels: Pixels) -> None:
    write_image(root / "val" / name, image)
    write_image(root / "valannot" / name, labels)


def _halves(root: Path) -> None:
    """16x12: 96 red pixels of Sky; of 96 green ones 48 are Building, 24 Road and 24 void."""
    image = np.zeros((12, 16, 3), np.uint8)
    image[:, :8], image[:, 8:] = RED, GREEN
    labels = np.full((12, 16), SKY, np.uint8)
    labels[:6, 8:], labels[6:9, 8:], labels[9:, 8:] = BUILDING, ROAD, STORED_VOID
    _write(root, "a.png", image, labels)


def _plain(root: Path) -> None:
    """32x24, twice the network's size: blue, Pole everywhere."""
    image = np.full((24, 32, 3), BLUE, np.uint8)
    _write(root, "b.png", image, np.full((24, 32), POLE, np.uint8))


def test_scores_of_one_frame(segmenter: Segmenter, tmp_path: Path) -> None:
    _halves(tmp_path)
    result = evaluate(segmenter, find_frames(tmp_path, "val"))
    assert result.global_accuracy == pytest.approx(144 / 168)
    assert result.class_accuracy == pytest.approx((1 + 1 + 0) / 3)
    assert result.miou == pytest.approx((1 + 48 / 72 + 0) / 3)
    assert result.fwiou == pytest.approx((96 * 1 + 48 * 48 / 72 + 24 * 0) / 168)
    assert list(result.per_class) == CLASS_NAMES
    assert result.per_class["Sky"] == {"iou": 1.0, "accuracy": 1.0}
    assert result.per_class["Building"] == {"iou": pytest.approx(48 / 72), "accuracy": 1.0}
    assert result.per_class["Road"] == {"iou": 0.0, "accuracy": 0.0}
    for name in set(CLASS_NAMES) - {"Sky", "Building", "Road"}:
        assert np.isnan(list(result.per_class[name].values())).all()
    assert result.frames == 1
    assert result.model == "camvid_channel"
    assert result.runtime == segmenter.runtime


def test_pixels_of_all_frames_count_alike(segmenter: Segmenter, tmp_path: Path) -> None:
    _halves(tmp_path)
    _plain(tmp_path)
    result = evaluate(segmenter, find_frames(tmp_path, "val"))
    assert result.frames == 2
    assert result.global_accuracy == pytest.approx((144 + 768) / (168 + 768))
    assert result.class_accuracy == pytest.approx((1 + 1 + 1 + 0) / 4)
    assert result.miou == pytest.approx((1 + 48 / 72 + 1 + 0) / 4)
    assert result.fwiou == pytest.approx((96 + 48 * 48 / 72 + 768) / (168 + 768))
    assert result.per_class["Pole"] == {"iou": 1.0, "accuracy": 1.0}


def test_time_is_the_mean_of_segmentation(
    segmenter: Segmenter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _halves(tmp_path)
    _plain(tmp_path)
    clock = iter([5.0, 5.010, 9.0, 9.030])
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    result = evaluate(segmenter, find_frames(tmp_path, "val"))
    assert result.ms_per_frame == pytest.approx(20.0)


def test_plain_values_are_json(segmenter: Segmenter, tmp_path: Path) -> None:
    _halves(tmp_path)
    result = evaluate(segmenter, find_frames(tmp_path, "val"))
    read = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert read["per_class"]["Sky"] == {"iou": 1.0, "accuracy": 1.0}
    assert read["per_class"]["Car"] == {"iou": None, "accuracy": None}
    assert {name: read[name] for name in MEANS} == {name: getattr(result, name) for name in MEANS}
    assert np.isnan(result.per_class["Car"]["iou"]), "the evaluation itself must not change"


def test_no_frames(segmenter: Segmenter) -> None:
    with pytest.raises(DatasetError) as caught:
        evaluate(segmenter, [])
    assert str(caught.value) == "no labelled frames; expected one or more"


def test_everything_void(segmenter: Segmenter, tmp_path: Path) -> None:
    void = np.full((12, 16), STORED_VOID, np.uint8)
    _write(tmp_path, "a.png", np.zeros((12, 16, 3), np.uint8), void)
    with pytest.raises(DatasetError) as caught:
        evaluate(segmenter, find_frames(tmp_path, "val"))
    assert str(caught.value) == "nothing to score in 1 frames: expected labelled pixels"


def test_unreadable_frame(segmenter: Segmenter, tmp_path: Path) -> None:
    _halves(tmp_path)
    (tmp_path / "val/a.png").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"val/a\.png cannot be decoded"):
        evaluate(segmenter, find_frames(tmp_path, "val"))


def test_other_classes_are_not_scored(channel_model: Path, tmp_path: Path) -> None:
    _halves(tmp_path)
    with Segmenter(channel_model) as segmenter, pytest.raises(DatasetError) as caught:
        evaluate(segmenter, find_frames(tmp_path, "val"))
    assert str(caught.value) == (
        "the model's classes are red, green, blue; the labels hold CamVid's, in this order: "
        f"{', '.join(CLASS_NAMES)}; choose a model trained on them"
    )
