# SPDX-License-Identifier: Apache-2.0
"""Files appear whole or not at all."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.files import replacing, write_image


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _write_half(path: Path, error: BaseException) -> None:
    with replacing(path) as partial:
        partial.write_text("half")
        raise error


def test_new_content_takes_the_place_of_the_old(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    path.write_text("old, and longer")
    with replacing(path) as partial:
        assert partial != path
        assert partial.parent == path.parent
        assert partial.suffix == path.suffix
        partial.write_text("new")
        assert path.read_text() == "old, and longer"
    assert path.read_text() == "new"
    assert _names(tmp_path) == ["scores.json"]


def test_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a/b/c.txt"
    with replacing(path) as partial:
        partial.write_text("text")
    assert path.read_text() == "text"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "model.yaml"
    path.write_text("old")
    with pytest.raises(error):
        _write_half(path, error())
    assert path.read_text() == "old"
    assert _names(tmp_path) == ["model.yaml"]


def test_an_exception_leaves_no_new_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="broken"):
        _write_half(tmp_path / "model.yaml", ValueError("broken"))
    assert _names(tmp_path) == []


def test_a_block_that_writes_nothing_is_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "model.yaml"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), replacing(path):
        pass
    assert path.read_text() == "old"
    assert _names(tmp_path) == ["model.yaml"]


def test_colors_are_written_as_rgb(tmp_path: Path) -> None:
    pixels = np.array([[[255, 0, 0], [1, 2, 3]], [[0, 255, 0], [0, 0, 255]]], np.uint8)
    write_image(tmp_path / "picture.png", pixels)
    stored = np.asarray(cv2.imread(str(tmp_path / "picture.png"), cv2.IMREAD_UNCHANGED))
    np.testing.assert_array_equal(stored[:, :, ::-1], pixels)
    assert _names(tmp_path) == ["picture.png"]


def test_labels_are_written_as_one_channel(tmp_path: Path) -> None:
    labels = np.array([[0, 1, 2], [11, 254, 255]], np.uint8)
    write_image(tmp_path / "labels.png", labels)
    stored = cv2.imread(str(tmp_path / "labels.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(stored, labels)


def test_the_suffix_chooses_the_format(tmp_path: Path) -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    starts = {"a.png": b"\x89PNG", "a.jpg": b"\xff\xd8\xff", "a.bmp": b"BM"}
    for name, start in starts.items():
        write_image(tmp_path / name, pixels)
        assert (tmp_path / name).read_bytes().startswith(start)


@pytest.mark.parametrize("name", ["picture", "picture.segnet"])
def test_a_suffix_without_format(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(InferenceError) as caught:
        write_image(path, np.zeros((2, 2, 3), np.uint8))
    assert str(caught.value) == f"{path} names no image format; expected a suffix such as .png"
    assert _names(tmp_path) == []


def test_a_failed_write_leaves_the_old_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "picture.png"
    path.write_text("old")

    def write_half(name: str, pixels: np.ndarray) -> bool:
        Path(name).write_text("half")
        return False

    monkeypatch.setattr(cv2, "imwrite", write_half)
    with pytest.raises(InferenceError) as caught:
        write_image(path, np.zeros((2, 2), np.uint8))
    assert str(caught.value) == f"{path} cannot be written; check the folder and the disk"
    assert path.read_text() == "old"
    assert _names(tmp_path) == ["picture.png"]
