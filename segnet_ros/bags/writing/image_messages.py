# SPDX-License-Identifier: Apache-2.0
"""Images as serialised messages."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.recorded import COMPRESSED_IMAGE_TYPE, IMAGE_TYPE
from segnet_ros.bags.writing.vision_messages import label_type_store
from segnet_ros.inference.picture_files import (
    PictureError,
    check_picture,
    decode_picture,
    picture_bytes,
    undecodable,
)
from segnet_ros.messages.image_conversion import (
    ImageConversionError,
    decode_compressed,
    fill_image,
)

Pixels = npt.NDArray[np.uint8]

_BMP_SIGNATURE = b"BM"


def file_message(file: Path, raw: bool, stamp_ns: int, frame_id: str) -> bytes:
    """An image file as a message.

    Args:
        file: PNG, JPEG or BMP; what is in it decides, not its name.
        raw: For an Image, rgb8; otherwise a CompressedImage with the file's own bytes. BMP, which
            that cannot hold, becomes PNG.
        stamp_ns: Of the header, nanoseconds since 1970.
        frame_id: Of the header.

    Returns:
        CDR.

    Raises:
        BagError: the file cannot be decoded.

    """
    try:
        content = _content(file)
    except PictureError as error:
        raise BagError(str(error)) from error
    message = _compressed(np.frombuffer(content, np.uint8), stamp_ns, frame_id)
    try:
        pixels = decode_compressed(message)
    except ImageConversionError as error:
        raise BagError(str(undecodable(file))) from error
    return _serialised(_raw(pixels, stamp_ns, frame_id) if raw else message)


def frame_message(pixels: Pixels, raw: bool, stamp_ns: int, frame_id: str) -> bytes:
    """A frame of a video as a message.

    Args:
        pixels: RGB uint8 [H, W, 3].
        raw: For an Image, rgb8; otherwise a CompressedImage, JPEG.
        stamp_ns: Of the header, nanoseconds since 1970.
        frame_id: Of the header.

    Returns:
        CDR.

    """
    if raw:
        return _serialised(_raw(pixels, stamp_ns, frame_id))
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    return _serialised(_compressed(jpeg.reshape(-1), stamp_ns, frame_id))


def _content(file: Path) -> bytes:
    """A JPEG or PNG: the file's own bytes unless it is a BMP."""
    content = picture_bytes(file)
    check_picture(file, content)
    if not content.startswith(_BMP_SIGNATURE):
        return content
    return cv2.imencode(".png", decode_picture(file, content, cv2.IMREAD_COLOR))[1].tobytes()


def _compressed(content: Pixels, stamp_ns: int, frame_id: str) -> Any:
    return label_type_store().types[COMPRESSED_IMAGE_TYPE](
        header=_header(stamp_ns, frame_id),
        format="png" if content[:4].tobytes() == b"\x89PNG" else "jpeg",
        data=content,
    )


def _raw(pixels: Pixels, stamp_ns: int, frame_id: str) -> Any:
    message: Any = label_type_store().types[IMAGE_TYPE](
        header=_header(stamp_ns, frame_id),
        height=0,
        width=0,
        encoding="rgb8",
        is_bigendian=0,
        step=0,
        data=np.empty(0, np.uint8),
    )
    fill_image(message, pixels, "rgb8")
    return message


def _header(stamp_ns: int, frame_id: str) -> Any:
    types = label_type_store().types
    sec, nanosec = divmod(stamp_ns, 1_000_000_000)
    stamp = types["builtin_interfaces/msg/Time"](sec=sec, nanosec=nanosec)
    return types["std_msgs/msg/Header"](stamp=stamp, frame_id=frame_id)


def _serialised(message: Any) -> bytes:
    return bytes(label_type_store().serialize_cdr(message, message.__msgtype__))
