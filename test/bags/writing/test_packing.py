# SPDX-License-Identifier: Apache-2.0
"""Images and videos as recordings."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from rosbags.rosbag2 import Reader

from segnet_ros.bags.clip import ClipError
from segnet_ros.bags.errors import BagError
from segnet_ros.bags.message_types import typestore
from segnet_ros.bags.recorded import COMPRESSED_IMAGE_TYPE, IMAGE_TYPE
from segnet_ros.bags.writing.packing import Packing, pack_images

PACKING = Packing("/front/image", "front", start_ns=7_000_000_001, rate=None, raw=False)


def picture(index: int) -> npt.NDArray[np.uint8]:
    return np.full((16, 16, 3), 20 * index, np.uint8)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Twelve PNG files whose natural order is not their alphabetical one, and a label beside."""
    folder = tmp_path / "images"
    (folder / "labels").mkdir(parents=True)
    for index in range(12):
        cv2.imwrite(str(folder / f"frame{index}.png"), picture(index))
    cv2.imwrite(str(folder / "labels" / "frame0.png"), picture(0))
    return folder


@pytest.fixture
def video(tmp_path: Path) -> Path:
    writer = cv2.VideoWriter(
        str(tmp_path / "clip.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (16, 16)
    )
    for index in range(5):
        writer.write(picture(index))
    writer.release()
    return tmp_path / "clip.avi"


def contents(folder: Path) -> list[tuple[str, str, int, Any]]:
    """Topic, type, time and message."""
    with Reader(folder) as reader:
        return [
            (c.topic, c.msgtype, time, typestore().deserialize_cdr(cdr, c.msgtype))
            for c, time, cdr in reader.messages()
        ]


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_files_are_packed_in_natural_order(tmp_path: Path, images: Path, storage: str) -> None:
    assert pack_images(images, tmp_path / "bag", storage, PACKING) == 12
    for index, (topic, kind, time_ns, message) in enumerate(contents(tmp_path / "bag")):
        assert (topic, kind) == ("/front/image/compressed", COMPRESSED_IMAGE_TYPE)
        assert message.data.tobytes() == (images / f"frame{index}.png").read_bytes()
        assert time_ns == 7_000_000_001 + round(index * 1e9 / 30)
        stamp = message.header.stamp
        assert stamp.sec * 10**9 + stamp.nanosec == time_ns
        assert message.header.frame_id == "front"
    assert index == 11


def test_raw_images_at_a_rate(tmp_path: Path, images: Path) -> None:
    pack_images(images, tmp_path / "bag", "mcap", replace(PACKING, raw=True, rate=4.0))
    found = contents(tmp_path / "bag")
    assert {(topic, kind) for topic, kind, _, _ in found} == {("/front/image", IMAGE_TYPE)}
    assert [time_ns - 7_000_000_001 for _, _, time_ns, _ in found] == [
        250_000_000 * index for index in range(12)
    ]
    assert [int(message.data[0]) for _, _, _, message in found] == [20 * i for i in range(12)]


def test_a_single_image(tmp_path: Path, images: Path) -> None:
    assert pack_images(images / "frame3.png", tmp_path / "bag", "mcap", PACKING) == 1
    ((_, _, time_ns, message),) = contents(tmp_path / "bag")
    assert time_ns == 7_000_000_001
    assert message.data.tobytes() == (images / "frame3.png").read_bytes()


def test_a_video_keeps_its_rate(tmp_path: Path, video: Path) -> None:
    assert pack_images(video, tmp_path / "bag", "mcap", replace(PACKING, raw=True)) == 5
    found = contents(tmp_path / "bag")
    assert [time_ns for _, _, time_ns, _ in found] == [
        7_000_000_001 + 100_000_000 * index for index in range(5)
    ]
    levels = [float(message.data.mean()) for _, _, _, message in found]
    np.testing.assert_allclose(levels, [20 * index for index in range(5)], atol=3)


def test_a_videos_frames_become_jpeg(tmp_path: Path, video: Path) -> None:
    pack_images(video, tmp_path / "bag", "mcap", PACKING)
    assert {message.format for _, _, _, message in contents(tmp_path / "bag")} == {"jpeg"}


def test_packing_twice_gives_the_same_bytes(tmp_path: Path, images: Path) -> None:
    pack_images(images, tmp_path / "a" / "bag", "mcap", PACKING)
    pack_images(images, tmp_path / "b" / "bag", "mcap", PACKING)
    for name in ("bag_0.mcap", "metadata.yaml"):
        first = (tmp_path / "a" / "bag" / name).read_bytes()
        assert first == (tmp_path / "b" / "bag" / name).read_bytes()


def test_an_unreadable_image_is_named_and_leaves_nothing(tmp_path: Path, images: Path) -> None:
    (images / "frame10.png").write_bytes(b"\x89PNG")
    with pytest.raises(BagError, match=r"frame10\.png cannot be decoded"):
        pack_images(images, tmp_path / "bag", "mcap", PACKING)
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


def test_a_recording_is_refused(tmp_path: Path, images: Path) -> None:
    pack_images(images, tmp_path / "bag", "mcap", PACKING)
    with pytest.raises(BagError, match=r"bag is a recording already; expected images or a video"):
        pack_images(tmp_path / "bag", tmp_path / "other", "mcap", PACKING)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(ClipError, match="none of them an image"):
        pack_images(tmp_path / "none", tmp_path / "bag", "mcap", PACKING)
