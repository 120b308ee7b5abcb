# SPDX-License-Identifier: Apache-2.0
"""Every layout is known by its folders."""

from collections.abc import Callable
from pathlib import Path

import pytest

from segnet_ros.datasets.camvid import CAMVID
from segnet_ros.datasets.cityscapes import CITYSCAPES
from segnet_ros.datasets.frames import DatasetError
from segnet_ros.datasets.layouts import find_frames
from segnet_ros.datasets.sun_rgbd import SUN_RGBD
from segnet_ros.datasets.taxonomy import Taxonomy
from segnet_ros.datasets.voc import VOC


def _camvid(root: Path) -> None:
    _touch(root, "test/a_1.png", "testannot/a_1.png")


def _cityscapes(root: Path) -> None:
    _touch(root, "leftImg8bit/test/ulm/x_leftImg8bit.png")
    _touch(root, "gtFine/test/ulm/x_gtFine_labelIds.png")


def _voc(root: Path) -> None:
    _touch(root, "JPEGImages/2007_1.jpg", "SegmentationClass/2007_1.png")
    _touch(root, "ImageSets/Segmentation/test.txt")
    (root / "ImageSets/Segmentation/test.txt").write_text("2007_1\n")


def _sun_rgbd(root: Path) -> None:
    _touch(root, "SUNRGBD-test_images/img-000003.jpg", "sunrgbd_train_test_labels/img-000003.png")


def _touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.mark.parametrize(
    ("write", "taxonomy", "sequence"),
    [
        (_camvid, CAMVID, "a"),
        (_cityscapes, CITYSCAPES, "ulm"),
        (_voc, VOC, "2007"),
        (_sun_rgbd, SUN_RGBD, "img-0000"),
    ],
)
def test_layouts_are_recognised(
    tmp_path: Path, write: Callable[[Path], None], taxonomy: Taxonomy, sequence: str
) -> None:
    write(tmp_path)
    (frame,) = find_frames(tmp_path, "test")
    assert frame.taxonomy is taxonomy
    assert frame.sequence == sequence


@pytest.mark.parametrize("suffix", [".yaml", ".yml"])
def test_a_yaml_file_describes_a_folder(tmp_path: Path, suffix: str) -> None:
    _touch(tmp_path, "test/a_1.png", "testannot/a_1.png")
    path = tmp_path / f"yard{suffix}"
    path.write_text(
        "name: Yard\nclasses: [floor, wall]\n"
        'images: "{split}/{name}.png"\nlabels: "{split}annot/{name}.png"\n'
    )
    (frame,) = find_frames(path, "test")
    assert frame.taxonomy.name == "Yard"
    assert frame.label_path == tmp_path / "testannot/a_1.png"


def test_split_that_a_layout_lacks(tmp_path: Path) -> None:
    _camvid(tmp_path)
    with pytest.raises(DatasetError, match=f"expected {tmp_path} to hold val/ and valannot/"):
        find_frames(tmp_path, "val")


@pytest.mark.parametrize("name", ["", "absent", "data.zip"])
def test_unknown_layout_names_all(tmp_path: Path, name: str) -> None:
    _touch(tmp_path, "data.zip", "pictures/a.png")
    with pytest.raises(DatasetError) as caught:
        find_frames(tmp_path / name, "train")
    assert str(caught.value) == (
        f"{tmp_path / name} is no data folder of a known layout; expected one with SPLIT/ and "
        "SPLITannot/ (CamVid), leftImg8bit/ (Cityscapes), ImageSets/Segmentation/ (PASCAL VOC) or "
        "SUNRGBD-SPLIT_images/ (SUN RGB-D); describe any other folder in a YAML file such as "
        "config/datasets/drivable_area.yaml and give that"
    )


def test_a_folder_may_hold_its_own_description(tmp_path: Path) -> None:
    _touch(tmp_path, "pictures/a_1.png", "masks/a_1.png")
    (tmp_path / "dataset.yaml").write_text(
        'name: Yard\nclasses: [floor, wall]\nlist: "{split}.txt"\n'
        'images: "pictures/{name}.png"\nlabels: "masks/{name}.png"\n'
    )
    (tmp_path / "test.txt").write_text("a_1\n")
    (frame,) = find_frames(tmp_path, "test")
    assert frame.taxonomy.name == "Yard"
    assert frame.label_path == tmp_path / "masks/a_1.png"
