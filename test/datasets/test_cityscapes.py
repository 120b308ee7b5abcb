# SPDX-License-Identifier: Apache-2.0
"""Cityscapes' folders: cities are sequences, 34 ids become 19 classes."""

from pathlib import Path

import numpy as np
import pytest

from segnet_ros.datasets.cityscapes import CITYSCAPES, find_frames
from segnet_ros.datasets.frames import DatasetError, LabelledFrame, read_frame
from segnet_ros.datasets.taxonomy import VOID
from segnet_ros.inference.files import write_image

NAMES = ("ulm/ulm_000001_000019", "bochum/bochum_000000_000313", "bochum/bochum_000000_000600")


def _image(root: Path, name: str, split: str = "train") -> Path:
    return root / f"leftImg8bit/{split}/{name}_leftImg8bit.png"


def _labels(root: Path, name: str, split: str = "train") -> Path:
    return root / f"gtFine/{split}/{name}_gtFine_labelIds.png"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in NAMES:
        write_image(_image(tmp_path, name), np.zeros((1, 3, 3), np.uint8))
        write_image(_labels(tmp_path, name), np.zeros((1, 3), np.uint8))
        for other in ("color", "labelTrainIds", "instanceIds"):
            (tmp_path / f"gtFine/train/{name}_gtFine_{other}.png").touch()
    return tmp_path


def test_frames_by_city(root: Path) -> None:
    write_image(_image(root, "bonn/bonn_0_0", "val"), np.zeros((1, 3, 3), np.uint8))
    assert find_frames(root, "train") == [
        LabelledFrame(_image(root, name), _labels(root, name), name.split("/")[0], CITYSCAPES)
        for name in sorted(NAMES)
    ]


def test_ids_become_the_classes_of_the_benchmark(root: Path) -> None:
    # Every id, and the licence plates' -1 as an 8-bit picture stores it.
    values = np.array([[*range(34), 255]], np.uint8)
    write_image(_image(root, NAMES[0]), np.zeros((*values.shape, 3), np.uint8))
    write_image(_labels(root, NAMES[0]), values)
    _, labels = read_frame(find_frames(root, "train")[-1])
    known = dict(zip(values[0].tolist(), labels[0].tolist(), strict=True))
    named = {k: CITYSCAPES.classes[v].name for k, v in known.items() if v != VOID}
    assert named == {
        7: "road", 8: "sidewalk", 11: "building", 12: "wall", 13: "fence", 17: "pole",
        19: "traffic light", 20: "traffic sign", 21: "vegetation", 22: "terrain", 23: "sky",
        24: "person", 25: "rider", 26: "car", 27: "truck", 28: "bus", 31: "train",
        32: "motorcycle", 33: "bicycle",
    }  # fmt: skip
    # The benchmark's training ids are the places in this order.
    assert [known[k] for k in named] == list(range(19))


def test_official_colors() -> None:
    colors = {item.name: item.color for item in CITYSCAPES.classes}
    assert len(set(colors.values())) == 19
    assert colors["road"] == (128, 64, 128)
    assert colors["traffic sign"] == (220, 220, 0)
    assert colors["bicycle"] == (119, 11, 32)


def test_missing_labels(root: Path) -> None:
    _labels(root, NAMES[0]).unlink()
    with pytest.raises(DatasetError, match=r"1 of the 3 frames of .* have no labels, first .*ulm"):
        find_frames(root, "train")


def test_missing_split(root: Path) -> None:
    with pytest.raises(DatasetError, match=r"no pictures for .*/leftImg8bit/test/\{name\}_left"):
        find_frames(root, "test")
