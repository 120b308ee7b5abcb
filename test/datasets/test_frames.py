# SPDX-License-Identifier: Apache-2.0
"""Labelled frames of any dataset: how they are read, parted and refused."""

import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from segnet_ros.datasets.frames import (
    DatasetError,
    LabelledFrame,
    common_taxonomy,
    of_sequences,
    read_frame,
    split_by_sequence,
)
from segnet_ros.datasets.taxonomy import VOID, Taxonomy
from segnet_ros.inference.files import write_image
from segnet_ros.inference.model import SegmentationClass

Pixels = npt.NDArray[np.uint8]
FLOOR, WALL = SegmentationClass("floor", (1, 2, 3)), SegmentationClass("wall", (4, 5, 6))
ROOM = Taxonomy("Room", (FLOOR, WALL), {7: 0, 33: 1, 0: VOID, 255: VOID})


def _frame(folder: Path, image: Pixels, labels: Pixels) -> LabelledFrame:
    frame = LabelledFrame(folder / "image.png", folder / "label.png", "a", ROOM)
    write_image(frame.image_path, image)
    cv2.imwrite(str(frame.label_path), labels)
    return frame


def _of(sequence: str) -> LabelledFrame:
    return LabelledFrame(Path(f"{sequence}.png"), Path(f"{sequence}_l.png"), sequence, ROOM)


def test_whole_sequences_are_held_out() -> None:
    frames = [_of(name) for name in ("0001TP", "0016E5", "0016E5", "Seq05VD")]
    assert split_by_sequence(frames, ["0016E5"]) == ([frames[0], frames[3]], frames[1:3])
    assert split_by_sequence(frames, ["Seq05VD", "0001TP"]) == (
        frames[1:3], [frames[0], frames[3]],
    )  # fmt: skip
    assert split_by_sequence(frames, []) == (frames, [])


def test_unknown_sequence() -> None:
    frames = [_of("c"), _of("d")]
    for choose in (split_by_sequence, of_sequences):
        with pytest.raises(DatasetError) as caught:
            choose(frames, ["c", "B", "A"])
        assert str(caught.value) == "no sequence A, B; there are c, d"


def test_frames_of_sequences_keep_their_order() -> None:
    frames = [_of(name) for name in ("a", "b", "c", "a")]
    assert of_sequences(frames, ["c", "a"]) == [frames[0], frames[2], frames[3]]


def test_nothing_left() -> None:
    with pytest.raises(DatasetError) as caught:
        split_by_sequence([_of("a"), _of("b")], ["b", "a"])
    assert str(caught.value) == "holding out every sequence leaves no frame to train on"


def test_picture_is_rgb_and_labels_are_ids(tmp_path: Path) -> None:
    image = np.array([[[255, 0, 0], [0, 255, 0], [1, 2, 3]]], np.uint8)
    values = np.array([[33, 7, 255]], np.uint8)
    read_image, read_labels = read_frame(_frame(tmp_path, image, values))
    np.testing.assert_array_equal(read_image, image)
    np.testing.assert_array_equal(read_labels, [[1, 0, VOID]])
    assert read_image.dtype == read_labels.dtype == np.uint8


@pytest.mark.parametrize("damaged", ["image.png", "label.png"])
@pytest.mark.parametrize("content", [b"", b"no picture", None], ids=["empty", "text", "no file"])
def test_damaged_file(tmp_path: Path, damaged: str, content: bytes | None) -> None:
    frame = _frame(tmp_path, np.zeros((2, 3, 3), np.uint8), np.zeros((2, 3), np.uint8))
    path = tmp_path / damaged
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DatasetError) as caught:
        read_frame(frame)
    problem = "decoded as a picture" if path.exists() else "read: No such file or directory"
    assert str(caught.value) == f"{path} cannot be {problem}; restore or remove it"


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (np.zeros((3, 2), np.uint8), "uint8 (3, 2)"),
        (np.zeros((2, 3, 3), np.uint8), "uint8 (2, 3, 3)"),
        (np.zeros((2, 3), np.uint16), "uint16 (2, 3)"),
    ],
    ids=["other size", "colours", "16 bits"],
)
def test_labels_that_are_no_ids(tmp_path: Path, labels: Pixels, found: str) -> None:
    frame = _frame(tmp_path, np.zeros((2, 3, 3), np.uint8), labels)
    with pytest.raises(DatasetError) as caught:
        read_frame(frame)
    assert str(caught.value) == (
        f"{frame.label_path} is {found}; expected one uint8 value per pixel of image.png, (2, 3)"
    )


def _write_palette(path: Path, indices: Pixels, palette: list[int], **options: object) -> None:
    image = pytest.importorskip("PIL.Image", reason="needs Pillow: pip install pillow")
    picture = image.fromarray(indices, mode="P")
    picture.putpalette(palette)
    picture.save(path, **options)


# All colours equal: only the indices can tell the labels. The second file has two bits per pixel.
@pytest.mark.parametrize("options", [{}, {"bits": 2}, {"transparency": 0}])
def test_palette_labels_are_indices(tmp_path: Path, options: dict[str, int]) -> None:
    frame = _frame(tmp_path, np.zeros((2, 3, 3), np.uint8), np.zeros((2, 3), np.uint8))
    frame = replace(frame, taxonomy=Taxonomy("Two", (FLOOR, WALL), {1: 0, 2: 1, 0: VOID}))
    _write_palette(
        frame.label_path, np.array([[0, 1, 2], [2, 2, 1]], np.uint8), [9, 9, 9] * 3, **options
    )
    np.testing.assert_array_equal(read_frame(frame)[1], [[VOID, 0, 1], [1, 1, 0]])


def test_damaged_palette_labels(tmp_path: Path) -> None:
    frame = _frame(tmp_path, np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8))
    noise = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
    _write_palette(frame.label_path, noise, [9, 9, 9] * 256)
    content = frame.label_path.read_bytes()
    frame.label_path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DatasetError) as caught:
        read_frame(frame)
    assert str(caught.value).startswith(f"{frame.label_path} cannot be decoded as a picture: it is")


def test_palette_labels_need_pillow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = _frame(tmp_path, np.zeros((2, 3, 3), np.uint8), np.zeros((2, 3), np.uint8))
    _write_palette(frame.label_path, np.zeros((2, 3), np.uint8), [9, 9, 9])
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(DatasetError) as caught:
        read_frame(frame)
    assert str(caught.value) == (
        f"{frame.label_path} is a palette PNG, which OpenCV cannot read as labels; "
        "run `pip install pillow`"
    )


def test_label_without_a_meaning(tmp_path: Path) -> None:
    values = np.array([[7, 12, 33], [0, 40, 0]], np.uint8)
    frame = _frame(tmp_path, np.zeros((2, 3, 3), np.uint8), values)
    with pytest.raises(DatasetError) as caught:
        read_frame(frame)
    assert str(caught.value) == (
        f"{frame.label_path} holds the value 12, which Room does not know; "
        "expected 7 floor, 33 wall or, for void, 0, 255"
    )


def test_frames_share_a_taxonomy() -> None:
    # The same classes under other values mix well.
    shifted = Taxonomy("Shifted", ROOM.classes, {0: 0, 1: 1})
    frames = [_of("a"), LabelledFrame(Path("b.png"), Path("b_l.png"), "b", shifted)]
    assert common_taxonomy(frames) is ROOM


def test_other_classes_do_not_mix() -> None:
    swapped = Taxonomy("Swapped", (WALL, FLOOR), {0: 0, 1: 1})
    frames = [_of("a"), LabelledFrame(Path("b.png"), Path("b_l.png"), "b", swapped)]
    with pytest.raises(DatasetError) as caught:
        common_taxonomy(frames)
    assert str(caught.value) == (
        "b_l.png has the classes of Swapped, a_l.png those of Room; expected the same names and "
        "colours in the same order; describe both with one list of classes"
    )


def test_no_frames_have_no_taxonomy() -> None:
    with pytest.raises(DatasetError, match="no labelled frames; expected one or more"):
        common_taxonomy([])
