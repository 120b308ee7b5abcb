# SPDX-License-Identifier: Apache-2.0
"""Car bodies: closed outlines, the flank that the camera can see, lights at the right end."""

import cv2
import numpy as np
import pytest

from segnet_ros.simulation.camera import Camera, CentreLine
from segnet_ros.simulation.canvas import Canvas
from segnet_ros.simulation.cars import choose_car, draw_car
from segnet_ros.simulation.layout import Thing
from segnet_ros.simulation.light import Light
from segnet_ros.simulation.painter import Painter
from segnet_ros.simulation.street_class import StreetClass

_NOON = Light(
    sun=(0.0, 1.0, 0.0),
    sun_gain=(0.0, 0.0, 0.0),
    sky_gain=(1.0, 1.0, 1.0),
    zenith=(0, 0, 0),
    horizon=(0, 0, 0),
    cloud=(0, 0, 0),
    cloud_cover=0.0,
    haze_distance=1e9,
    lamps=True,
)


def _paint(x: float, side: int, style: int) -> Canvas:
    road = CentreLine((0.0, 0.0), (72.0, 31.0), (0.0, 0.0))
    camera = Camera((481, 360), x=0.0, eye=1.4, s=0.0, focal=480.0, horizon=180.0, road=road)
    painter = Painter(camera, _NOON, Canvas((481, 360)))
    draw_car(painter, Thing("car", x, 12.0, side, style))
    return painter.canvas


@pytest.mark.parametrize("style", range(5))
@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("x", [-3.0, 0.0, 3.0])
def test_a_car_is_one_region_as_large_as_its_measures(x: float, side: int, style: int) -> None:
    canvas = _paint(x, side, style)
    mask = (canvas.label == StreetClass.CAR).astype(np.uint8)
    regions, _ = cv2.connectedComponents(mask)
    assert regions == 2
    shape = choose_car(style)[0]
    rows = np.nonzero(mask)[0]
    tyres = 480 / (12 + 0.6)
    assert rows.max() == pytest.approx(180 + tyres * 1.4, abs=2)
    assert 180 - 40 * (shape.roof - 1.4) - 2 <= rows.min() <= 180 + 4
    front_width = mask[180 + 34].sum()
    assert front_width >= 40 * shape.width - 2


@pytest.mark.parametrize(("side", "lamp"), [(-1, (255, 60, 44)), (1, (255, 250, 226))])
def test_rear_lights_are_red_and_headlights_white(side: int, lamp: tuple[int, int, int]) -> None:
    image = _paint(0.0, side, 0).image
    assert (image == lamp).all(axis=2).sum() > 20


def test_the_flank_shows_on_the_side_of_the_camera() -> None:
    """A car to the right shows its left flank: it reaches further towards the middle."""
    straight = np.nonzero(_paint(0.0, -1, 0).label == StreetClass.CAR)[1]
    right = np.nonzero(_paint(3.0, -1, 0).label == StreetClass.CAR)[1]
    assert np.ptp(right) > np.ptp(straight) + 10
    assert right.min() < 240 + 40 * (3.0 - 0.5 * choose_car(0)[0].width) - 10
