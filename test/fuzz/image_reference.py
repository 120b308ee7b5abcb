# SPDX-License-Identifier: Apache-2.0
"""sensor_msgs/Image to RGB in plain NumPy: slow, and written without a look at the product."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float64]

PIXEL_BYTES = {
    "rgb8": 3, "bgr8": 3, "8UC3": 3, "rgba8": 4, "bgra8": 4, "mono8": 1, "8UC1": 1, "mono16": 2,
    "uyvy": 2, "yuv422": 2, "yuyv": 2, "yuv422_yuy2": 2, "nv12": 1, "nv21": 1,
    "bayer_rggb8": 1, "bayer_bggr8": 1, "bayer_gbrg8": 1, "bayer_grbg8": 1,
}  # fmt: skip

_ORDERS = {"rgb8": (0, 1, 2), "rgba8": (0, 1, 2), "bgr8": (2, 1, 0), "bgra8": (2, 1, 0),
           "8UC3": (2, 1, 0), "mono8": (0, 0, 0), "8UC1": (0, 0, 0)}  # fmt: skip
_PACKED_YUV = {"uyvy": (1, 0, 2), "yuv422": (1, 0, 2), "yuyv": (0, 1, 3), "yuv422_yuy2": (0, 1, 3)}


def rows_of(message: Any) -> int:
    """Rows of bytes, those of the chroma included."""
    return message.height * 3 // 2 if message.encoding in ("nv12", "nv21") else message.height


def is_valid(message: Any) -> bool:
    """Whether an image of a known encoding can be read."""
    least = 3 if message.encoding.startswith("bayer") else 1
    if min(message.height, message.width) < least:
        return False
    if message.encoding in (*_PACKED_YUV, "nv12", "nv21") and message.width % 2:
        return False
    if message.encoding in ("nv12", "nv21") and message.height % 2:
        return False
    row = message.width * PIXEL_BYTES[message.encoding]
    return row <= message.step and len(message.data) >= message.step * (rows_of(message) - 1) + row


def rgb_of(message: Any) -> tuple[Pixels, int]:
    """Convert a valid image: uint8 [H, W, 3], and by how much rounding may differ."""
    rows, kind = _rows(message), message.encoding
    if kind in _ORDERS:
        pixels = rows.reshape(*rows.shape[:1], message.width, -1)
        return pixels[..., list(_ORDERS[kind])], 0
    if kind == "mono16":
        high = rows[:, (0 if message.is_bigendian else 1) :: 2]
        return np.stack([high] * 3, -1), 0
    if kind.startswith("bayer"):
        return _demosaiced(rows, kind[6:10]), 0
    return _from_yuv(*_yuv(rows, message)), 2


def _rows(message: Any) -> Pixels:
    content, used = bytes(message.data), message.width * PIXEL_BYTES[message.encoding]
    starts = range(0, rows_of(message) * message.step, message.step)
    return np.stack([np.frombuffer(content[at : at + used], np.uint8) for at in starts])


def _yuv(rows: Pixels, message: Any) -> tuple[Pixels, Pixels, Pixels]:
    if message.encoding in _PACKED_YUV:
        luma, u, v = _PACKED_YUV[message.encoding]
        return rows[:, luma::2], rows[:, u::4].repeat(2, 1), rows[:, v::4].repeat(2, 1)
    first, second = 0, 1
    if message.encoding == "nv21":
        first, second = 1, 0
    chroma = rows[message.height :]
    u, v = (chroma[:, at::2].repeat(2, 0).repeat(2, 1) for at in (first, second))
    return rows[: message.height], u, v


def _from_yuv(luma: Pixels, u: Pixels, v: Pixels) -> Pixels:
    """ITU-R BT.601, limited range."""
    y = np.maximum(0.0, luma - 16.0) * 255 / 219
    blue, red = (u - 128.0) * 255 / 224, (v - 128.0) * 255 / 224
    rgb = (
        y + 1.402 * red,
        y - 0.114 * 1.772 / 0.587 * blue - 0.299 * 1.402 / 0.587 * red,
        y + 1.772 * blue,
    )
    return np.clip(np.stack(rgb, -1).round(), 0, 255).astype(np.uint8)


def _demosaiced(mosaic: Pixels, pattern: str) -> Pixels:
    """Bilinear; the border repeats what is beside it."""
    wide = np.pad(mosaic.astype(np.int64), 1)
    across = wide[1:-1, :-2] + wide[1:-1, 2:]
    along = wide[:-2, 1:-1] + wide[2:, 1:-1]
    diagonal = wide[:-2, :-2] + wide[:-2, 2:] + wide[2:, :-2] + wide[2:, 2:]
    rgb = np.empty((*mosaic.shape, 3), np.int64)
    for row in (0, 1):
        for column in (0, 1):
            at = (slice(row, None, 2), slice(column, None, 2))
            colour, beside = pattern[2 * row + column], pattern[2 * row + 1 - column]
            if colour == "g":
                values = {beside: (across[at] + 1) // 2, "g": mosaic[at]}
                values["rb".replace(beside, "")] = (along[at] + 1) // 2
            else:
                green = (across[at] + along[at] + 2) // 4
                values = {colour: mosaic[at], "g": green}
                values["rb".replace(colour, "")] = (diagonal[at] + 2) // 4
            rgb[at] = np.stack([values[name] for name in "rgb"], -1)
    rgb[0], rgb[-1] = rgb[1], rgb[-2]
    rgb[:, 0], rgb[:, -1] = rgb[:, 1], rgb[:, -2]
    return rgb.astype(np.uint8)
