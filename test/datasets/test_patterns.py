# SPDX-License-Identifier: Apache-2.0
"""Pairs of files found by patterns: what is matched, in which order, and what is refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from segnet_ros.datasets.frames import DatasetError, LabelledFrame
from segnet_ros.datasets.patterns import Patterns, complete, find_pairs
from segnet_ros.datasets.taxonomy import Taxonomy
from segnet_ros.inference.model import SegmentationClass

ONE = Taxonomy("One", (SegmentationClass("one", (1, 1, 1)),), {0: 0})
FOLDERS = Patterns("images/{split}/{name}.jpg", "masks/{split}/{name}_m.png")


def _touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def _found(root: Path, patterns: Patterns, split: str = "train") -> list[tuple[str, str, str]]:
    return [
        (str(f.image_path.relative_to(root)), str(f.label_path.relative_to(root)), f.sequence)
        for f in find_pairs(root, split, patterns, ONE)
    ]


def _refusal(root: Path, patterns: Patterns, split: str = "train") -> str:
    with pytest.raises(DatasetError) as caught:
        find_pairs(root, split, patterns, ONE)
    return str(caught.value)


def test_pairs_of_a_split_in_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b_2", "a_1", "b_10"):
        _touch(tmp_path, f"images/train/{name}.jpg", f"masks/train/{name}_m.png")
    _touch(tmp_path, "images/val/c.jpg", "images/train/a.png", "masks/train/lonely_m.png")
    assert _found(tmp_path, FOLDERS) == [
        ("images/train/a_1.jpg", "masks/train/a_1_m.png", "a"),
        ("images/train/b_10.jpg", "masks/train/b_10_m.png", "b"),
        ("images/train/b_2.jpg", "masks/train/b_2_m.png", "b"),
    ]


def test_a_name_may_span_folders_and_links(tmp_path: Path) -> None:
    _touch(tmp_path, "images/train/bonn/x.jpg", "masks/train/bonn/x_m.png")
    _touch(tmp_path, "elsewhere/deep/y.jpg", "masks/train/ulm/deep/y_m.png")
    (tmp_path / "images/train/ulm").symlink_to(tmp_path / "elsewhere")
    assert _found(tmp_path, FOLDERS) == [
        ("images/train/bonn/x.jpg", "masks/train/bonn/x_m.png", "bonn"),
        ("images/train/ulm/deep/y.jpg", "masks/train/ulm/deep/y_m.png", "ulm"),
    ]


def test_a_folder_may_be_named_by_the_frame(tmp_path: Path) -> None:
    patterns = Patterns("{split}/scene_{name}/image.png", "{split}/scene_{name}/label.png")
    _touch(tmp_path, "train/scene_7/image.png", "train/scene_7/label.png", "train/7/image.png")
    assert _found(tmp_path, patterns) == [
        ("train/scene_7/image.png", "train/scene_7/label.png", "7")
    ]


def test_labels_beside_pictures_are_no_pictures(tmp_path: Path) -> None:
    _touch(tmp_path, "train/x.png", "train/x_mask.png", "train/y.png", "train/y_mask.png")
    beside = Patterns("{split}/{name}.png", "{split}/{name}_mask.png")
    assert _found(tmp_path, beside) == [
        ("train/x.png", "train/x_mask.png", "x"),
        ("train/y.png", "train/y_mask.png", "y"),
    ]


def test_folders_and_hidden_files_are_no_pictures(tmp_path: Path) -> None:
    whole_names = Patterns("images/{name}", "labels/{name}")
    _touch(tmp_path, "images/a/b.png", "images/.b.png", "labels/a/b.png")
    assert _found(tmp_path, whole_names) == [("images/a/b.png", "labels/a/b.png", "a")]


def test_special_characters_stand_for_themselves(tmp_path: Path) -> None:
    root = tmp_path / "[set] *1"
    _touch(root, "images/train/a[1].jpg", "masks/train/a[1]_m.png")
    assert _found(root, FOLDERS) == [("images/train/a[1].jpg", "masks/train/a[1]_m.png", "a[1]")]


def test_absolute_patterns_leave_the_root(tmp_path: Path) -> None:
    _touch(tmp_path, "images/train/a.jpg", "masks/train/a_m.png")
    absolute = Patterns(f"{tmp_path}/{FOLDERS.images}", f"{tmp_path}/{FOLDERS.labels}")
    (frame,) = find_pairs(Path("/nowhere"), "train", absolute, ONE)
    image, labels = tmp_path / "images/train/a.jpg", tmp_path / "masks/train/a_m.png"
    assert frame == LabelledFrame(image, labels, "a", ONE)


def test_a_list_chooses_the_frames(tmp_path: Path) -> None:
    patterns = Patterns("images/{name}.jpg", "masks/{name}.png", "lists/{split}.txt")
    for name in ("a", "b", "c"):
        _touch(tmp_path, f"images/{name}.jpg", f"masks/{name}.png")
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/train.txt").write_bytes(b"c\r\n\r\n a \nc\n")
    assert [image for image, _, _ in _found(tmp_path, patterns)] == ["images/a.jpg", "images/c.jpg"]


@pytest.mark.parametrize(
    ("rule", "sequence"),
    [("^[^_/]*", "site"), ("^(.*)/", "site/day2"), (r"_(\d+)$", "0042"), ("day.", "day2")],
    ids=["default", "parent folder", "group", "whole match"],
)
def test_sequence_rules(tmp_path: Path, rule: str, sequence: str) -> None:
    _touch(tmp_path, "images/train/site/day2/f_0042.jpg", "masks/train/site/day2/f_0042_m.png")
    ((_, _, found),) = _found(tmp_path, replace(FOLDERS, sequence=rule))
    assert found == sequence


@pytest.mark.parametrize("rule", ["^(.*)/", "a|(b)"], ids=["no match", "no group"])
def test_name_without_a_sequence(tmp_path: Path, rule: str) -> None:
    _touch(tmp_path, "images/train/a.jpg", "masks/train/a_m.png")
    assert _refusal(tmp_path, replace(FOLDERS, sequence=rule)) == (
        f"the sequence rule {rule!r} finds nothing in the name 'a'; expected it to match every name"
    )


def test_no_picture(tmp_path: Path) -> None:
    _touch(tmp_path, "images/train/a.jpg", "masks/train/a_m.png")
    assert _refusal(tmp_path, FOLDERS, "val") == (
        f"no pictures for {tmp_path}/images/val/{{name}}.jpg; check the data folder and the split"
    )


def test_missing_labels(tmp_path: Path) -> None:
    _touch(tmp_path, *(f"images/train/{name}.jpg" for name in "abc"), "masks/train/b_m.png")
    assert _refusal(tmp_path, FOLDERS) == (
        f"2 of the 3 frames of {tmp_path}/images/train/{{name}}.jpg have no labels, first "
        f"{tmp_path}/masks/train/a_m.png; restore the files or remove those frames"
    )


def test_listed_picture_is_missing(tmp_path: Path) -> None:
    _touch(tmp_path, "images/train/a.jpg", "masks/train/a_m.png")
    (tmp_path / "names.txt").write_text("a\nb\n")
    assert _refusal(tmp_path, replace(FOLDERS, names="names.txt")) == (
        f"1 of the 2 frames of {tmp_path}/names.txt have no picture, first "
        f"{tmp_path}/images/train/b.jpg; restore the files or remove those frames"
    )


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["absent", "no text"])
def test_unreadable_list(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "train.txt").write_bytes(content)
    error = _refusal(tmp_path, replace(FOLDERS, names="{split}.txt"))
    assert error.startswith(f"the list {tmp_path}/train.txt cannot be read (")
    assert error.endswith("); expected one name of the split per line")


def test_empty_list(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("\n")
    with pytest.raises(DatasetError, match=r"no pictures for .*/train.txt; check the data folder"):
        find_pairs(tmp_path, "train", replace(FOLDERS, names="{split}.txt"), ONE)


def test_complete_frames_are_handed_on(tmp_path: Path) -> None:
    _touch(tmp_path, "a.jpg", "a.png")
    frames = [LabelledFrame(tmp_path / "a.jpg", tmp_path / "a.png", "a", ONE)]
    assert complete(frames, tmp_path) == frames
