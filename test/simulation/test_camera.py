# SPDX-License-Identifier: Apache-2.0
"""Projection and clipping against hand-computed values."""

import numpy as np
import pytest

from segnet_ros.simulation.camera import Camera, CentreLine, clip_near

_STRAIGHT = CentreLine((0.0, 0.0), (72.0, 31.0), (0.0, 0.0))


def _camera(road: CentreLine = _STRAIGHT, s: float = 100.0) -> Camera:
    return Camera((481, 360), x=-1.5, eye=1.4, s=s, focal=480.0, horizon=190.0, road=road)


def test_a_straight_road_projects_like_a_pinhole() -> None:
    pixels = _camera().project(np.array([(-1.5, 1.4, 110.0), (0.5, 0.0, 120.0)]))
    np.testing.assert_allclose(pixels, [(240.0, 190.0), (240 + 24 * 2.0, 190 + 24 * 1.4)])


def test_ground_depth_inverts_the_projection() -> None:
    camera = _camera()
    row = camera.project(np.array([(0.0, 0.0, 107.5)]))[0, 1]
    assert float(camera.ground_depth(row)) == pytest.approx(7.5)


def test_the_camera_looks_along_a_bending_road() -> None:
    """Bend and its slope vanish at the camera and follow the centre line further on."""
    road = CentreLine((9.0, 2.0), (72.0, 31.0), (0.3, 1.1))
    camera = _camera(road)
    assert float(camera.bend(100.0)) == pytest.approx(0.0, abs=1e-6)
    assert float(camera.bend(101.0)) == pytest.approx(0.0, abs=5e-3)
    exact = road.offset(160.0) - road.offset(100.0) - 60.0 * road.slope(100.0)
    assert abs(exact) > 0.4
    assert float(camera.bend(160.0)) == pytest.approx(float(exact), abs=1e-3)


def test_the_slope_is_the_derivative_of_the_offset() -> None:
    road = CentreLine((9.0, 2.0), (72.0, 31.0), (0.3, 1.1))
    rise = float(road.offset(50.001) - road.offset(49.999)) / 0.002
    assert road.slope(50.0) == pytest.approx(rise, abs=1e-6)


def test_clipping_cuts_at_the_near_plane() -> None:
    square = np.array([(0, 0, 0), (0, 2, 0), (0, 2, 4), (0, 0, 4)], np.float64)
    clipped = clip_near(square, 1.0)
    assert {tuple(p) for p in clipped} == {(0, 0, 1), (0, 2, 1), (0, 2, 4), (0, 0, 4)}
    assert len(clip_near(square, 5.0)) == 0
    assert clip_near(square, 0.0) is square
