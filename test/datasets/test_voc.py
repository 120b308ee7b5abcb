# SPDX-License-Identifier: Apache-2.0
"""PASCAL VOC's folders: lists choose the frames, palette PNGs hold the labels."""

from pathlib import Path

import numpy as np
import pytest

from segnet_ros.datasets.frames import DatasetError, LabelledFrame, read_frame
from segnet_ros.datasets.taxonomy import VOID, class_names
from segnet_ros.datasets.voc import VOC, find_frames
from segnet_ros.inference.files import write_image

NAMES = ("2008_000008", "2007_000032", "2007_000039")
VALUES = np.array([[0, 1, 15], [20, 255, 255]], np.uint8)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A list of two in three pictures; the palettes are VOC's own."""
    image = pytest.importorskip("PIL.Image", reason="needs Pillow: pip install pillow")
    labels = image.fromarray(VALUES, mode="P")
    labels.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0] + 252 * [224, 224, 192])
    (tmp_path / "SegmentationClass").mkdir()
    for name in NAMES:
        write_image(tmp_path / f"JPEGImages/{name}.jpg", np.full((2, 3, 3), 90, np.uint8))
        labels.save(tmp_path / f"SegmentationClass/{name}.png")
    (tmp_path / "ImageSets/Segmentation").mkdir(parents=True)
    _list(tmp_path, "val", NAMES[:2])
    return tmp_path


def _list(root: Path, split: str, names: tuple[str, ...]) -> None:
    (root / f"ImageSets/Segmentation/{split}.txt").write_text("\n".join(names) + "\n")


def test_frames_of_a_list(root: Path) -> None:
    assert find_frames(root, "val") == [
        LabelledFrame(
            root / f"JPEGImages/{name}.jpg", root / f"SegmentationClass/{name}.png", year, VOC
        )
        for name, year in (("2007_000032", "2007"), ("2008_000008", "2008"))
    ]


def test_labels_are_the_indices_of_the_palette(root: Path) -> None:
    image, labels = read_frame(find_frames(root, "val")[0])
    np.testing.assert_array_equal(labels, [[0, 1, 15], [20, VOID, VOID]])
    assert abs(image.astype(int) - 90).max() <= 2


def test_augmented_split_has_its_own_labels(root: Path) -> None:
    _list(root, "trainaug", NAMES)
    for name in NAMES:
        write_image(root / f"SegmentationClassAug/{name}.png", np.full((2, 3), 7, np.uint8))
    frames = find_frames(root, "trainaug")
    assert [frame.image_path.stem for frame in frames] == sorted(NAMES)
    assert {frame.label_path.parent.name for frame in frames} == {"SegmentationClassAug"}
    _, labels = read_frame(frames[0])
    assert VOC.classes[int(labels[0, 0])].name == "car"


def test_classes() -> None:
    names = class_names(VOC.classes)
    assert len(names) == 21
    assert [names[k] for k in (0, 1, 8, 15, 20)] == [
        "background", "aeroplane", "cat", "person", "tvmonitor",
    ]  # fmt: skip
    assert VOC.classes[0].color == (0, 0, 0)
    assert VOC.classes[15].color == (192, 128, 128)
    assert VOC.class_of == {**{k: k for k in range(21)}, 255: VOID}


def test_missing_files(root: Path) -> None:
    (root / "SegmentationClass/2007_000032.png").unlink()
    with pytest.raises(DatasetError, match=r"1 of the 2 frames of .*/val.txt have no labels"):
        find_frames(root, "val")
    (root / "JPEGImages/2008_000008.jpg").unlink()
    with pytest.raises(DatasetError, match=r"1 of the 2 frames of .*/val.txt have no picture"):
        find_frames(root, "val")


def test_missing_list(root: Path) -> None:
    with pytest.raises(DatasetError, match=r"the list .*/Segmentation/train.txt cannot be read"):
        find_frames(root, "train")
