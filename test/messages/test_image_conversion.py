# SPDX-License-Identifier: Apache-2.0
"""Values, layouts and refusals of the message <-> array conversions."""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from segnet_ros.messages import image_conversion
from segnet_ros.messages.image_conversion import (
    ImageConversionError,
    decode_compressed,
    encode_png,
    fill_image,
    to_rgb,
)

if TYPE_CHECKING:
    from collections.abc import Callable

try:
    from sensor_msgs.msg import CompressedImage, Image
except ImportError:
    Image = CompressedImage = None

Bytes = npt.NDArray[np.uint8]

RED, GREEN, BLUE = 200, 120, 40


@dataclass
class PlainImage:
    """An Image as rosbags deserialises it: the same fields, `data` an ndarray."""

    header: str = "untouched"
    height: int = 0
    width: int = 0
    encoding: str = ""
    is_bigendian: int = 0
    step: int = 0
    data: Any = field(default_factory=lambda: np.empty(0, np.uint8))


@dataclass
class PlainCompressed:
    header: str = "untouched"
    format: str = ""
    data: Any = field(default_factory=lambda: np.empty(0, np.uint8))


@dataclass
class Kind:
    """One sort of message: its two types and how its `data` is made from bytes."""

    image: Any
    compressed: Any
    data: Any


GENUINE = pytest.param(
    Kind(Image, CompressedImage, lambda content: array("B", content)),
    id="rclpy",
    marks=pytest.mark.skipif(Image is None, reason="sensor_msgs is not installed"),
)
PLAIN = pytest.param(
    Kind(PlainImage, PlainCompressed, lambda content: np.frombuffer(content, np.uint8)),
    id="rosbags",
)


@pytest.fixture(params=[GENUINE, PLAIN])
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


def raw(kind: Kind, encoding: str, size: tuple[int, int], rows: Bytes, **changes: Any) -> Any:
    """Build an Image of `size` (height, width) from rows of bytes, step being their length."""
    fields = {"height": size[0], "width": size[1], "step": rows.shape[1], "is_bigendian": 0}
    content = changes.pop("content", rows.tobytes())
    message = kind.image(encoding=encoding, **{**fields, **changes})
    message.data = kind.data(content)
    return message


def padded(rows: Bytes, padding: int) -> Bytes:
    """Append `padding` bytes of 0xAA to each row."""
    return np.pad(rows, ((0, 0), (0, padding)), constant_values=0xAA)


def colours(height: int = 4, width: int = 6) -> Bytes:
    """RGB image whose every pixel and channel differs from its neighbours."""
    y, x = np.mgrid[:height, :width]
    return np.stack([RED + 5 * y + x, GREEN + 7 * y - x, BLUE - 3 * y + 2 * x], -1).astype(np.uint8)


def packed(encoding: str, rgb: Bytes) -> Bytes:
    """Rows of bytes that hold `rgb` in a packed 8-bit encoding."""
    alpha = np.full_like(rgb[..., :1], 77)
    layouts = {
        "rgb8": rgb,
        "bgr8": rgb[..., ::-1],
        "8UC3": rgb[..., ::-1],
        "rgba8": np.concatenate([rgb, alpha], -1),
        "bgra8": np.concatenate([rgb[..., ::-1], alpha], -1),
    }
    return np.ascontiguousarray(layouts[encoding]).reshape(len(rgb), -1)


PADDINGS = pytest.mark.parametrize("padding", [0, 1, 13])


@PADDINGS
@pytest.mark.parametrize("encoding", ["rgb8", "bgr8", "8UC3", "rgba8", "bgra8"])
def test_packed_colour_keeps_every_channel(kind: Kind, encoding: str, padding: int) -> None:
    rgb = colours()
    message = raw(kind, encoding, (4, 6), padded(packed(encoding, rgb), padding))
    result = to_rgb(message)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, rgb)


@PADDINGS
@pytest.mark.parametrize("encoding", ["mono8", "8UC1"])
def test_grey_is_repeated(kind: Kind, encoding: str, padding: int) -> None:
    grey = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10
    result = to_rgb(raw(kind, encoding, (4, 6), padded(grey, padding)))
    np.testing.assert_array_equal(result, np.dstack([grey] * 3))


@PADDINGS
@pytest.mark.parametrize(("is_bigendian", "dtype"), [(0, "<u2"), (1, ">u2")])
def test_mono16_keeps_the_high_byte(
    kind: Kind, is_bigendian: int, dtype: str, padding: int
) -> None:
    high = np.arange(24, dtype=np.uint16).reshape(4, 6) * 10
    rows = (high * 256 + 255 - high).astype(dtype).view(np.uint8)
    message = raw(kind, "mono16", (4, 6), padded(rows, padding), is_bigendian=is_bigendian)
    np.testing.assert_array_equal(to_rgb(message), np.dstack([high] * 3))


def limited_range_rgb(y: int, u: int, v: int) -> Bytes:
    """ITU-R BT.601 limited range, by the standard's luma weights 0.299 and 0.114."""
    luma, blue, red = (y - 16) / 219, (u - 128) / 224, (v - 128) / 224
    r = luma + 2 * (1 - 0.299) * red
    b = luma + 2 * (1 - 0.114) * blue
    g = (luma - 0.299 * r - 0.114 * b) / 0.587
    return np.clip(np.rint(255 * np.array([r, g, b])), 0, 255).astype(np.uint8)


# Two blocks side by side with distinct luma, U and V in each: (luma of its pixels, U, V).
LUMA = ([60, 90, 110, 140], [70, 100, 120, 150])
CHROMA = [(100, 150), (150, 110)]


def yuv_rows(encoding: str) -> Bytes:
    (u0, v0), (u1, v1) = CHROMA
    if encoding in ("nv12", "nv21"):
        pairs = [u0, v0, u1, v1] if encoding == "nv12" else [v0, u0, v1, u1]
        return np.array([*LUMA, pairs], np.uint8)
    if encoding in ("uyvy", "yuv422"):
        return np.array([[u0, a, v0, b, u1, c, v1, d] for a, b, c, d in LUMA], np.uint8)
    return np.array([[a, u0, b, v0, c, u1, d, v1] for a, b, c, d in LUMA], np.uint8)


@PADDINGS
@pytest.mark.parametrize("encoding", ["uyvy", "yuv422", "yuyv", "yuv422_yuy2", "nv12", "nv21"])
def test_yuv_is_bt601_limited_range(kind: Kind, encoding: str, padding: int) -> None:
    message = raw(kind, encoding, (2, 4), padded(yuv_rows(encoding), padding))
    expected = [[limited_range_rgb(y, *CHROMA[x // 2]) for x, y in enumerate(row)] for row in LUMA]
    np.testing.assert_allclose(to_rgb(message).astype(int), expected, atol=1)


@pytest.mark.parametrize(("luma", "grey"), [(16, 0), (235, 255)])
def test_yuv_black_and_white_points(kind: Kind, luma: int, grey: int) -> None:
    message = raw(kind, "uyvy", (1, 2), np.array([[128, luma, 128, luma]], np.uint8))
    np.testing.assert_array_equal(to_rgb(message), np.full((1, 2, 3), grey))


@PADDINGS
@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_bayer_pattern_is_read_as_ros_names_it(kind: Kind, pattern: str, padding: int) -> None:
    value = {"r": RED, "g": GREEN, "b": BLUE}
    cell = np.array([value[letter] for letter in pattern], np.uint8).reshape(2, 2)
    rows = padded(np.tile(cell, (4, 5)), padding)
    result = to_rgb(raw(kind, f"bayer_{pattern}8", (8, 10), rows))
    np.testing.assert_array_equal(result, np.full((8, 10, 3), (RED, GREEN, BLUE)))


@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_bayer_images_have_at_least_3_by_3_pixels(kind: Kind, pattern: str) -> None:
    encoding, rows = f"bayer_{pattern}8", np.full((3, 3), 90, np.uint8)
    np.testing.assert_array_equal(to_rgb(raw(kind, encoding, (3, 3), rows)), np.full((3, 3, 3), 90))
    for size in ((2, 3), (3, 2)):
        with pytest.raises(ImageConversionError, match="expected at least 3 x 3"):
            to_rgb(raw(kind, encoding, size, rows))


@pytest.mark.parametrize(
    ("encoding", "size"),
    [(encoding, (2, 3)) for encoding in ("uyvy", "yuv422", "yuyv", "yuv422_yuy2", "nv12", "nv21")]
    + [(encoding, (3, 2)) for encoding in ("nv12", "nv21")],
)
def test_chroma_is_shared_by_whole_blocks(kind: Kind, encoding: str, size: tuple[int, int]) -> None:
    with pytest.raises(ImageConversionError, match="expected a width divisible by 2"):
        to_rgb(raw(kind, encoding, size, np.zeros((6, 8), np.uint8)))


def test_every_encoding_is_tested() -> None:
    tested = {"rgb8", "bgr8", "8UC3", "rgba8", "bgra8", "mono8", "8UC1", "mono16"}
    tested |= {"uyvy", "yuv422", "yuyv", "yuv422_yuy2", "nv12", "nv21"}
    tested |= {f"bayer_{pattern}8" for pattern in ("rggb", "bggr", "gbrg", "grbg")}
    assert set(image_conversion._ENCODINGS) == tested


def test_rgb8_is_a_read_only_view(kind: Kind) -> None:
    message = raw(kind, "rgb8", (4, 6), padded(packed("rgb8", colours()), 5))
    result = to_rgb(message)
    assert np.shares_memory(result, np.frombuffer(message.data, np.uint8))
    assert not result.flags.writeable


def test_message_is_left_as_it_was(kind: Kind) -> None:
    rows = packed("bgr8", colours())
    message = raw(kind, "bgr8", (4, 6), rows)
    to_rgb(message)[:] = 0
    assert bytes(message.data) == rows.tobytes()


@pytest.mark.parametrize("encoding", ["bgr8", "rgb8"])
def test_trailing_bytes_are_ignored(kind: Kind, encoding: str) -> None:
    rows = packed(encoding, colours())
    message = raw(kind, encoding, (4, 6), rows, content=rows.tobytes() + bytes(100))
    np.testing.assert_array_equal(to_rgb(message), colours())


@pytest.mark.parametrize("encoding", ["bgr8", "rgb8"])
def test_last_row_may_lack_its_padding(kind: Kind, encoding: str) -> None:
    rows = padded(packed(encoding, colours()), 7)
    message = raw(kind, encoding, (4, 6), rows, content=rows.tobytes()[:-7])
    np.testing.assert_array_equal(to_rgb(message), colours())


def test_last_chroma_row_may_lack_its_padding(kind: Kind) -> None:
    rows = padded(yuv_rows("nv12"), 7)
    whole = to_rgb(raw(kind, "nv12", (2, 4), rows))
    cut = to_rgb(raw(kind, "nv12", (2, 4), rows, content=rows.tobytes()[:-7]))
    np.testing.assert_array_equal(cut, whole)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1)])
@pytest.mark.parametrize("encoding", ["bgr8", "rgb8"])
def test_single_rows_and_columns(kind: Kind, encoding: str, size: tuple[int, int]) -> None:
    rgb = colours(*size)
    message = raw(kind, encoding, size, padded(packed(encoding, rgb), 3))
    np.testing.assert_array_equal(to_rgb(message), rgb)


SUPPORTED = (
    "rgb8, bgr8, rgba8, bgra8, mono8, mono16, 8UC1, 8UC3, uyvy, yuv422, yuyv, yuv422_yuy2, nv12, "
    "nv21, bayer_rggb8, bayer_bggr8, bayer_gbrg8, bayer_grbg8"
)


@pytest.mark.parametrize("encoding", ["", "rgb16", "RGB8", "32FC1", "h264"])
def test_unknown_encoding_lists_the_supported(kind: Kind, encoding: str) -> None:
    message = raw(kind, encoding, (4, 6), packed("rgb8", colours()))
    with pytest.raises(ImageConversionError) as caught:
        to_rgb(message)
    assert str(caught.value) == (
        f"image encoding {encoding!r} is not supported, expected one of {SUPPORTED}; change the "
        "camera driver's output encoding, or install cv_bridge for rarer ones"
    )


def cv_bridge_that(convert: Callable[[Any, str], Any]) -> SimpleNamespace:
    """A stand-in: the genuine one needs a ROS distribution."""
    return SimpleNamespace(CvBridge=lambda: SimpleNamespace(imgmsg_to_cv2=convert))


def test_rare_encodings_go_through_cv_bridge(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = colours(4, 6)
    asked: list[tuple[str, str]] = []

    def convert(message: Any, to: str) -> Any:
        asked.append((message.encoding, to))
        return pixels

    monkeypatch.setitem(sys.modules, "cv_bridge", cv_bridge_that(convert))
    message = raw(kind, "rgb16", (4, 6), packed("rgb8", pixels))
    np.testing.assert_array_equal(to_rgb(message), pixels)
    assert asked == [("rgb16", "rgb8")]


def test_what_cv_bridge_refuses_is_one_error(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    def convert(message: Any, to: str) -> Any:
        msg = "buffer is too small"
        raise TypeError(msg)

    monkeypatch.setitem(sys.modules, "cv_bridge", cv_bridge_that(convert))
    message = raw(kind, "rgb16", (4, 6), packed("rgb8", colours(4, 6)))
    with pytest.raises(ImageConversionError) as caught:
        to_rgb(message)
    assert str(caught.value) == (
        "image encoding 'rgb16': cv_bridge cannot make rgb8 of it (buffer is too small); expected "
        f"one of {SUPPORTED}; change the camera driver's output encoding"
    )


REFUSALS = [
    ("rgb8", (0, 6), {}, "rgb8 image is 6 x 0 pixels, expected at least 1 x 1"),
    ("rgb8", (4, 0), {}, "rgb8 image is 0 x 4 pixels, expected at least 1 x 1"),
    ("rgb8", (4, 6), {"step": 17}, "step 17, expected at least 18 bytes for a width of 6"),
    ("rgb8", (4, 6), {"step": 0}, "step 0, expected at least 18 bytes"),
    ("rgb8", (5, 6), {}, "has 72 bytes of data, expected at least 90"),
    ("bgr8", (4, 6), {"content": bytes(71)}, "has 71 bytes of data, expected at least 72"),
    ("mono8", (4, 6), {"content": b""}, "has 0 bytes of data, expected at least 60"),
    ("mono16", (4, 10), {}, "step 18, expected at least 20 bytes"),
    ("nv12", (4, 18), {}, "has 72 bytes of data, expected at least 108"),
    ("uyvy", (4, 5), {}, "uyvy image is 5 x 4 pixels, expected a width divisible by 2"),
    ("yuyv", (4, 5), {}, "yuyv image is 5 x 4 pixels, expected a width divisible by 2"),
    ("nv12", (2, 5), {}, "nv12 image is 5 x 2 pixels, expected a width divisible by 2"),
    ("nv21", (3, 6), {}, "nv21 image is 6 x 3 pixels, .* a height divisible by 2"),
    ("bayer_rggb8", (2, 6), {}, "bayer_rggb8 image is 6 x 2 pixels, expected at least 3 x 3"),
    ("mono8", (2**31, 2**31), {"step": 2**31}, f"expected at least {2**62};"),
    ("rgb8", (2**31, 2**31), {"step": 2**32 - 1}, f"step {2**32 - 1}, .* {3 * 2**31} bytes"),
    ("nv21", (2**31, 2**31), {"step": 2**31}, f"expected at least {3 * 2**61};"),
]


@pytest.mark.parametrize(("encoding", "size", "changes", "text"), REFUSALS)
def test_contradictions_are_refused(
    kind: Kind, encoding: str, size: tuple[int, int], changes: dict[str, Any], text: str
) -> None:
    message = raw(kind, encoding, size, packed("rgb8", colours()), **changes)
    with pytest.raises(ImageConversionError, match=text):
        to_rgb(message)


WHOLE_REFUSALS = [
    (
        "bayer_rggb8",
        (2, 6),
        18,
        "is 6 x 2 pixels, expected at least 3 x 3; check the camera driver",
    ),
    (
        "nv21",
        (3, 6),
        18,
        (
            "is 6 x 3 pixels, expected a width divisible by 2 and a height divisible by 2; crop it "
            "in the camera driver"
        ),
    ),
    (
        "bgr8",
        (4, 6),
        17,
        (
            "has step 17, expected at least 18 bytes for a width of 6; the camera driver fills in "
            "step wrongly"
        ),
    ),
    (
        "rgb8",
        (5, 6),
        18,
        (
            "of 6 x 5 pixels and step 18 has 72 bytes of data, expected at least 90; the message "
            "was cut short or its size is wrong"
        ),
    ),
]


@pytest.mark.parametrize(("encoding", "size", "step", "text"), WHOLE_REFUSALS)
def test_a_refusal_tells_received_expected_and_remedy(
    kind: Kind, encoding: str, size: tuple[int, int], step: int, text: str
) -> None:
    message = raw(kind, encoding, size, packed("rgb8", colours()), step=step)
    with pytest.raises(ImageConversionError) as caught:
        to_rgb(message)
    assert str(caught.value) == f"{encoding} image {text}"


def compressed(kind: Kind, content: bytes, codec: str = "jpeg") -> Any:
    message = kind.compressed(format=codec)
    message.data = kind.data(content)
    return message


def encoded(extension: str, image: npt.NDArray[Any]) -> bytes:
    return cv2.imencode(extension, image)[1].tobytes()


FORMATS = ["jpeg", "png", "rgb8; jpeg compressed bgr8", "rgb8; png compressed rgb8", ""]


@pytest.mark.parametrize("codec", FORMATS)
def test_jpeg_comes_out_as_rgb_whatever_the_format_says(kind: Kind, codec: str) -> None:
    bgr = np.full((16, 24, 3), (BLUE, GREEN, RED), np.uint8)
    result = decode_compressed(compressed(kind, encoded(".jpg", bgr), codec))
    assert result.dtype == np.uint8
    np.testing.assert_allclose(result.astype(int), np.full((16, 24, 3), (RED, GREEN, BLUE)), atol=3)


@pytest.mark.parametrize("codec", FORMATS)
def test_png_comes_out_as_rgb_whatever_the_format_says(kind: Kind, codec: str) -> None:
    content = encoded(".png", colours()[..., ::-1])
    np.testing.assert_array_equal(decode_compressed(compressed(kind, content, codec)), colours())


def test_alpha_is_dropped(kind: Kind) -> None:
    rgb = colours()
    content = encoded(".png", np.dstack([rgb[..., ::-1], np.full((4, 6), 9, np.uint8)]))
    np.testing.assert_array_equal(decode_compressed(compressed(kind, content, "png")), rgb)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bit_png_comes_out_as_8_bit(kind: Kind, channels: int) -> None:
    rgba = np.dstack([colours(), np.full((4, 6), 255, np.uint8)])
    stored = {1: rgba[..., 0], 3: rgba[..., 2::-1], 4: rgba[..., [2, 1, 0, 3]]}[channels]
    result = decode_compressed(compressed(kind, encoded(".png", stored.astype(np.uint16) * 257)))
    expected = np.dstack([rgba[..., 0]] * 3) if channels == 1 else rgba[..., :3]
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, expected)


def test_grey_jpeg_is_repeated(kind: Kind) -> None:
    content = encoded(".jpg", np.full((8, 8), 90, np.uint8))
    np.testing.assert_array_equal(
        decode_compressed(compressed(kind, content)), np.full((8, 8, 3), 90)
    )


def with_exif_rotation(jpeg: bytes) -> bytes:
    """Insert an EXIF segment that says: turn by 90 degrees (orientation 6)."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


def test_exif_orientation_is_ignored(kind: Kind) -> None:
    bgr = np.zeros((16, 32, 3), np.uint8)
    bgr[:, :16] = 255
    content = with_exif_rotation(encoded(".jpg", bgr))
    turned = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert turned.shape == (32, 16, 3), "the EXIF segment of this test is not effective"
    np.testing.assert_allclose(decode_compressed(compressed(kind, content)), bgr, atol=3)


def png_header(width: int, height: int) -> bytes:
    """A PNG that declares a size and holds next to nothing."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(100))),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


def jpeg_declaring(width: int, height: int) -> bytes:
    """A valid JPEG whose frame header is changed, behind segments that a parser must skip."""
    jpeg = with_exif_rotation(encoded(".jpg", np.zeros((8, 8, 3), np.uint8)))
    decoy = b"\xff\xee\x00\x0b\xff\xc0\x00\x11\x08\x00\x01\x00\x01"
    table = jpeg.index(b"\xff\xc4")
    table_length = 2 + int.from_bytes(jpeg[table + 2 : table + 4], "big")
    skipped = decoy + b"\xff\xff" + jpeg[table : table + table_length]
    jpeg = jpeg[:2] + skipped + jpeg[2:]
    frame = jpeg.index(b"\xff\xc0", 2 + len(skipped))
    return jpeg[: frame + 5] + struct.pack(">HH", height, width) + jpeg[frame + 9 :]


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (png_header(2**31 - 1, 2**31 - 1), f"{2**31 - 1} x {2**31 - 1}"),
        (png_header(64_000_001, 1), "64000001 x 1"),
        (jpeg_declaring(65500, 65499), "65500 x 65499"),
    ],
    ids=["png", "png by one pixel", "jpeg"],
)
def test_image_bomb_is_refused_before_decoding(
    kind: Kind, content: bytes, size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("the image was decoded"))
    with pytest.raises(ImageConversionError) as caught:
        decode_compressed(compressed(kind, content))
    assert str(caught.value) == (
        f"compressed image declares {size} pixels, expected at most 64000000 pixels; lower the "
        "camera's resolution"
    )


@pytest.mark.parametrize("content", [encoded(".png", colours()), jpeg_declaring(8, 8)])
def test_limit_counts_pixels_and_includes_itself(
    kind: Kind, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = decode_compressed(compressed(kind, content))[..., 0].size
    monkeypatch.setattr(image_conversion, "MAX_PIXELS", pixels)
    decode_compressed(compressed(kind, content))
    monkeypatch.setattr(image_conversion, "MAX_PIXELS", pixels - 1)
    with pytest.raises(ImageConversionError, match=f"at most {pixels - 1} pixels"):
        decode_compressed(compressed(kind, content))


@pytest.mark.parametrize(
    ("content", "start"),
    [
        (b"", "nothing"),
        (b"GIF89a" + bytes(50), "47 49 46 38 39 61 00 00"),
        (bytes(range(100)), "00 01 02 03 04 05 06 07"),
        (b"GIF89a\xff\xc0\0\x11\x08\0\x08\0\x08" + bytes(50), "47 49 46 38 39 61 ff c0"),
        (b"\xff\xd8", "ff d8"),
        (png_header(8, 8)[:8] + png_header(8, 8)[33:], "89 50 4e 47 0d 0a 1a 0a"),
        (bytes(8) + png_header(8, 8)[8:], "00 00 00 00 00 00 00 00"),
    ],
    ids=[
        "nothing",
        "gif",
        "noise",
        "gif with a frame of jpeg",
        "half a signature",
        "png without header",
        "header without png",
    ],
)
def test_other_data_is_refused(kind: Kind, content: bytes, start: str) -> None:
    with pytest.raises(ImageConversionError) as caught:
        decode_compressed(compressed(kind, content))
    assert str(caught.value) == (
        f"compressed image of {len(content)} bytes starts with {start}, expected a JPEG or PNG; "
        "set the publisher's compression to jpeg or png"
    )


NOISE = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)


@pytest.mark.parametrize("extension", [".jpg", ".png"])
@pytest.mark.parametrize("kept", [0.01, 0.3, 0.9, 0.9999])
def test_cut_short_data_is_refused(kind: Kind, extension: str, kept: float) -> None:
    content = encoded(extension, NOISE)
    with pytest.raises(ImageConversionError, match=r"corrupt or cut short|starts with"):
        decode_compressed(compressed(kind, content[: int(len(content) * kept)]))


@pytest.mark.parametrize(
    "content",
    [
        png_header(64, 64),
        png_header(0, 64),
        jpeg_declaring(0, 8),
        b"\xff\xd8\xff\xe0" + bytes(200),
        b"\xff\xd8\xff\xc0\x00\x11\x08",
        encoded(".png", NOISE).replace(b"IDAT", b"IDAX"),
    ],
    ids=["too few rows", "no width", "no height", "no frame", "frame cut off", "no data chunk"],
)
def test_corrupt_data_is_refused(kind: Kind, content: bytes) -> None:
    with pytest.raises(ImageConversionError, match=f"of {len(content)} bytes is corrupt"):
        decode_compressed(compressed(kind, content))


CORRUPT = (
    "compressed image of {} bytes is corrupt or cut short, expected a whole JPEG or PNG; check the "
    "publisher and the network between"
)


def refused_by_opencv(content: Any, flags: int) -> Any:
    raise cv2.error


@pytest.mark.parametrize("decode", [refused_by_opencv, lambda *_: None], ids=["error", "nothing"])
def test_what_opencv_refuses_is_corrupt(
    kind: Kind, decode: Callable[[Any, int], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = encoded(".png", colours())
    monkeypatch.setattr(cv2, "imdecode", decode)
    with pytest.raises(ImageConversionError) as caught:
        decode_compressed(compressed(kind, content))
    assert str(caught.value) == CORRUPT.format(len(content))


def test_an_end_before_the_picture_does_not_count(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as that of a thumbnail; some versions of OpenCV fill the rest with grey."""
    content = encoded(".jpg", NOISE)
    content = content[:2] + b"\xff\xee\x00\x04\xff\xd9" + content[2:-2]
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("the image was decoded"))
    with pytest.raises(ImageConversionError) as caught:
        decode_compressed(compressed(kind, content))
    assert str(caught.value) == CORRUPT.format(len(content))


def test_a_trap_is_refused_before_decoding(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    content = png_header(8, 8)[:33] + b"\x7f\xff\xff\xf0IDAT" + bytes(10)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("the image was decoded"))
    with pytest.raises(ImageConversionError) as caught:
        decode_compressed(compressed(kind, content))
    assert str(caught.value) == (
        f"compressed image of 51 bytes is corrupt or cut short: a chunk ends at byte "
        f"{33 + 12 + 0x7FFFFFF0}, expected a whole picture; check the publisher"
    )


def grey() -> Bytes:
    return np.arange(24, dtype=np.uint8).reshape(4, 6)


@pytest.mark.parametrize(
    ("encoding", "pixels", "step"), [("mono8", grey(), 6), ("rgb8", colours(), 18)]
)
def test_fill_image_writes_every_field(kind: Kind, encoding: str, pixels: Bytes, step: int) -> None:
    message = kind.image(is_bigendian=1)
    header = message.header
    fill_image(message, pixels, encoding)
    assert (message.height, message.width, message.step) == (4, 6, step)
    assert (message.encoding, message.is_bigendian) == (encoding, 0)
    assert bytes(message.data) == pixels.tobytes()
    assert message.header is header
    assert type(message.data) is type(kind.image().data)


def test_fill_image_and_to_rgb_are_inverse(kind: Kind) -> None:
    message = kind.image()
    fill_image(message, colours(), "rgb8")
    np.testing.assert_array_equal(to_rgb(message), colours())


def test_fill_image_follows_a_changed_size(kind: Kind) -> None:
    message = kind.image()
    for pixels in (colours(4, 6), 255 - colours(4, 6), colours(2, 3), colours(5, 7)):
        fill_image(message, pixels, "rgb8")
        assert (message.height, message.width) == pixels.shape[:2]
        assert bytes(message.data) == pixels.tobytes()


def test_fill_image_keeps_no_hold_on_the_pixels(kind: Kind) -> None:
    message, pixels = kind.image(), grey()
    fill_image(message, pixels, "mono8")
    pixels[:] = 0
    assert bytes(message.data) == grey().tobytes()


def test_fill_image_survives_a_read_only_buffer() -> None:
    message = PlainImage(data=np.frombuffer(bytes(24), np.uint8))
    fill_image(message, grey(), "mono8")
    assert bytes(message.data) == grey().tobytes()


class CheckedImage(PlainImage):
    """An Image of rclpy that checks its fields: it takes an array('B') as it is, and in no time."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "data":
            assert isinstance(value, array)
            assert value.typecode == "B"
        super().__setattr__(name, value)


def test_fill_image_gives_what_rclpy_takes_as_it_is() -> None:
    message = CheckedImage(data=array("B"))
    fill_image(message, grey(), "mono8")
    assert message.data.tobytes() == grey().tobytes()


def test_step_of_a_single_row_is_its_length(kind: Kind) -> None:
    message = kind.image()
    fill_image(message, colours(4, 6)[::4], "rgb8")
    assert message.step == 18


@pytest.mark.skipif(Image is None, reason="sensor_msgs is not installed")
def test_kept_message_keeps_its_buffer() -> None:
    message = Image()
    fill_image(message, colours(), "rgb8")
    buffer = message.data
    fill_image(message, 255 - colours(), "rgb8")
    assert message.data is buffer


@pytest.mark.skipif(Image is None, reason="sensor_msgs is not installed")
def test_filled_message_survives_serialisation() -> None:
    serialization = pytest.importorskip("rclpy.serialization", reason="rclpy is not installed")
    message = Image()
    message.header.frame_id, message.header.stamp.sec = "camera", 7
    fill_image(message, colours(), "rgb8")
    wire = serialization.serialize_message(message)
    fill_image(message, np.zeros_like(colours()), "rgb8")
    received = serialization.deserialize_message(wire, Image)
    assert (received.header.frame_id, received.header.stamp.sec) == ("camera", 7)
    np.testing.assert_array_equal(to_rgb(received), colours())


@pytest.mark.parametrize(
    ("pixels", "encoding", "text"),
    [
        (grey(), "rgb8", "uint8 [4, 6]"),
        (colours(), "mono8", "uint8 [4, 6, 3]"),
        (np.zeros((4, 6, 4), np.uint8), "rgb8", "uint8 [4, 6, 4]"),
        (grey().astype(np.float32), "mono8", "float32 [4, 6]"),
        (grey()[:, ::2], "mono8", "non-contiguous uint8 [4, 3]"),
        (np.zeros((0, 6), np.uint8), "mono8", "uint8 [0, 6]"),
    ],
)
def test_fill_image_refuses_other_layouts(
    kind: Kind, pixels: npt.NDArray[Any], encoding: str, text: str
) -> None:
    message = kind.image()
    layout = {"rgb8": "[H, W, 3]", "mono8": "[H, W]"}[encoding]
    with pytest.raises(ImageConversionError) as caught:
        fill_image(message, pixels, encoding)
    assert str(caught.value) == (
        f"pixels are {text}, expected C-contiguous uint8 {layout} for {encoding}; reshape them or "
        "convert them with np.ascontiguousarray(pixels, np.uint8)"
    )
    assert (message.height, message.encoding, len(message.data)) == (0, "", 0)


def test_fill_image_refuses_other_encodings(kind: Kind) -> None:
    message = kind.image()
    with pytest.raises(ImageConversionError) as caught:
        fill_image(message, colours(), "bgr8")
    assert str(caught.value) == (
        "cannot write encoding 'bgr8', expected mono8 or rgb8; choose one of these"
    )
    assert (message.height, message.encoding, len(message.data)) == (0, "", 0)


def test_encode_png_is_lossless(kind: Kind) -> None:
    labels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    message = kind.compressed()
    header = message.header
    encode_png(message, labels)
    decoded = cv2.imdecode(np.frombuffer(bytes(message.data), np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(decoded, labels)
    np.testing.assert_array_equal(decode_compressed(message), np.dstack([labels] * 3))
    assert message.format == "mono8; png compressed "
    assert message.header is header
    assert type(message.data) is type(kind.compressed().data)


def test_encode_png_is_small_for_label_images(kind: Kind) -> None:
    message = kind.compressed()
    encode_png(message, np.repeat(np.arange(12, dtype=np.uint8), 960 * 20).reshape(240, 960))
    assert len(message.data) < 4000


@pytest.mark.skipif(not hasattr(cv2, "IMWRITE_PNG_FILTER"), reason="OpenCV cannot choose a filter")
def test_encode_png_tries_one_row_filter_only() -> None:
    message = PlainCompressed()
    encode_png(message, NOISE[:, :, 0].copy())
    content = message.data.tobytes()
    start = content.index(b"IDAT")
    length = int.from_bytes(content[start - 4 : start], "big")
    rows = np.frombuffer(zlib.decompress(content[start + 4 :][:length]), np.uint8).reshape(64, 65)
    assert set(rows[:, 0].tolist()) == {2}, "not every row is stored by the filter Up"


@pytest.mark.parametrize("labels", [colours(), grey().astype(np.int64), np.zeros((0, 0), np.uint8)])
def test_encode_png_refuses_other_layouts(kind: Kind, labels: npt.NDArray[Any]) -> None:
    with pytest.raises(ImageConversionError, match=r"expected C-contiguous uint8 \[H, W\]"):
        encode_png(kind.compressed(), labels)


def test_decode_falls_back_without_imread_color_rgb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_conversion, "_DECODES_RGB", False)
    monkeypatch.setattr(
        image_conversion, "_DECODE_FLAGS", cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    )
    message = SimpleNamespace(format="png", data=encoded(".png", colours()[..., ::-1]))
    np.testing.assert_array_equal(decode_compressed(message), colours())
