"""CamVid's folders: what is found and read, and what is refused with which words."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from segnet_ros.evaluation.camvid import (
    CLASS_COLORS,
    CLASS_NAMES,
    VOID,
    DatasetError,
    LabelledFrame,
    find_frames,
    read_frame,
    split_by_sequence,
)
from segnet_ros.inference.files import write_image

Pixels = npt.NDArray[np.uint8]
NAMES = ("0016E5_07959.png", "Seq05VD_f00000.png", "0001TP_006690.png", "0016E5_00390.png")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in NAMES:
        write_image(tmp_path / "val" / name, np.zeros((2, 3, 3), np.uint8))
        write_image(tmp_path / "valannot" / name, np.zeros((2, 3), np.uint8))
    return tmp_path


def _frame(folder: Path, image: Pixels, labels: Pixels) -> LabelledFrame:
    frame = LabelledFrame(folder / "image.png", folder / "label.png")
    write_image(frame.image_path, image)
    cv2.imwrite(str(frame.label_path), labels)
    return frame


def _refusal(root: Path, split: str) -> str:
    with pytest.raises(DatasetError) as caught:
        find_frames(root, split)
    return str(caught.value)


def test_classes_are_distinct_and_void_follows_them() -> None:
    assert len(CLASS_NAMES) == len(set(CLASS_NAMES)) == VOID == 11
    assert len(CLASS_COLORS) == len(set(CLASS_COLORS)) == 11
    colors = dict(zip(CLASS_NAMES, CLASS_COLORS, strict=True))
    assert colors["Road"] == (128, 64, 128)
    assert colors["Car"] == (64, 0, 128)


def test_frames_are_listed_by_name(root: Path) -> None:
    (root / "val/readme.txt").touch()
    (root / "valannot/0099XX_1.png").touch()
    assert find_frames(root, "val") == [
        LabelledFrame(root / "val" / name, root / "valannot" / name) for name in sorted(NAMES)
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
    expected = f"no PNG files in {tmp_path / 'train'}; expected one per frame"
    assert _refusal(tmp_path, "train") == expected


def test_missing_labels(root: Path) -> None:
    for name in ("0016E5_07959.png", "0001TP_006690.png"):
        (root / "valannot" / name).unlink()
    assert _refusal(root, "val") == (
        f"2 of 4 pictures in {root / 'val'} have no labels, "
        f"first {root / 'valannot/0001TP_006690.png'}; restore them or remove the pictures"
    )


def test_sequence_is_the_start_of_the_name(root: Path) -> None:
    sequences = [frame.sequence for frame in find_frames(root, "val")]
    assert sequences == ["0001TP", "0016E5", "0016E5", "Seq05VD"]


def test_whole_sequences_are_held_out(root: Path) -> None:
    frames = find_frames(root, "val")
    assert split_by_sequence(frames, ["0016E5"]) == ([frames[0], frames[3]], frames[1:3])
    assert split_by_sequence(frames, ["Seq05VD", "0001TP"]) == (
        frames[1:3], [frames[0], frames[3]],
    )  # fmt: skip
    assert split_by_sequence(frames, []) == (frames, [])


def test_unknown_sequence(root: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        split_by_sequence(find_frames(root, "val"), ["0016E5", "B", "A"])
    assert str(caught.value) == "no sequence A, B; there are 0001TP, 0016E5, Seq05VD"


def test_nothing_left(root: Path) -> None:
    frames = find_frames(root, "val")
    with pytest.raises(DatasetError) as caught:
        split_by_sequence(frames, ["0001TP", "0016E5", "Seq05VD"])
    assert str(caught.value) == "holding out every sequence leaves no frame to train on"


def test_picture_is_rgb_and_labels_are_ids(tmp_path: Path) -> None:
    image = np.array([[[255, 0, 0], [0, 255, 0], [1, 2, 3]]], np.uint8)
    labels = np.array([[0, 10, VOID]], np.uint8)
    read_image, read_labels = read_frame(_frame(tmp_path, image, labels))
    np.testing.assert_array_equal(read_image, image)
    np.testing.assert_array_equal(read_labels, labels)
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
    assert str(caught.value) == f"{path} cannot be decoded as a picture; restore or remove it"


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
        f"{frame.label_path} is {found}; expected one uint8 class id per pixel of image.png, (2, 3)"
    )


def test_label_out_of_range(tmp_path: Path) -> None:
    labels = np.array([[0, 12, 3], [1, 1, 1]], np.uint8)
    frame = _frame(tmp_path, np.zeros((2, 3, 3), np.uint8), labels)
    with pytest.raises(DatasetError) as caught:
        read_frame(frame)
    assert str(caught.value) == (
        f"{frame.label_path} holds class id 12; expected 0..10 ({', '.join(CLASS_NAMES)}) "
        "or 11 for void"
    )
