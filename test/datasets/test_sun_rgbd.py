# SPDX-License-Identifier: Apache-2.0
"""SUN RGB-D's folders: one folder of labels serves both splits, the test pictures first."""

from pathlib import Path

import numpy as np
import pytest

from segnet_ros.datasets.frames import DatasetError, LabelledFrame, read_frame
from segnet_ros.datasets.sun_rgbd import SUN_RGBD, find_frames
from segnet_ros.datasets.taxonomy import VOID, class_names
from segnet_ros.inference.files import write_image

PAIRS = {
    "train": {"img-000001": "img-005051", "img-000100": "img-005150", "img-005285": "img-010335"},
    "test": {"img-000001": "img-000001", "img-005050": "img-005050"},
}


def _image(root: Path, split: str, name: str) -> Path:
    return root / f"SUNRGBD-{split}_images/{name}.jpg"


def _labels(root: Path, name: str) -> Path:
    return root / f"sunrgbd_train_test_labels/{name}.png"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for split, pairs in PAIRS.items():
        for image, labels in pairs.items():
            write_image(_image(tmp_path, split, image), np.zeros((1, 39, 3), np.uint8))
            write_image(_labels(tmp_path, labels), np.arange(39, dtype=np.uint8)[None] % 38)
    return tmp_path


@pytest.mark.parametrize("split", PAIRS)
def test_frames_by_number(root: Path, split: str) -> None:
    (root / f"SUNRGBD-{split}_images/img-list.jpg").touch()
    assert find_frames(root, split) == [
        LabelledFrame(_image(root, split, image), _labels(root, labels), image[:8], SUN_RGBD)
        for image, labels in PAIRS[split].items()
    ]


def test_neighbours_share_a_sequence(root: Path) -> None:
    sequences = [frame.sequence for frame in find_frames(root, "train")]
    assert sequences == ["img-0000", "img-0001", "img-0052"]


def test_zero_is_void_and_classes_count_from_one(root: Path) -> None:
    _, labels = read_frame(find_frames(root, "test")[0])
    np.testing.assert_array_equal(labels, [[VOID, *range(37), VOID]])


def test_classes() -> None:
    names = class_names(SUN_RGBD.classes)
    assert len(set(names)) == 37
    numbered = dict(enumerate(names, 1))
    assert [numbered[k] for k in (1, 2, 5, 10, 14, 20, 28, 32, 37)] == [
        "wall", "floor", "chair", "bookshelf", "desk", "floor_mat", "shower_curtain",
        "night_stand", "bag",
    ]  # fmt: skip
    colors = {item.color for item in SUN_RGBD.classes}
    assert len(colors) == 37
    assert (0, 0, 0) not in colors


def test_value_beyond_the_classes(root: Path) -> None:
    write_image(_labels(root, "img-000001"), np.full((1, 39), 38, np.uint8))
    with pytest.raises(DatasetError, match=r"img-000001.png holds the value 38, which SUN RGB-D"):
        read_frame(find_frames(root, "test")[0])


def test_missing_labels(root: Path) -> None:
    _labels(root, "img-005150").unlink()
    with pytest.raises(DatasetError, match=r"1 of the 3 .* no labels, first .*/img-005150.png"):
        find_frames(root, "train")


def test_missing_pictures(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no pictures for .*/SUNRGBD-train_images; check"):
        find_frames(tmp_path, "train")


def test_unknown_split(root: Path) -> None:
    with pytest.raises(DatasetError, match=r"^SUN RGB-D has no split val; expected train or test$"):
        find_frames(root, "val")
