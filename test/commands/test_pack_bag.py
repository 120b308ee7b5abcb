# SPDX-License-Identifier: Apache-2.0
"""The verb `segnet pack-bag`."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import Reader

from segnet_ros.bags.message_types import typestore
from segnet_ros.cli import main


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(3):
        cv2.imwrite(str(folder / f"{index}.jpg"), np.full((16, 16, 3), 50 * index, np.uint8))
    return folder


def first_message(folder: Path) -> tuple[str, int, Any]:
    with Reader(folder) as reader:
        connection, time_ns, cdr = next(reader.messages())
        return connection.topic, time_ns, typestore().deserialize_cdr(cdr, connection.msgtype)


def test_images_become_a_recording(
    tmp_path: Path, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pack-bag", str(images), "-o", str(tmp_path / "bag")]) == 0
    assert capsys.readouterr().out == f"packed 3 images into {tmp_path}/bag\n"
    topic, time_ns, message = first_message(tmp_path / "bag")
    assert (topic, time_ns) == ("/camera/image_raw/compressed", 1_000_000_000)
    assert message.header.frame_id == "camera"
    assert message.data.tobytes() == (images / "0.jpg").read_bytes()
    with Reader(tmp_path / "bag") as reader:
        assert reader.end_time == 1_000_000_000 + round(2e9 / 30) + 1


def test_every_option(tmp_path: Path, images: Path) -> None:
    options = "--raw --topic /front/image --rate 10 --frame-id front --start 1700000000.123456789"
    command = ["pack-bag", str(images), "-o", str(tmp_path / "bag"), *options.split()]
    assert main([*command, "--storage", "sqlite3"]) == 0
    topic, time_ns, message = first_message(tmp_path / "bag")
    assert (topic, time_ns) == ("/front/image", 1_700_000_000_123_456_789)
    assert (message.header.frame_id, message.encoding) == ("front", "rgb8")
    with Reader(tmp_path / "bag") as reader:
        assert reader.end_time == time_ns + 200_000_001
    assert (tmp_path / "bag" / "bag.db3").exists()


def test_what_exists_is_refused(
    tmp_path: Path, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bag").mkdir()
    assert main(["pack-bag", str(images), "-o", str(tmp_path / "bag")]) == 1
    assert capsys.readouterr().err.startswith(f"segnet pack-bag: {tmp_path}/bag exists; expected")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--start", "-1"),
        ("--start", "soon"),
        ("--start", "nan"),
        ("--start", "2147483648"),
        ("--topic", "image"),
        ("--topic", "/1st"),
        ("--topic", "/a/"),
        ("--rate", "0"),
        ("--storage", "bag"),
    ],
)
def test_wrong_options_are_refused(
    tmp_path: Path, images: Path, capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["pack-bag", str(images), "-o", str(tmp_path / "bag"), f"{option}={value}"])
    assert caught.value.code == 2
    assert f"argument {option}: " in capsys.readouterr().err
