# SPDX-License-Identifier: Apache-2.0
"""CamVid's folders: what is found, and what is refused with which words."""

from pathlib import Path

import numpy as np
import pytest

from segnet_ros.datasets.camvid import CAMVID, find_frames
from segnet_ros.datasets.frames import DatasetError, LabelledFrame
from segnet_ros.datasets.taxonomy import VOID
from segnet_ros.inference.files import write_image

NAMES = ("0016E5_07959.png", "Seq05VD_f00000.png", "0001TP_006690.png", "0016E5_00390.png")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in NAMES:
        write_image(tmp_path / "val" / name, np.zeros((2, 3, 3), np.uint8))
        write_image(tmp_path / "valannot" / name, np.zeros((2, 3), np.uint8))
    return tmp_path


def _refusal(root: Path, split: str) -> str:
    with pytest.raises(DatasetError) as caught:
        find_frames(root, split)
    return str(caught.value)


def test_classes_are_distinct_and_void_follows_them() -> None:
    colors = {item.name: item.color for item in CAMVID.classes}
    assert len(colors) == len(set(colors.values())) == 11
    assert CAMVID.class_of == {**{k: k for k in range(11)}, 11: VOID}
    assert colors["Road"] == (128, 64, 128)
    assert colors["Car"] == (64, 0, 128)


def test_frames_are_listed_by_name(root: Path) -> None:
    (root / "val/readme.txt").touch()
    (root / "valannot/0099XX_1.png").touch()
    assert find_frames(root, "val") == [
        LabelledFrame(root / "val" / name, root / "valannot" / name, name.split("_")[0], CAMVID)
        for name in sorted(NAMES)
    ]


@pytest.mark.parametrize("missing", ["val", "valannot"])
def test_missing_folder(root: Path, missing: str) -> None:
    (root / missing).rename(root / "elsewhere")
    assert _refusal(root, "val") == (
        f"no folder {root / missing}; expected {root} to hold val/ and valannot/ "
        "with equally named PNG files; check the data folder and the split"
    )


def test_empty_folder(tmp_path: Path) -> None:
    for name in ("train", "trainannot"):
        (tmp_path / name).mkdir()
    (tmp_path / "train/picture.jpg").touch()
    assert _refusal(tmp_path, "train") == (
        f"no pictures for {tmp_path}/train/{{name}}.png; check the data folder and the split"
    )


def test_missing_labels(root: Path) -> None:
    for name in ("0016E5_07959.png", "0001TP_006690.png"):
        (root / "valannot" / name).unlink()
    assert _refusal(root, "val") == (
        f"2 of the 4 frames of {root}/val/{{name}}.png have no labels, first "
        f"{root}/valannot/0001TP_006690.png; restore the files or remove those frames"
    )


def test_sequence_is_the_start_of_the_name(root: Path) -> None:
    sequences = [frame.sequence for frame in find_frames(root, "val")]
    assert sequences == ["0001TP", "0016E5", "0016E5", "Seq05VD"]
