# SPDX-License-Identifier: Apache-2.0
"""Files appear whole or not at all."""

import errno
import os
import pickle
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.files import FileWriteError, replacing, write_image


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


@contextmanager
def small_files() -> Iterator[None]:
    """No file of this process may grow beyond 100 bytes, as on a disk that is nearly full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        yield
    finally:  # before pytest writes its own report, perhaps into a file
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", ["picture.png", "picture.jpg", "picture.bmp"])
def test_a_failed_write_leaves_the_old_picture(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("old")
    with pytest.raises(FileWriteError) as caught, small_files():
        write_image(path, np.arange(3000, dtype=np.uint16).astype(np.uint8).reshape(50, 60))
    assert caught.value.errno == errno.EFBIG
    assert str(caught.value) == (
        f"{path} cannot be written (File too large); expected room and the right to write. Make "
        "room, or choose another place"
    )
    assert path.read_text() == "old"
    assert _names(tmp_path) == [name]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file/scores.json"
    refused = pytest.raises(FileWriteError, match=rf"^{path} cannot be written \(.*exists\)")
    with refused, replacing(path):
        pass


def test_another_files_error_keeps_its_name(tmp_path: Path) -> None:
    other = tmp_path / "others/input.png"
    error = PermissionError(errno.EACCES, "Permission denied", str(other))
    with pytest.raises(PermissionError) as caught:
        _write_half(tmp_path / "out/scores.json", error)
    assert caught.value is error
    assert not isinstance(caught.value, FileWriteError)


def test_an_error_within_an_error_names_the_inner_file(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    inner = tmp_path / "inner.json"
    refused = pytest.raises(FileWriteError, match=rf"^{inner} cannot be written \(No space left")
    with refused, replacing(tmp_path / "outer.json"):
        _write_half(inner, full)
    assert _names(tmp_path) == []


def test_the_error_goes_through_a_pipe() -> None:
    error = FileWriteError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/disk/out.json")
    copied = pickle.loads(pickle.dumps(error))
    assert (str(copied), copied.errno) == (str(error), errno.ENOSPC)
