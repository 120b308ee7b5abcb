# SPDX-License-Identifier: Apache-2.0
"""Images as serialised messages."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.message_types import typestore
from segnet_ros.bags.recorded import COMPRESSED_IMAGE_TYPE, IMAGE_TYPE
from segnet_ros.bags.writing.image_messages import file_message, frame_message
from segnet_ros.messages.image_conversion import decode_compressed

STAMP_NS = 1_700_000_000_123_456_789


def picture() -> npt.NDArray[np.uint8]:
    """RGB [24,32,3] with smooth colours, which JPEG keeps."""
    rgb = np.empty((24, 32, 3), np.uint8)
    rgb[..., 0] = 5 * np.arange(32)
    rgb[..., 1] = 5 * np.arange(24)[:, None]
    rgb[..., 2] = 80
    return rgb


def write(path: Path, suffix: str = "") -> bytes:
    _, content = cv2.imencode(suffix or path.suffix, picture()[..., ::-1])
    path.write_bytes(content.tobytes())
    return content.tobytes()


def read(cdr: bytes, raw: bool) -> Any:
    message: Any = typestore().deserialize_cdr(cdr, IMAGE_TYPE if raw else COMPRESSED_IMAGE_TYPE)
    assert message.header.stamp.sec * 10**9 + message.header.stamp.nanosec == STAMP_NS
    assert message.header.frame_id == "front"
    return message


@pytest.mark.parametrize(("name", "codec"), [("a.png", "png"), ("a.jpg", "jpeg")])
def test_files_are_copied_byte_for_byte(tmp_path: Path, name: str, codec: str) -> None:
    content = write(tmp_path / name)
    message = read(file_message(tmp_path / name, False, STAMP_NS, "front"), raw=False)
    assert message.data.tobytes() == content
    assert message.format == codec


def test_the_content_decides_not_the_name(tmp_path: Path) -> None:
    content = write(tmp_path / "a.png", ".jpg")
    message = read(file_message(tmp_path / "a.png", False, STAMP_NS, "front"), raw=False)
    assert (message.format, message.data.tobytes()) == ("jpeg", content)


def test_bmp_becomes_png(tmp_path: Path) -> None:
    write(tmp_path / "a.bmp")
    message = read(file_message(tmp_path / "a.bmp", False, STAMP_NS, "front"), raw=False)
    assert message.format == "png"
    np.testing.assert_array_equal(decode_compressed(message), picture())


@pytest.mark.parametrize("name", ["a.png", "a.bmp"])
def test_raw_images_are_decoded(tmp_path: Path, name: str) -> None:
    write(tmp_path / name)
    message = read(file_message(tmp_path / name, True, STAMP_NS, "front"), raw=True)
    assert (message.height, message.width, message.step) == (24, 32, 96)
    assert (message.encoding, message.is_bigendian) == ("rgb8", 0)
    np.testing.assert_array_equal(message.data.reshape(24, 32, 3), picture())


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp"])
def test_a_file_cut_short_is_named(tmp_path: Path, name: str, raw: bool) -> None:
    content = write(tmp_path / name)
    (tmp_path / name).write_bytes(content[: len(content) // 3])
    with pytest.raises(BagError, match=rf"{name} cannot be decoded as a picture"):
        file_message(tmp_path / name, raw, STAMP_NS, "front")


@pytest.mark.parametrize("content", [b"", b"BM", b"text"])
def test_what_is_no_image_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(BagError, match=r"a\.png cannot be decoded"):
        file_message(tmp_path / "a.png", False, STAMP_NS, "front")


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(BagError, match=r"a\.png cannot be read: No such file"):
        file_message(tmp_path / "a.png", False, STAMP_NS, "front")


def test_raw_frames_keep_their_pixels() -> None:
    message = read(frame_message(picture(), True, STAMP_NS, "front"), raw=True)
    np.testing.assert_array_equal(message.data.reshape(24, 32, 3), picture())


def test_frames_become_jpeg() -> None:
    message = read(frame_message(picture(), False, STAMP_NS, "front"), raw=False)
    assert message.format == "jpeg"
    difference = decode_compressed(message).astype(int) - picture()
    assert np.abs(difference).max() <= 12
    assert np.abs(difference).mean() < 2
