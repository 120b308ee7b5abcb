# SPDX-License-Identifier: Apache-2.0
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
from segnet_ros.inference.model import UNLABELLED
from segnet_ros.inference.runtime import Prediction
from segnet_ros.inference.segmenter import Segmenter

pytest.importorskip("openvino", reason="needs openvino: pip install 'segnet_ros[cpu]'")

Pixels = npt.NDArray[np.uint8]
RED, GREEN, BLUE = np.diag([90, 90, 90]).astype(np.uint8)
SKY, BUILDING, POLE, ROAD = range(4)
STORED_VOID = 11
CLASS_NAMES = class_names(CAMVID.classes)
# At 16x12 only what lies on each other matches. The building shows 6 boundary pixels to the sky and
# 8 to the road; of its 8 predicted ones (all to the sky, void not counted), 6 are true.
BUILDING_BF = 2 * 6 / (14 + 8)
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
    assert result.per_class["Sky"] == {"iou": 1.0, "accuracy": 1.0, "bf": 1.0}
    assert result.per_class["Building"] == {
        "iou": pytest.approx(48 / 72),
        "accuracy": 1.0,
        "bf": pytest.approx(BUILDING_BF),
    }
    assert result.per_class["Road"] == {"iou": 0.0, "accuracy": 0.0, "bf": 0.0}
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
    pole = result.per_class["Pole"]
    assert (pole["iou"], pole["accuracy"]) == (1.0, 1.0)
    assert np.isnan(pole["bf"]), "a class that fills the picture has no boundary"


def test_boundary_measure_is_a_mean_over_classes_then_frames(
    segmenter: Segmenter, tmp_path: Path
) -> None:
    """Sky 1, Building, Road 0; a frame with sky alone in half of it 1; one without boundary."""
    _halves(tmp_path)
    _plain(tmp_path)
    image = np.full((12, 16, 3), RED, np.uint8)
    labels = np.full((12, 16), SKY, np.uint8)
    image[:6], labels[:6] = BLUE, POLE
    _write(tmp_path, "c.png", image, labels)
    result = evaluate(segmenter, find_frames(tmp_path, "val"))
    halves = (1 + BUILDING_BF + 0) / 3
    assert result.bf == pytest.approx((halves + 1) / 2)
    assert result.per_class["Sky"]["bf"] == 1.0
    assert result.per_class["Road"]["bf"] == 0.0
    assert [item.bf for item in result.per_frame] == pytest.approx([halves, np.nan, 1], nan_ok=True)


def test_calibration_of_all_frames(segmenter: Segmenter, tmp_path: Path) -> None:
    """The confidence is 90 of 255 everywhere, the sixth bin."""
    _halves(tmp_path)
    _plain(tmp_path)
    result = evaluate(segmenter, find_frames(tmp_path, "val"))
    accuracy = (144 + 768) / (168 + 768)
    assert result.ece == pytest.approx(accuracy - 90 / 255)
    assert [item.pixels for item in result.reliability] == [0] * 5 + [168 + 768] + [0] * 9
    assert result.reliability[5].accuracy == pytest.approx(accuracy)
    assert result.reliability[5].confidence == pytest.approx(90 / 255)


def test_confusion_matrix_is_whole(segmenter: Segmenter, tmp_path: Path) -> None:
    _halves(tmp_path)
    matrix = np.array(evaluate(segmenter, find_frames(tmp_path, "val")).confusion)
    assert matrix.shape == (11, 12)
    counted = {(row, column): matrix[row, column] for row, column in np.argwhere(matrix).tolist()}
    assert counted == {(SKY, SKY): 96, (BUILDING, BUILDING): 48, (ROAD, BUILDING): 24}


def test_sequences_and_frames_are_scored_apart(segmenter: Segmenter, tmp_path: Path) -> None:
    _halves(tmp_path)
    (tmp_path / "val/a.png").rename(tmp_path / "val/a_2.png")
    (tmp_path / "valannot/a.png").rename(tmp_path / "valannot/a_2.png")
    _plain(tmp_path)
    _write(tmp_path, "a_1.png", np.full((12, 16, 3), RED), np.full((12, 16), SKY, np.uint8))
    result = evaluate(segmenter, find_frames(tmp_path, "val"))
    assert list(result.sequences) == ["a", "b"]
    first, second = result.sequences["a"], result.sequences["b"]
    assert first == {
        "global_accuracy": pytest.approx((192 + 144) / (192 + 168)),
        "class_accuracy": pytest.approx(2 / 3),
        "miou": pytest.approx((1 + 48 / 72 + 0) / 3),
        "fwiou": pytest.approx((192 + 96 + 48 * 48 / 72) / (192 + 168)),
        "bf": pytest.approx((1 + BUILDING_BF + 0) / 3),
        "frames": 2,
    }
    assert {name: second[name] for name in MEANS} == dict.fromkeys(MEANS, 1.0)
    assert np.isnan(second["bf"])
    assert second["frames"] == 1
    assert [(item.name, item.sequence) for item in result.per_frame] == [
        ("a_1", "a"), ("a_2", "a"), ("b", "b"),
    ]  # fmt: skip
    assert [item.miou for item in result.per_frame] == pytest.approx([1, 5 / 9, 1])


def test_intervals_hold_the_scores(segmenter: Segmenter, tmp_path: Path) -> None:
    """Of two frames, a resample holds one twice in half of all draws: the ends are theirs."""
    _halves(tmp_path)
    _plain(tmp_path)
    result = evaluate(segmenter, find_frames(tmp_path, "val"))
    assert set(result.intervals) == {*MEANS, "bf"}
    assert result.intervals["global_accuracy"] == pytest.approx((144 / 168, 1))
    assert result.intervals["miou"] == pytest.approx((5 / 9, 1))
    assert result.intervals["bf"] == pytest.approx((result.bf, result.bf))
    assert list(result.class_intervals) == CLASS_NAMES
    assert result.class_intervals["Building"] == pytest.approx((48 / 72, 48 / 72))
    assert np.isnan(result.class_intervals["Car"]).all()
    for name, own in result.sequence_intervals.items():
        miou = result.sequences[name]["miou"]
        assert own is not None
        assert own["miou"] == pytest.approx((miou, miou)), "one frame has no spread"


def test_void_frame_among_others_changes_no_score(segmenter: Segmenter, tmp_path: Path) -> None:
    _halves(tmp_path)
    alone = evaluate(segmenter, find_frames(tmp_path, "val"))
    void = np.full((12, 16), STORED_VOID, np.uint8)
    _write(tmp_path, "v.png", np.full((12, 16, 3), GREEN), void)
    result = evaluate(segmenter, find_frames(tmp_path, "val"))
    assert result.frames == 2
    for name in (*MEANS, "bf", "ece", "intervals", "confusion"):
        assert getattr(result, name) == getattr(alone, name)
    assert result.class_intervals["Sky"] == alone.class_intervals["Sky"]
    assert result.sequence_intervals["v"] is None
    assert result.per_frame[1].name == "v"
    plain = result.as_dict()
    assert (plain["per_frame"][1]["miou"], plain["per_frame"][1]["bf"]) == (None, None)
    assert plain["sequences"]["v"] == {**dict.fromkeys((*MEANS, "bf")), "frames": 1}


def test_any_predictor_is_scored(tmp_path: Path) -> None:
    """A model that leaves half of the pixels unlabelled, without any runtime of ours."""
    _plain(tmp_path)

    class HalfPole:
        model = SimpleNamespace(name="half", classes=CAMVID.classes)
        runtime = "by hand"

        def segment(self, image: Pixels) -> Prediction:
            labels = np.full(image.shape[:2], POLE, np.uint8)
            labels[:12] = UNLABELLED
            return Prediction(labels, np.full(image.shape[:2], 255, np.uint8))

    result = evaluate(HalfPole(), find_frames(tmp_path, "val"))
    assert (result.model, result.runtime) == ("half", "by hand")
    assert result.global_accuracy == result.miou == result.ece == 0.5
    assert np.argwhere(result.confusion).tolist() == [[POLE, POLE], [POLE, 11]]


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
    assert read["per_class"]["Sky"] == {"iou": 1.0, "accuracy": 1.0, "bf": 1.0}
    assert read["per_class"]["Car"] == {"iou": None, "accuracy": None, "bf": None}
    assert {name: read[name] for name in MEANS} == {name: getattr(result, name) for name in MEANS}
    assert read["bf"] == result.bf
    assert read["intervals"]["miou"] == list(result.intervals["miou"])
    assert read["reliability"][0]["accuracy"] is None
    assert read["per_frame"] == [
        {"name": "a", "sequence": "a", "miou": pytest.approx(5 / 9), "bf": result.bf}
    ]
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
