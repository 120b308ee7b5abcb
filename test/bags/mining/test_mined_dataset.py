# SPDX-License-Identifier: Apache-2.0
"""Datasets of mined frames: what is in them, and that they are whole or absent."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.mining.frame_scores import FrameScores
from segnet_ros.bags.mining.mined_dataset import FORMATS, MinedFrame, new_dataset, write_mined
from segnet_ros.bags.mining.mining import ChosenFrame, ScoredFrame
from segnet_ros.bags.mining.proposal_job import Proposal
from segnet_ros.datasets.frames import read_frame
from segnet_ros.datasets.layouts import find_frames
from segnet_ros.datasets.taxonomy import VOID, class_names
from segnet_ros.inference.model import Model, SegmentationClass

MODEL = Model(
    name="net",
    architecture="any",
    size=(16, 12),
    classes=[SegmentationClass("road", (1, 2, 3)), SegmentationClass("no", (4, 5, 6))],
    sha256="",
    folder=Path(),
)
LABELS = np.zeros((12, 16), np.uint8)
LABELS[:4], LABELS[:, :2] = 1, VOID


def _mined(name: str, rank: int, suffix: str = ".png", flip: bool = False) -> MinedFrame:
    image = np.full((12, 16, 3), 40 * rank, np.uint8)
    content = cv2.imencode(suffix, image)[1].tobytes()
    scores = FrameScores(0.75, 0.1, flicker=1 / 3)
    frame = ScoredFrame("drives/a", "/front", 50 + rank, 7 + rank, scores, b"")
    labels = LABELS[:, ::-1].copy() if flip else LABELS
    return MinedFrame(
        name,
        rank,
        ChosenFrame(frame, 1 / rank),
        Proposal(content, suffix, labels, {"model": "net"}),
    )


def _write(folder: Path, *frames: MinedFrame, formats: tuple[str, ...] = FORMATS) -> None:
    with new_dataset(folder) as unfinished:
        write_mined(unfinished, frames, MODEL, formats, {"by": ["confidence"]})


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_training_reads_it(tmp_path: Path) -> None:
    frames = [_mined("a_front_8", 2), _mined("a_front_9", 1, flip=True)]
    _write(tmp_path / "mined", *frames)
    second, first = find_frames(tmp_path / "mined", "train")
    assert [second.sequence, first.sequence] == ["a", "a"]
    assert first.taxonomy.name == "mined"
    assert class_names(first.taxonomy.classes) == ["road", "no"]
    assert first.taxonomy.classes[1].color == (4, 5, 6)
    for frame, labels, value in ((second, LABELS, 80), (first, LABELS[:, ::-1], 40)):
        image, read = read_frame(frame)
        np.testing.assert_array_equal(image, np.full((12, 16, 3), value))
        np.testing.assert_array_equal(read, labels)


def test_files(tmp_path: Path) -> None:
    _write(tmp_path / "mined", _mined("b_front_8", 2), _mined("a_front_9", 1))
    assert _files(tmp_path / "mined") == [
        "annotations_coco.json",
        "dataset.yaml",
        "images/a_front_9.json",
        "images/a_front_9.png",
        "images/b_front_8.json",
        "images/b_front_8.png",
        "labels/a_front_9.png",
        "labels/b_front_8.png",
        "mined.json",
        "train.txt",
    ]
    assert (tmp_path / "mined/train.txt").read_text() == "a_front_9\nb_front_8\n"
    assert [path.name for path in tmp_path.iterdir()] == ["mined"]


@pytest.mark.parametrize(
    ("formats", "extra"),
    [((), []), (("coco",), ["annotations_coco.json"]), (("labelme",), ["images/a_front_8.json"])],
)
def test_formats(tmp_path: Path, formats: tuple[str, ...], extra: list[str]) -> None:
    _write(tmp_path / "mined", _mined("a_front_8", 1), formats=formats)
    always = ["dataset.yaml", "images/a_front_8.png", "labels/a_front_8.png", "mined.json"]
    assert _files(tmp_path / "mined") == sorted([*always, "train.txt", *extra])


def test_pictures_of_both_kinds(tmp_path: Path) -> None:
    frames = [_mined("a_front_8", 1, ".jpg"), _mined("a.b_rear_8", 2, ".png", flip=True)]
    _write(tmp_path / "mined", *frames)
    rear, front = find_frames(tmp_path / "mined", "train")
    assert [frame.image_path.name for frame in (rear, front)] == ["a.b_rear_8.png", "a_front_8.jpg"]
    assert [frame.sequence for frame in (rear, front)] == ["a.b", "a"]
    np.testing.assert_array_equal(read_frame(rear)[1], LABELS[:, ::-1])
    np.testing.assert_array_equal(read_frame(front)[1], LABELS)


def test_annotations_name_the_pictures(tmp_path: Path) -> None:
    _write(tmp_path / "mined", _mined("a_front_8", 1, ".jpg"))
    coco = json.loads((tmp_path / "mined/annotations_coco.json").read_text())
    assert [image["file_name"] for image in coco["images"]] == ["a_front_8.jpg"]
    assert coco["info"]["description"] == "labels proposed by net, to be corrected"
    areas = {each["category_id"]: each["area"] for each in coco["annotations"]}
    assert areas == {1: 8 * 14, 2: 4 * 14}
    labelme = json.loads((tmp_path / "mined/images/a_front_8.json").read_text())
    assert labelme["imagePath"] == "a_front_8.jpg"
    assert [shape["label"] for shape in labelme["shapes"]] == ["road", "no"]


def test_report_is_in_the_order_of_worth(tmp_path: Path) -> None:
    _write(tmp_path / "mined", _mined("a_front_9", 2), _mined("a_front_8", 1))
    report = json.loads((tmp_path / "mined/mined.json").read_text())
    assert report["by"] == ["confidence"]
    first, second = report["frames"]
    assert (second["rank"], second["file"], second["worth"]) == (2, "a_front_9.png", 0.5)
    assert first == {
        "rank": 1,
        "file": "a_front_8.png",
        "bag": "drives/a",
        "topic": "/front",
        "time_ns": 51,
        "stamp_ns": 8,
        "worth": 1.0,
        "confidence": 0.75,
        "unsure": 0.1,
        "uncertainty": None,
        "flicker": 0.333333,
        "disagreement": None,
        "labelled_by": {"model": "net"},
    }


def test_an_existing_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mined").mkdir()
    with pytest.raises(BagError, match="mined exists; expected a new folder"):
        _write(tmp_path / "mined", _mined("a_front_8", 1))
    assert _files(tmp_path) == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_nothing_is_left_of_a_failure(tmp_path: Path, error: type[BaseException]) -> None:
    def frames() -> Iterator[Any]:
        yield _mined("a_front_8", 1)
        raise error

    with pytest.raises(error), new_dataset(tmp_path / "new/mined") as unfinished:
        write_mined(unfinished, frames(), MODEL, FORMATS, {})
    assert list((tmp_path / "new").iterdir()) == []
