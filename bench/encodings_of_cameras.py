# SPDX-License-Identifier: Apache-2.0
"""Pictures of one colour in every encoding of cameras, and the label that a model gives them.

The model is one that answers with the brightest channel: 0 red, 1 green, 2 blue.
"""

from array import array
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import Image

Pixels = npt.NDArray[np.uint8]

_BRIGHT, _DARK = 220, 20
# What each byte of a pixel holds: a letter of "RGBA", or Y, U and V; "y" and "0" are grey's.
_PACKED: Mapping[str, Sequence[str]] = {
    "rgb8": ("RGB",),
    "bgr8": ("BGR",),
    "rgba8": ("RGBA",),
    "bgra8": ("BGRA",),
    "8UC3": ("BGR",),
    "mono8": ("y",),
    "8UC1": ("y",),
    "mono16": ("0y",),
    "uyvy": ("UY", "VY"),
    "yuv422": ("UY", "VY"),
    "yuyv": ("YU", "YV"),
    "yuv422_yuy2": ("YU", "YV"),
}
_PLANAR = {"nv12": "UV", "nv21": "VU"}
_BAYER = {f"bayer_{pattern}8": pattern.upper() for pattern in ("rggb", "bggr", "gbrg", "grbg")}

ENCODINGS = (*_PACKED, *_PLANAR, *_BAYER)
_GREY = ("mono8", "8UC1", "mono16")


def label(encoding: str, channel: int) -> int:
    """What the model says of a picture that is brightest in a channel; grey has no brightest."""
    return 0 if encoding in _GREY else channel


def coloured(encoding: str, size: tuple[int, int], channel: int) -> Image:
    """A picture of one colour, (width, height) pixels; stamp and frame are left alone.

    An encoding that is none of these has the bytes of mono8.
    """
    width, height = size
    rows = _rows(encoding, width, height, _bytes(channel))
    message = Image(height=height, width=width, encoding=encoding)
    message.step = rows.size // rows.shape[0]
    message.data = array("B", rows.tobytes())
    return message


def _rows(encoding: str, width: int, height: int, values: Mapping[str, int]) -> Pixels:
    if encoding in _PLANAR:
        luma = np.full((height, width), values["Y"], np.uint8)
        chroma = _tiled([[_PLANAR[encoding]]], width // 2, height // 2, values)
        return np.concatenate([luma, chroma.reshape(-1, width)])
    if pattern := _BAYER.get(encoding):
        return _tiled([pattern[:2], pattern[2:]], width, height, values)
    return _tiled([_PACKED.get(encoding, _PACKED["mono8"])], width, height, values)


def _tiled(
    cell: Sequence[Sequence[str]], width: int, height: int, values: Mapping[str, int]
) -> Pixels:
    """Repeat a cell of pixels, each a text of one letter per byte."""
    one = np.array([[[values[b] for b in pixel] for pixel in row] for row in cell], np.uint8)
    down, across = -(-height // one.shape[0]), -(-width // one.shape[1])
    return np.tile(one, (down, across, 1))[:height, :width]


def _bytes(channel: int) -> Mapping[str, int]:
    """The bytes of a colour by their letters; YUV as ITU-R BT.601 of limited range."""
    colour = [_DARK] * 3
    colour[channel] = _BRIGHT
    red, green, blue = colour
    return {
        **dict(zip("RGBA", (*colour, 255), strict=True)),
        "Y": round(16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255),
        "U": round(128 + (-37.797 * red - 74.203 * green + 112.0 * blue) / 255),
        "V": round(128 + (112.0 * red - 93.786 * green - 18.214 * blue) / 255),
        "y": 100 + channel,
        "0": 0,
    }
