# SPDX-License-Identifier: Apache-2.0
"""Files of a few hundred bytes that declare billions of pixels cost no memory."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from segnet_ros.inference.opencv_limits import LIMITS, limit_opencv
from segnet_ros.inference.picture_files import MAX_FILE_BYTES, PictureError, read_picture
from segnet_ros.inference.picture_header import MAX_PIXELS, declared_size

pytest.importorskip("fsspec", reason="needs fsspec: pip install 'segnet_ros[bag]'")
pytest.importorskip("rosbags", reason="needs rosbags: pip install 'segnet_ros[bag]'")

HERE = Path(__file__).parent
BOUND = 24.0  # MiB: a decoder's own tables, not a picture
# It decodes one frame to know a video's format: at most 2^28 pixels.
FFMPEG_BOUND = 2**28 * 3 / 2**20
SIDE = 60_000


def _sibling(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bombs = _sibling("bombs")
Answers = Mapping[tuple[str, str], tuple[str, float]]
FILES = {
    "bomb.png": bombs.png(SIDE, SIDE),
    "grey.png": bombs.png(SIDE, SIDE, color=0),
    "palette.png": bombs.png(SIDE, SIDE, color=3),
    "bomb.jpg": bombs.jpeg(SIDE, SIDE),
    "bomb.bmp": bombs.bmp(SIDE, SIDE),
    "bomb.pgm": bombs.pgm(SIDE, SIDE),
    "bomb.tif": bombs.tiff(SIDE, SIDE),
    "just_over.png": bombs.png(MAX_PIXELS + 1, 1),
    "just_over.bmp": bombs.bmp(8001, 8000),
    "bomb.avi": bombs.avi(9000, 9000, [bombs.png(9000, 9000)] * 2),
    "chunk.png": bombs.png(8, 8)[:33] + b"\x7f\xff\xff\xf0tEXt" + bytes(40),
    "giant.avi": bombs.avi(SIDE, SIDE, [bombs.png(SIDE, SIDE)] * 2),
}
HEADERS = ("bomb.png", "grey.png", "palette.png", "bomb.jpg")
OTHERS = ("bomb.bmp", "bomb.pgm", "bomb.tif")
CASES = [
    *((reader, name) for reader in ("image", "labels", "picture") for name in (*HEADERS, *OTHERS)),
    *(("clip", name) for name in ("bomb.png", "bomb.jpg", "bomb.bmp")),
    *(("packed", name) for name in ("bomb.png", "bomb.jpg", "bomb.bmp")),
    *(("message", name) for name in HEADERS),
    ("picture", "just_over.png"),
    ("picture", "just_over.bmp"),
    ("palette", "palette.png"),
]
ERRORS = {
    "clip": "ClipError", "packed": "BagError", "message": "ImageConversionError",
    "image": "DatasetError", "labels": "DatasetError", "picture": "PictureError",
    "palette": "PictureError",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bombs")
    for name, content in FILES.items():
        assert len(content) < 2000
        (folder / name).write_bytes(content)
    cv2.imwrite(str(folder / "small.png"), np.zeros((2, 3), np.uint8))
    cv2.imwrite(str(folder / "honest.png"), np.zeros((5000, 5000), np.uint8))
    return folder


def ask(folder: Path, cases: Sequence[tuple[str, str]]) -> Answers:
    """What a process of its own says and takes."""
    environment = {name: value for name, value in os.environ.items() if name not in LIMITS}
    done = subprocess.run(
        [sys.executable, str(HERE / "bomb_reader.py"), str(folder)],
        input=json.dumps(cases), capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    return dict(zip(cases, map(tuple, json.loads(done.stdout)), strict=True))


MORE = [("clip", "bomb.avi"), ("clip", "giant.avi"), ("picture", "honest.png")]
CHUNK = [(reader, "chunk.png") for reader in ("clip", "image", "labels", "picture", "packed")]


@pytest.fixture(scope="module")
def answers(folder: Path) -> Answers:
    return ask(folder, [*CASES, *MORE, *CHUNK])


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_a_bomb_is_refused_for_its_size(answers: Answers, case: tuple[str, str]) -> None:
    if case[0] == "palette":
        pytest.importorskip("PIL", reason="needs Pillow: pip install pillow")
    said, taken = answers[case]
    assert said.startswith(f"{ERRORS[case[0]]}: ")
    assert f"at most {MAX_PIXELS}" in said
    assert "\n" not in said
    if case[1] in HEADERS:
        assert f"declares {SIDE} x {SIDE} pixels" in said
    assert taken < BOUND


@pytest.mark.parametrize("case", CHUNK, ids="-".join)
def test_a_chunk_of_two_gigabytes_is_not_made_room_for(
    answers: Answers, case: tuple[str, str]
) -> None:
    said, taken = answers[case]
    assert "chunk.png cannot be decoded as a picture" in said
    assert taken < BOUND


def test_a_video_bomb_is_refused_before_its_frames(answers: Answers) -> None:
    said, taken = answers["clip", "bomb.avi"]
    assert said.startswith("ClipError: ")
    assert "bomb.avi declares 9000 x 9000 pixels" in said
    assert taken < FFMPEG_BOUND


def test_ffmpeg_refuses_larger_ones_itself(answers: Answers) -> None:
    said, taken = answers["clip", "giant.avi"]
    assert "giant.avi cannot be read as a video" in said
    assert taken < BOUND


def test_the_measurement_sees_a_picture(answers: Answers) -> None:
    said, taken = answers["picture", "honest.png"]
    assert said == ""
    assert taken > 5000 * 5000 * 3 / 2**20 - 1


def test_opencv_has_the_limit_wherever_the_package_is(folder: Path) -> None:
    program = "import segnet_ros, cv2, sys; cv2.imread(sys.argv[1])"
    environment = {name: value for name, value in os.environ.items() if name not in LIMITS}
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder / "just_over.bmp")],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode == 1
    assert "CV_IO_MAX_IMAGE_PIXELS" in done.stderr


def test_what_the_user_has_set_stays() -> None:
    environment = {"OPENCV_IO_MAX_IMAGE_PIXELS": "5"}
    limit_opencv(environment)
    assert environment == {**LIMITS, "OPENCV_IO_MAX_IMAGE_PIXELS": "5"}
    assert LIMITS["OPENCV_IO_MAX_IMAGE_PIXELS"] == str(MAX_PIXELS)


def test_what_is_declared_is_read() -> None:
    assert declared_size(bombs.png(7, 9)) == (9, 7, 16)
    assert declared_size(bombs.jpeg(7, 9)) == (9, 7, 12)
    assert declared_size(bombs.bmp(7, 9)) is None
    assert declared_size(b"") is None
    assert declared_size(bombs.png(7, 9)[:12]) is None
    assert declared_size(bombs.jpeg(7, 9)[:10]) is None


def test_a_pipe_is_no_picture(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(PictureError, match=r"a\.png cannot be decoded as a picture"):
        read_picture(tmp_path / "a.png", cv2.IMREAD_COLOR)


def test_a_file_too_long_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    os.truncate(tmp_path / "a.png", MAX_FILE_BYTES + 1)
    monkeypatch.setattr("segnet_ros.inference.picture_files.MAX_FILE_BYTES", 1000)
    with pytest.raises(PictureError, match=r"a\.png is no picture: longer than 1000 bytes"):
        read_picture(tmp_path / "a.png", cv2.IMREAD_COLOR)
