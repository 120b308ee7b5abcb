# SPDX-License-Identifier: Apache-2.0
"""sensor_msgs Image and CompressedImage to NumPy arrays, and back.

Messages are used through their attributes only, so a message of rclpy (`data` is `array('B')`)
and one that rosbags deserialised (`data` is an ndarray) serve alike and no ROS installation is
needed. The header is never touched.

The encodings of common cameras need no cv_bridge: a NumPy view of the message's buffer with one
cv2.cvtColor does the same without its extra copy. Rarer ones go through cv_bridge where a ROS
distribution brings it; it is not on PyPI.

YUV encodings are read as ITU-R BT.601 limited range (Y 16..235, U and V 16..240), the only
matrix OpenCV has for them. A full-range camera therefore comes out with more contrast.
"""

from __future__ import annotations

from array import array
from typing import Any, NamedTuple, Protocol, cast

import cv2
import numpy as np
import numpy.typing as npt

from segnet_ros.inference.excerpts import one_line, shown
from segnet_ros.inference.picture_header import JPEG_SIGNATURE, MAX_PIXELS, declared_size
from segnet_ros.inference.picture_traps import trap


class ImageConversionError(ValueError):
    """A message cannot be turned into an image, or an array into a message."""


class ImageMessage(Protocol):
    """The fields of sensor_msgs/Image that are read and written here."""

    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: Any


class CompressedImageMessage(Protocol):
    """The fields of sensor_msgs/CompressedImage that are read and written here."""

    format: str
    data: Any


class _Encoding(NamedTuple):
    bytes_per_pixel: int  # of the rows that carry luma, for NV12 and NV21
    to_rgb: int | None = None  # cv2 conversion code; None: already RGB
    block: tuple[int, int] = (1, 1)  # rows and columns of pixels that share one chroma sample
    smallest: int = 1  # shortest side in pixels


# OpenCV names a Bayer pattern by the second and third pixel of the second row, ROS by the
# first two rows: ROS's RGGB is OpenCV's BG. OpenCV leaves images under 3 pixels black.
_ENCODINGS = {
    "rgb8": _Encoding(3),
    "bgr8": _Encoding(3, cv2.COLOR_BGR2RGB),
    "rgba8": _Encoding(4, cv2.COLOR_RGBA2RGB),
    "bgra8": _Encoding(4, cv2.COLOR_BGRA2RGB),
    "mono8": _Encoding(1, cv2.COLOR_GRAY2RGB),
    "mono16": _Encoding(2, cv2.COLOR_GRAY2RGB),
    "8UC1": _Encoding(1, cv2.COLOR_GRAY2RGB),
    "8UC3": _Encoding(3, cv2.COLOR_BGR2RGB),
    "uyvy": _Encoding(2, cv2.COLOR_YUV2RGB_UYVY, block=(1, 2)),
    "yuv422": _Encoding(2, cv2.COLOR_YUV2RGB_UYVY, block=(1, 2)),
    "yuyv": _Encoding(2, cv2.COLOR_YUV2RGB_YUY2, block=(1, 2)),
    "yuv422_yuy2": _Encoding(2, cv2.COLOR_YUV2RGB_YUY2, block=(1, 2)),
    "nv12": _Encoding(1, cv2.COLOR_YUV2RGB_NV12, block=(2, 2)),
    "nv21": _Encoding(1, cv2.COLOR_YUV2RGB_NV21, block=(2, 2)),
    "bayer_rggb8": _Encoding(1, cv2.COLOR_BayerBG2RGB, smallest=3),
    "bayer_bggr8": _Encoding(1, cv2.COLOR_BayerRG2RGB, smallest=3),
    "bayer_gbrg8": _Encoding(1, cv2.COLOR_BayerGR2RGB, smallest=3),
    "bayer_grbg8": _Encoding(1, cv2.COLOR_BayerGB2RGB, smallest=3),
}

_JPEG_END = b"\xff\xd9"

# OpenCV 4.11 and later can decode to RGB at once.
_DECODES_RGB = hasattr(cv2, "IMREAD_COLOR_RGB")
_DECODE_FLAGS = cv2.IMREAD_IGNORE_ORIENTATION | (
    cv2.IMREAD_COLOR_RGB if _DECODES_RGB else cv2.IMREAD_COLOR
)

# Fastest for label images: a level alone makes OpenCV try every row filter (3 times slower),
# and without the constant for the filter its own defaults are the next best.
_PNG_OPTIONS = (
    [
        cv2.IMWRITE_PNG_COMPRESSION, 1,
        cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE,
        cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP,
    ]
    if hasattr(cv2, "IMWRITE_PNG_FILTER")
    else []
)  # fmt: skip


def to_rgb(message: ImageMessage) -> npt.NDArray[np.uint8]:
    """Return the image of a sensor_msgs/Image as RGB, [H, W, 3] uint8, 0..255.

    Rows may be padded (`step`), the last row may lack its padding and data may trail behind it.
    rgb8 comes back as a read-only view of the message's buffer, valid until that is overwritten;
    every other encoding as a new array. mono16 keeps its high byte; alpha is dropped; 8UC3 is
    taken as BGR, as cv_bridge does. For nv12 and nv21 `height` is that of the image, followed by
    height / 2 rows of chroma.

    Raises ImageConversionError if the encoding is not supported, neither here nor by cv_bridge, or
    the fields contradict each other or the data.
    """
    encoding = _ENCODINGS.get(message.encoding)
    if encoding is None:
        return _through_cv_bridge(message)
    _check_size(message, encoding)
    pixels = _pixels(message, encoding)
    if encoding.to_rgb is None:
        pixels.flags.writeable = False
        return pixels
    if message.encoding == "mono16":
        pixels = pixels[:, :, 0 if message.is_bigendian else 1]
    return cast("npt.NDArray[np.uint8]", cv2.cvtColor(pixels, encoding.to_rgb))


def decode_compressed(message: CompressedImageMessage) -> npt.NDArray[np.uint8]:
    """Decode a sensor_msgs/CompressedImage that holds a JPEG or PNG to RGB, [H, W, 3] uint8.

    The content alone decides: `format` is not consulted, for drivers disagree about it. Grey is
    repeated, alpha dropped, 16 bits are reduced to 8, and EXIF orientation is ignored because the
    camera's calibration belongs to the sensor's rows and columns.

    Raises ImageConversionError if the data is empty, of another codec, corrupt or cut short,
    declares more than MAX_PIXELS pixels, or would cost far more to decode than its size tells; the
    last two are found out before decoding.
    """
    content = bytes(message.data)
    _check_cost(content)
    return _decode(content)


def fill_image(message: ImageMessage, pixels: npt.NDArray[np.uint8], encoding: str) -> None:
    """Fill a sensor_msgs/Image with `pixels`, C-contiguous uint8; the header is left alone.

    encoding: "mono8" for [H, W], "rgb8" for [H, W, 3].

    The message's own buffer is overwritten if its length fits, so a publisher that keeps one
    message copies a frame once and allocates nothing (in a worker thread, a new 1080p buffer
    costs 1.7 ms, the old one 0.3 ms). rclpy serialises inside publish(): the message may be
    filled again as soon as that returns. A view that to_rgb made of it changes along.

    Raises ImageConversionError if `pixels` has another layout.
    """
    _check_pixels(pixels, encoding)
    message.height, message.width = pixels.shape[:2]
    message.encoding = encoding
    message.is_bigendian = 0
    message.step = pixels.size // message.height
    _store(message, pixels.reshape(-1))


def encode_png(message: CompressedImageMessage, labels: npt.NDArray[np.uint8]) -> None:
    """Fill a sensor_msgs/CompressedImage losslessly with `labels`, C-contiguous uint8 [H, W].

    `format` becomes what compressed_image_transport writes for a mono8 PNG, trailing space
    included.

    Raises ImageConversionError if `labels` has another layout.
    """
    _check_pixels(labels, "mono8")
    _, png = cv2.imencode(".png", labels, _PNG_OPTIONS)
    message.format = "mono8; png compressed "
    _store(message, cast("npt.NDArray[np.uint8]", png.reshape(-1)))


def _through_cv_bridge(message: ImageMessage) -> npt.NDArray[np.uint8]:
    try:
        from cv_bridge import CvBridge
    except ImportError:
        msg = (
            f"image encoding {shown(message.encoding)} is not supported, expected one of "
            f"{', '.join(_ENCODINGS)}; change the camera driver's output encoding, or install "
            "cv_bridge for rarer ones"
        )
        raise ImageConversionError(msg) from None
    try:
        return cast("npt.NDArray[np.uint8]", CvBridge().imgmsg_to_cv2(message, "rgb8"))
    except Exception as error:  # cv_bridge raises whatever NumPy and OpenCV do
        msg = (
            f"image encoding {shown(message.encoding)}: cv_bridge cannot make rgb8 of it "
            f"({one_line(error)}); expected one of {', '.join(_ENCODINGS)}; change the camera "
            "driver's output encoding"
        )
        raise ImageConversionError(msg) from error


def _check_size(message: ImageMessage, encoding: _Encoding) -> None:
    height, width = message.height, message.width
    rows, columns = encoding.block
    if height < encoding.smallest or width < encoding.smallest:
        msg = (
            f"{message.encoding} image is {width} x {height} pixels, expected at least "
            f"{encoding.smallest} x {encoding.smallest}; check the camera driver"
        )
        raise ImageConversionError(msg)
    if height % rows or width % columns:
        msg = (
            f"{message.encoding} image is {width} x {height} pixels, expected a width divisible "
            f"by {columns} and a height divisible by {rows}; crop it in the camera driver"
        )
        raise ImageConversionError(msg)


def _pixels(message: ImageMessage, encoding: _Encoding) -> npt.NDArray[np.uint8]:
    """Return a view of the message's buffer, [rows, W, bytes per pixel]."""
    chroma_rows = message.height // 2 if encoding.block == (2, 2) else 0
    rows = message.height + chroma_rows
    _check_extent(message, rows, message.width * encoding.bytes_per_pixel)
    view: npt.NDArray[np.uint8] = np.ndarray(
        (rows, message.width, encoding.bytes_per_pixel),
        np.uint8,
        message.data,
        strides=(message.step, encoding.bytes_per_pixel, 1),
    )
    return view


def _check_extent(message: ImageMessage, rows: int, row_bytes: int) -> None:
    if message.step < row_bytes:
        msg = (
            f"{message.encoding} image has step {message.step}, expected at least {row_bytes} "
            f"bytes for a width of {message.width}; the camera driver fills in step wrongly"
        )
        raise ImageConversionError(msg)
    needed = message.step * (rows - 1) + row_bytes
    if len(message.data) < needed:
        msg = (
            f"{message.encoding} image of {message.width} x {message.height} pixels and step "
            f"{message.step} has {len(message.data)} bytes of data, expected at least {needed}; "
            "the message was cut short or its size is wrong"
        )
        raise ImageConversionError(msg)


def _check_cost(content: bytes) -> None:
    height, width = _declared_size(content)
    if height * width > MAX_PIXELS:
        msg = (
            f"compressed image declares {width} x {height} pixels, expected at most {MAX_PIXELS} "
            "pixels; lower the camera's resolution"
        )
        raise ImageConversionError(msg)
    if reason := trap(content):
        msg = f"compressed image of {len(content)} bytes {reason}; check the publisher"
        raise ImageConversionError(msg)


def _declared_size(content: bytes) -> tuple[int, int]:
    """Return height and width in pixels as the header of a JPEG or PNG declares them."""
    declared = declared_size(content)
    if content.startswith(JPEG_SIGNATURE):
        if declared is None:
            raise _corrupt(content)
        _check_jpeg_end(content, declared.start)
    if declared is None:
        msg = (
            f"compressed image of {len(content)} bytes starts with "
            f"{content[:8].hex(' ') or 'nothing'}, expected a JPEG or PNG; set the publisher's "
            "compression to jpeg or png"
        )
        raise ImageConversionError(msg)
    return declared.height, declared.width


def _check_jpeg_end(content: bytes, frame_start: int) -> None:
    # Older OpenCV (4.6 for one) fills what is missing with grey instead of failing.
    if content.rfind(_JPEG_END, frame_start) < 0:
        raise _corrupt(content)


def _decode(content: bytes) -> npt.NDArray[np.uint8]:
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), _DECODE_FLAGS)
    except cv2.error as error:
        raise _corrupt(content) from error
    if image is None:
        raise _corrupt(content)
    if not _DECODES_RGB:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return cast("npt.NDArray[np.uint8]", image)


def _corrupt(content: bytes) -> ImageConversionError:
    return ImageConversionError(
        f"compressed image of {len(content)} bytes is corrupt or cut short, expected a whole JPEG "
        "or PNG; check the publisher and the network between"
    )


def _check_pixels(pixels: npt.NDArray[np.uint8], encoding: str) -> None:
    expected = {"mono8": (2, ()), "rgb8": (3, (3,))}.get(encoding)
    if expected is None:
        msg = f"cannot write encoding {encoding!r}, expected mono8 or rgb8; choose one of these"
        raise ImageConversionError(msg)
    if (
        (pixels.ndim, pixels.shape[2:]) != expected
        or pixels.dtype != np.uint8
        or not pixels.flags.c_contiguous
        or pixels.size == 0
    ):
        layout = "" if pixels.flags.c_contiguous else "non-contiguous "
        msg = (
            f"pixels are {layout}{pixels.dtype} {list(pixels.shape)}, expected C-contiguous uint8 "
            f"{'[H, W]' if encoding == 'mono8' else '[H, W, 3]'} for {encoding}; reshape them or "
            "convert them with np.ascontiguousarray(pixels, np.uint8)"
        )
        raise ImageConversionError(msg)


def _store(message: ImageMessage | CompressedImageMessage, content: npt.NDArray[np.uint8]) -> None:
    # rclpy takes an array('B') as it is but checks anything else byte by byte (Humble always,
    # later with ROS_PYTHON_CHECK_FIELDS=1): 115 ms for a 720p image.
    if isinstance(message.data, np.ndarray):  # rosbags serialises nothing else
        message.data = content.copy()
    elif len(message.data) == content.size:
        memoryview(message.data)[:] = content.data
    else:
        message.data = array("B")  # filled afterwards: some setters copy what they are given
        message.data.frombytes(content.data)
