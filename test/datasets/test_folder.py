# SPDX-License-Identifier: Apache-2.0
"""A folder that a YAML file describes, and every mistake in that file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from segnet_ros.datasets import folder
from segnet_ros.datasets.folder import find_frames
from segnet_ros.datasets.frames import DatasetError, read_frame
from segnet_ros.datasets.taxonomy import VOID, class_names
from segnet_ros.inference.excerpts import shown
from segnet_ros.inference.files import write_image
from segnet_ros.inference.shipped import shipped

FACTS = {
    "name": "Yard",
    "images": "images/{split}/{name}.png",
    "labels": "masks/{split}/{name}.png",
    "classes": {"drivable": [1, 2], "obstacle": 0},
    "void": 255,
}


def _write_pair(root: Path, name: str, values: list[int]) -> None:
    write_image(root / f"images/{name}.png", np.zeros((1, len(values), 3), np.uint8))
    write_image(root / f"masks/{name}.png", np.array([values], np.uint8))


def _describe(root: Path, **changes: Any) -> Path:
    facts = {key: value for key, value in {**FACTS, **changes}.items() if value is not ...}
    path = root / "yard.yaml"
    path.write_text(yaml.safe_dump(facts, sort_keys=False))
    return path


def _refusal(description: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        find_frames(description, "train")
    text = str(caught.value)
    assert text.startswith(f"{description}: ")
    return text.removeprefix(f"{description}: ")


def test_values_become_classes(tmp_path: Path) -> None:
    _write_pair(tmp_path, "train/b_1", [0, 1, 2, 255])
    _write_pair(tmp_path, "train/a_1", [0, 0])
    _write_pair(tmp_path, "val/c_1", [0, 0])
    frames = find_frames(_describe(tmp_path), "train")
    assert [(frame.image_path.stem, frame.sequence) for frame in frames] == [
        ("a_1", "a"),
        ("b_1", "b"),
    ]
    taxonomy = frames[0].taxonomy
    assert (taxonomy.name, class_names(taxonomy.classes)) == ("Yard", ["drivable", "obstacle"])
    np.testing.assert_array_equal(read_frame(frames[1])[1], [[1, 0, 0, VOID]])


def test_sequence_rule(tmp_path: Path) -> None:
    _write_pair(tmp_path, "train/monday/3", [0])
    (frame,) = find_frames(_describe(tmp_path, sequence="^(.*)/"), "train")
    assert frame.sequence == "monday"


def test_list_of_a_split(tmp_path: Path) -> None:
    for name in "abc":
        _write_pair(tmp_path, name, [0])
    (tmp_path / "train.txt").write_text("c\na\n")
    given = _describe(
        tmp_path, list="{split}.txt", images="images/{name}.png", labels="masks/{name}.png"
    )
    assert [frame.sequence for frame in find_frames(given, "train")] == ["a", "c"]


def test_value_that_nobody_described(tmp_path: Path) -> None:
    _write_pair(tmp_path, "train/a", [0, 9])
    (frame,) = find_frames(_describe(tmp_path), "train")
    with pytest.raises(DatasetError) as caught:
        read_frame(frame)
    assert str(caught.value) == (
        f"{tmp_path}/masks/train/a.png holds the value 9, which Yard does not know; "
        "expected 1 drivable, 2 drivable, 0 obstacle or, for void, 255"
    )


def test_shipped_example(tmp_path: Path) -> None:
    text = shipped("config/datasets/drivable_area.yaml").read_text()
    assert "# list: " in text
    (tmp_path / "drivable_area.yml").write_text(text)
    write_image(tmp_path / "images/val/lot_1.jpg", np.zeros((1, 4, 3), np.uint8))
    write_image(tmp_path / "masks/val/lot_1.png", np.array([[0, 1, 2, 255]], np.uint8))
    (frame,) = find_frames(tmp_path / "drivable_area.yml", "val")
    assert frame.sequence == "lot"
    assert [(item.name, item.color) for item in frame.taxonomy.classes] == [
        ("drivable", (0, 170, 80)),
        ("obstacle", (220, 40, 60)),
    ]
    np.testing.assert_array_equal(read_frame(frame)[1], [[1, 0, 0, VOID]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"label": "x", "clases": 1},
            ("unknown key clases, label; expected name, images, labels, classes, list, void, "
            "sequence"),
        ),
        ({"classes": ..., "name": ...}, ("no key name, classes; expected name, images, labels, "
         "classes")),
        ({"classes": []}, "classes holds 0 classes; expected 1..255 as name: value, or a list"),
        ({"void": 1}, "the value 1 stands for drivable and for void; expected one meaning"),
        ({"name": None}, "name is None; expected a text of one line (in quotes, if in doubt)"),
        (
            {"sequence": ["^_"]},
            "sequence is ['^_']; expected a text of one line (in quotes, if in doubt)",
        ),
        (
            {"images": "images/{split}/*.png"},
            ("images is 'images/{split}/*.png'; expected {name} in it once, for what a picture and "
            "its labels have in common"),
        ),
        (
            {"labels": "{name}/{name}.png"},
            ("labels is '{name}/{name}.png'; expected {name} in it once, for what a picture and "
            "its labels have in common"),
        ),
        (
            {"images": "images/{name}.png"},
            ("images is 'images/{name}.png', which gives every split the same frames; put {split} "
            "into it, or name the frames of each split in a text file (list: lists/{split}.txt)"),
        ),
        (
            {"list": "all.txt"},
            ("list is 'all.txt', which gives every split the same frames; put {split} into it, or "
            "name the frames of each split in a text file (list: lists/{split}.txt)"),
        ),
        (
            {"labels": FACTS["images"]},
            "images and labels are both 'images/{split}/{name}.png'; expected two patterns",
        ),
        (
            {"sequence": "("},
            ("sequence is '(', which is no regular expression: missing ), unterminated subpattern "
            "at position 0"),
        ),
    ],
)  # fmt: skip
def test_mistakes(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    _write_pair(tmp_path, "train/a", [0])
    assert _refusal(_describe(tmp_path, **changes)) == message


def test_picture_without_labels(tmp_path: Path) -> None:
    for name in "ab":
        _write_pair(tmp_path, f"train/{name}", [0])
    (tmp_path / "masks/train/b.png").unlink()
    assert _refusal(_describe(tmp_path)) == (
        f"1 of the 2 frames of {tmp_path}/images/train/{{name}}.png have no labels, first "
        f"{tmp_path}/masks/train/b.png; restore the files or remove those frames"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("images: {split}/{name}.jpg", "is no YAML: .*; texts that start with {, \\[ or \\* need"),
        ("- a\n- b", "holds list; expected keys name, images, labels, classes"),
        ("", "holds NoneType; expected keys name, images, labels, classes"),
        (b"\xff", "is no YAML: .* need quotes"),
    ],
    ids=["no quotes", "list", "empty", "no text"],
)
def test_file_that_describes_nothing(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = tmp_path / "data.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DatasetError, match=message):
        find_frames(path, "train")


def test_absent_file(tmp_path: Path) -> None:
    message = "cannot be read (No such file or directory); check the path"
    assert _refusal(tmp_path / "absent.yaml") == message


@pytest.mark.parametrize(
    "rule",
    ["(a+)+$", "(a|a)*b", "^(.*)*$", "(x{2,}){3,}", "(?x) ( a+ ) +", "a*a*a*a*b", "a?" * 30 + "b"],
)
def test_rules_that_would_take_ages_are_refused(tmp_path: Path, rule: str) -> None:
    """The first one needs 2^150 steps for the name below."""
    _write_pair(tmp_path, "train/" + 150 * "a" + "b", [0])
    text = _refusal(_describe(tmp_path, sequence=rule))
    assert text.startswith(f"sequence is {shown(rule)}; expected a rule that repeats no group")


@pytest.mark.parametrize("rule", [r"^([^_]*)_", r"(\d+)_\d+$", r"^(?:a|b)?[+*{]+\*\)\+", ".*"])
def test_plain_rules_are_taken(rule: str) -> None:
    assert not folder._may_take_ages(rule)
