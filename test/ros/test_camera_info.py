# SPDX-License-Identifier: Apache-2.0
"""Calibrations of resized pictures, by the rays of their pixels."""

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, RegionOfInterest

from segnet_ros.ros.camera_info import picture_size, scaled_camera_info


def calibration(width: int = 1280, height: int = 720, **fields) -> CameraInfo:
    """A right stereo camera's, every number different."""
    info = CameraInfo(width=width, height=height, distortion_model="rational_polynomial", **fields)
    info.header.frame_id = "front_camera"
    info.header.stamp.sec, info.header.stamp.nanosec = 12, 34
    info.d = [0.1, -0.2, 0.01, 0.02, 0.3, 0.4, 0.5, 0.6]
    info.k = [900.0, 0.0, 639.5, 0.0, 910.0, 350.25, 0.0, 0.0, 1.0]
    info.r = [0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]
    info.p = [800.0, 0.0, 630.0, -96.0, 0.0, 820.0, 355.0, 4.0, 0.0, 0.0, 1.0, 0.0]
    return info


def roi(info: CameraInfo) -> tuple[int, int, int, int]:
    return (info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height)


def sensor_pixel(info: CameraInfo, column: float, row: float) -> tuple[float, float]:
    """Where on the sensor a pixel of the picture has its centre."""
    x, y = max(1, info.binning_x), max(1, info.binning_y)
    return (
        info.roi.x_offset + (column + 0.5) * x - 0.5,
        info.roi.y_offset + (row + 0.5) * y - 0.5,
    )


def ray(info: CameraInfo, column: float, row: float) -> np.ndarray:
    return np.linalg.solve(info.k.reshape(3, 3), [*sensor_pixel(info, column, row), 1.0])


def test_each_axis_has_its_own_factor() -> None:
    scaled = scaled_camera_info(calibration(), (640, 180))
    assert (scaled.width, scaled.height) == (640, 180)
    # 639.5 is the middle of 1280 pixels and stays the middle: 319.5 of 640.
    assert scaled.k.tolist() == [450, 0, 319.5, 0, 227.5, 87.1875, 0, 0, 1]
    assert scaled.p.tolist() == [400, 0, 314.75, -48, 0, 205, 88.375, 1, 0, 0, 1, 0]
    assert roi(scaled) == (0, 0, 0, 0)


def test_the_rest_is_untouched() -> None:
    info = calibration(binning_x=1, binning_y=1)
    scaled = scaled_camera_info(info, (480, 360))
    for field in ("header", "d", "r", "distortion_model", "binning_x", "binning_y"):
        assert np.array_equal(getattr(scaled, field), getattr(info, field)), field


def test_the_original_is_untouched() -> None:
    info = calibration(roi=RegionOfInterest(width=640, height=360))
    scaled = scaled_camera_info(info, (320, 180))
    scaled.header = type(info.header)(frame_id="other")
    assert info == calibration(roi=RegionOfInterest(width=640, height=360))


@pytest.mark.parametrize("fields", [{}, {"binning_x": 2, "binning_y": 2}], ids=["plain", "binned"])
def test_pictures_of_that_size_keep_their_calibration(fields) -> None:
    info = calibration(1281, 721, **fields)  # binned: the odd row and column are dropped
    size = (640, 360) if fields else (1281, 721)
    scaled = scaled_camera_info(info, size)
    assert scaled == info
    assert scaled is not info


def test_a_pixel_keeps_its_place_as_cv2_resizes() -> None:
    picture = np.zeros((240, 320), np.uint8)
    picture[60:64, 200:204] = 255  # its centre: column 201.5, row 61.5
    resized = cv2.resize(picture, (160, 60), interpolation=cv2.INTER_AREA)
    rows, columns = np.nonzero(resized)
    info = calibration(320, 240)
    scaled = scaled_camera_info(info, (160, 60))
    found = ray(scaled, columns.mean(), rows.mean())
    np.testing.assert_allclose(found, ray(info, 201.5, 61.5), rtol=1e-12)


@pytest.mark.parametrize("size", [(480, 360), (240, 180), (1920, 1080), (333, 77), (1, 1)])
@pytest.mark.parametrize("binning", [(0, 0), (2, 4)])
@pytest.mark.parametrize(
    "region",
    [(0, 0, 0, 0), (104, 52, 800, 400), (3, 7, 1277, 713)],
    ids=["all", "part", "to the corner"],
)
def test_every_pixel_keeps_its_ray(size, binning, region) -> None:
    x, y, width, height = region
    info = calibration(binning_x=binning[0], binning_y=binning[1])
    info.roi = RegionOfInterest(
        x_offset=x, y_offset=y, width=width, height=height, do_rectify=bool(width)
    )
    columns = (width or 1280) // max(1, binning[0])
    rows = (height or 720) // max(1, binning[1])
    scaled = scaled_camera_info(info, size)
    for column, row in ((0, 0), (size[0] - 1, size[1] - 1), (size[0] / 3, size[1] / 5)):
        before = ((column + 0.5) * columns / size[0] - 0.5, (row + 0.5) * rows / size[1] - 0.5)
        np.testing.assert_allclose(ray(scaled, column, row), ray(info, *before), atol=1e-12)
    window = (scaled.roi.width or scaled.width, scaled.roi.height or scaled.height)
    assert window == (size[0] * max(1, binning[0]), size[1] * max(1, binning[1]))
    assert scaled.roi.x_offset + window[0] <= scaled.width
    assert scaled.roi.y_offset + window[1] <= scaled.height
    assert scaled.roi.do_rectify == info.roi.do_rectify


def test_region_of_interest_is_scaled_to_whole_pixels() -> None:
    region = RegionOfInterest(x_offset=101, y_offset=52, width=640, height=400, do_rectify=True)
    scaled = scaled_camera_info(calibration(roi=region), (320, 100))
    assert roi(scaled) == (50, 13, 320, 100)
    assert (scaled.width, scaled.height) == (640, 180)
    assert scaled.k[2] == 319.5 - 0.5  # 101 / 2 was rounded down by half a pixel


def test_region_of_interest_stays_on_the_sensor() -> None:
    region = RegionOfInterest(x_offset=3, width=2, height=720)  # up to the last column
    scaled = scaled_camera_info(calibration(5, 720, roi=region), (1, 720))
    assert roi(scaled) == (2, 0, 1, 720)
    assert scaled.width == 3


def test_binning_counts_pixels_of_the_sensor() -> None:
    scaled = scaled_camera_info(calibration(binning_x=2, binning_y=2), (320, 180))
    assert (scaled.width, scaled.height, scaled.binning_x, scaled.binning_y) == (640, 360, 2, 2)
    assert scaled.k[:3].tolist() == [450, 0, 319.5]


def test_uncalibrated_camera_stays_uncalibrated() -> None:
    scaled = scaled_camera_info(CameraInfo(width=640, height=480), (480, 360))
    assert (scaled.width, scaled.height) == (480, 360)
    assert not scaled.k.any()
    assert not scaled.p.any()


def test_calibrated_camera_without_projection_keeps_zeros() -> None:
    info = calibration()
    info.p = np.zeros(12)
    scaled = scaled_camera_info(info, (640, 360))
    assert scaled.k[0] == 450
    assert not scaled.p.any()


@pytest.mark.parametrize(
    ("width", "height", "fields"),
    [(0, 0, {}), (0, 720, {}), (1280, 0, {}), (1, 720, {"binning_x": 4})],
    ids=["no size", "no width", "no height", "binning without pixels"],
)
def test_calibration_of_unknown_pictures_is_withdrawn(width, height, fields) -> None:
    scaled = scaled_camera_info(calibration(width, height, **fields), (480, 360))
    assert (scaled.width, scaled.height) == (480, 360)
    assert not scaled.k.any()
    assert not scaled.p.any()
    assert scaled.d.tolist() == calibration().d.tolist()
    assert scaled.header == calibration().header


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({"width": 1280, "height": 720}, (1280, 720)),
        ({"width": 1280, "height": 720, "binning_x": 2, "binning_y": 4}, (640, 180)),
        (
            {"width": 1280, "height": 720, "roi": RegionOfInterest(width=300, height=200)},
            (300, 200),
        ),
        ({"width": 0, "height": 720}, None),
    ],
)
def test_the_pictures_size(fields: dict, size: tuple[int, int] | None) -> None:
    assert picture_size(CameraInfo(**fields)) == size
