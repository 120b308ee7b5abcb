# SPDX-License-Identifier: Apache-2.0
"""Video files, read back."""

import resource
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.video import video_writer

Pixels = npt.NDArray[np.uint8]
COLORS = ((220, 20, 30), (30, 210, 40), (20, 40, 230), (128, 128, 128))


def _plain(color: tuple[int, int, int]) -> Pixels:
    return np.full((48, 64, 3), color, np.uint8)


def _read(path: Path) -> tuple[list[Pixels], float]:
    capture = cv2.VideoCapture(str(path))
    rate = capture.get(cv2.CAP_PROP_FPS)
    pictures = []
    while (read := capture.read())[0]:
        pictures.append(np.asarray(read[1][:, :, ::-1], np.uint8))
    capture.release()
    return pictures, rate


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _write_half(path: Path) -> None:
    with video_writer(path, 10) as append:
        append(_plain(COLORS[0]))
        raise KeyboardInterrupt


def test_pictures_come_back_in_order_and_color(tmp_path: Path) -> None:
    path = tmp_path / "made/here/overlay.mp4"
    with video_writer(path, 12.5) as append:
        for color in COLORS:
            append(_plain(color))
        assert not path.exists()
    pictures, rate = _read(path)
    assert rate == pytest.approx(12.5)
    assert len(pictures) == len(COLORS)
    for picture, color in zip(pictures, COLORS, strict=True):
        assert picture.shape == (48, 64, 3)
        np.testing.assert_allclose(picture.mean(axis=(0, 1)), color, atol=12)
    assert _names(path.parent) == ["overlay.mp4"]


def test_an_exception_leaves_the_old_video(tmp_path: Path) -> None:
    path = tmp_path / "overlay.mp4"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        _write_half(path)
    assert path.read_text() == "old"
    assert _names(tmp_path) == ["overlay.mp4"]


def test_a_video_without_pictures(tmp_path: Path) -> None:
    path = tmp_path / "overlay.mp4"
    path.write_text("old")
    with pytest.raises(InferenceError) as caught, video_writer(path, 10):
        pass
    assert str(caught.value) == (f"{path} was not written: no picture came; expected at least one")
    assert path.read_text() == "old"
    assert _names(tmp_path) == ["overlay.mp4"]


def test_no_encoder(tmp_path: Path) -> None:
    path = tmp_path / "overlay.segnet"
    with pytest.raises(InferenceError) as caught, video_writer(path, 10) as append:
        append(_plain(COLORS[0]))
    assert str(caught.value) == (
        f"{path} cannot be written: OpenCV has no encoder for it here, or the disk is full; make "
        "room, or choose another place"
    )
    assert _names(tmp_path) == []


def _write_noise(path: Path) -> None:
    with video_writer(path, 10) as append:
        for picture in np.random.default_rng(3).integers(0, 255, (10, 48, 64, 3), np.uint8):
            append(picture)


@pytest.mark.parametrize(
    ("size", "told"),
    [(5000, "0 of 10 pictures are in it, as where the disk is full"), (0, "or the disk is full")],
)
def test_a_full_disk_leaves_the_old_video(tmp_path: Path, size: int, told: str) -> None:
    """In the middle of the pictures, and before the first one."""
    path = tmp_path / "overlay.mp4"
    path.write_text("old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        with pytest.raises(InferenceError, match=rf"^{path} cannot be written.*{told}"):
            _write_noise(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_text() == "old"
    assert _names(tmp_path) == ["overlay.mp4"]
