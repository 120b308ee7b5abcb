# SPDX-License-Identifier: Apache-2.0
"""Light: what faces the sun is brighter, what is far fades."""

import numpy as np
import pytest

from segnet_ros.simulation.light import LEFT, RIGHT, UP, Light, choose_light
from segnet_ros.simulation.noise import stream

_LIGHT = Light(
    sun=(0.6, 0.8, 0.0),
    sun_gain=(0.5, 0.5, 0.5),
    sky_gain=(0.5, 0.5, 0.5),
    zenith=(0, 0, 255),
    horizon=(200, 210, 220),
    cloud=(255, 255, 255),
    cloud_cover=0.5,
    haze_distance=100.0,
    lamps=False,
)


def test_gain_adds_sky_and_sun() -> None:
    assert _LIGHT.gain(UP) == pytest.approx((0.9, 0.9, 0.9))
    assert _LIGHT.gain(RIGHT) == pytest.approx((0.7, 0.7, 0.7))
    assert _LIGHT.gain(LEFT) == pytest.approx((0.4, 0.4, 0.4))


def test_far_surfaces_take_the_horizons_colour() -> None:
    assert _LIGHT.shade((100, 100, 100), UP, 10.0) == pytest.approx((90, 90, 90))
    share = 1 - np.exp(-1.0)
    expected = 90 * (1 - share) + 200 * share
    assert _LIGHT.shade((100, 100, 100), UP, 115.0)[0] == pytest.approx(expected)


def test_seeds_bring_day_and_dusk_and_sun_from_both_sides() -> None:
    lights = [choose_light(stream(seed)) for seed in range(60)]
    assert 3 <= sum(light.lamps for light in lights) <= 25
    assert {np.sign(light.sun[0]) for light in lights} == {-1.0, 1.0}
    for light in lights:
        assert np.hypot(np.hypot(*light.sun[:2]), light.sun[2]) == pytest.approx(1.0)
        assert 0.0 < light.shadow <= 1.1
