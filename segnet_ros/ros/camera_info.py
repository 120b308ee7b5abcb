# SPDX-License-Identifier: Apache-2.0
"""A camera's calibration for pictures that were resized."""

import copy
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import CameraInfo, RegionOfInterest

_UINT32_MAX = 2**32 - 1


class _Axis(NamedTuple):
    """One axis of a calibration, resized: a coordinate c becomes `scale * c + shift`."""

    full: int
    offset: int
    window: int
    scale: float
    shift: float


def scaled_camera_info(info: CameraInfo, size: tuple[int, int]) -> CameraInfo:
    """Calibration of a camera whose pictures are resized, each axis by a factor of its own.

    The centre of a picture's first pixel has the coordinates (0, 0). cv2.resize, like any good
    method, lets the picture's edges coincide: half a pixel before the first centre stays there, and
    so cx' = (cx + 0.5) * factor - 0.5.

    width, height and roi are those of the whole sensor, before binning, and become those of a
    sensor with fewer or more pixels. The roi's offset is rounded to whole pixels of it; K and P
    take up what that moves the picture, so every pixel keeps its ray. Header, D, R,
    distortion_model and binning stay as they are, and so does the K or P of an uncalibrated camera.

    Args:
        info: Of the pictures before resizing.
        size: Width and height of the pictures after it, pixels.

    Returns:
        A copy, whose header may be set; equal to `info` if the pictures have that size already. K
        and P are zero, uncalibrated, if `info` does not tell the size of its pictures, or if it
        would be for a sensor with more pixels than CameraInfo can tell: wrong rays would be worse
        than none.

    """
    scaled = copy.copy(info)
    x = _axis(info.width, info.roi.x_offset, info.roi.width, info.binning_x, size[0])
    y = _axis(info.height, info.roi.y_offset, info.roi.height, info.binning_y, size[1])
    if x is None or y is None or not (_can_be_told(x) and _can_be_told(y)):
        return _uncalibrated(scaled, size)
    if x.scale == y.scale == 1.0:
        return scaled
    to_scaled = np.array([[x.scale, 0.0, x.shift], [0.0, y.scale, y.shift], [0.0, 0.0, 1.0]])
    scaled.width, scaled.height = x.full, y.full
    scaled.roi = RegionOfInterest(
        x_offset=x.offset,
        y_offset=y.offset,
        width=x.window,
        height=y.window,
        do_rectify=info.roi.do_rectify,
    )
    scaled.k = _mapped(to_scaled, info.k)
    scaled.p = _mapped(to_scaled, info.p)
    return scaled


def picture_size(info: CameraInfo) -> tuple[int, int] | None:
    """Width and height of the pictures that a calibration is for; None if it does not tell."""
    roi = info.roi
    x = _axis(info.width, roi.x_offset, roi.width, info.binning_x, 1)
    y = _axis(info.height, roi.y_offset, roi.height, info.binning_y, 1)
    return None if x is None or y is None else (round(1 / x.scale), round(1 / y.scale))


def _axis(full: int, offset: int, window: int, binning: int, size: int) -> _Axis | None:
    """Resize one axis; None if it does not tell how many pixels a picture has.

    Args:
        full: Pixels of the sensor.
        offset: Where the region of interest begins.
        window: Its pixels; 0 = the whole sensor.
        binning: Pixels of the sensor that share one of the picture; 0 = 1.
        size: Pixels of the picture after resizing.

    """
    binning = max(1, binning)
    pixels = (window or full) // binning
    if pixels == 0:
        return None
    scale = size / pixels
    new_offset, new_window = round(offset * scale), size * binning
    return _Axis(
        full=max(round(full * scale), new_offset + new_window) if window else new_window,
        offset=new_offset,
        window=new_window if window else 0,
        scale=scale,
        shift=0.5 * scale - 0.5 + new_offset - offset * scale,
    )


def _can_be_told(axis: _Axis) -> bool:
    return max(axis.full, axis.offset, axis.window) <= _UINT32_MAX


def _mapped(
    to_scaled: npt.NDArray[np.float64], matrix: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """K or P, row by row, followed by a map of the picture's plane; all zeros stay zeros."""
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite stays so
        return (to_scaled @ matrix.reshape(3, -1)).ravel()


def _uncalibrated(info: CameraInfo, size: tuple[int, int]) -> CameraInfo:
    info.width, info.height = size
    info.roi, info.binning_x, info.binning_y = RegionOfInterest(), 0, 0
    info.k, info.p = np.zeros(9), np.zeros(12)
    return info
