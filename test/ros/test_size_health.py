# SPDX-License-Identifier: Apache-2.0

import pytest

from segnet_ros.ros.size_health import SizeHealth

NETWORK = (480, 360)


@pytest.fixture
def health() -> SizeHealth:
    return SizeHealth()


def test_any_size_that_stays_is_right(health: SizeHealth) -> None:
    assert health.problems == ()
    for now in range(3):
        health.look((1280, 720), NETWORK, None, now)
        assert health.problems == ()
    health.look((1280, 720), NETWORK, (1280, 720), 3.0)
    assert health.problems == ()
    health.look((1280, 720), (1280, 720), None, 3.0)
    assert health.problems == ()


def test_a_change_is_told_for_a_minute(health: SizeHealth) -> None:
    health.look((1280, 720), NETWORK, None, 10.0)
    health.look((640, 480), NETWORK, None, 11.0)
    told = ("wrong size: 640x480, 1280x720 until lately",)
    assert health.problems == told
    health.look((640, 480), NETWORK, None, 70.9)
    assert health.problems == told
    health.look((640, 480), NETWORK, None, 71.0)
    assert health.problems == ()


def test_a_contradiction_to_the_calibration(health: SizeHealth) -> None:
    health.look((640, 480), NETWORK, (1280, 720), 0.0)
    (problem,) = health.problems
    assert problem.startswith("wrong size: 640x480, CameraInfo is for 1280x720; check")


@pytest.mark.parametrize("size", [(479, 720), (1280, 359)])
def test_less_than_the_network_sees(health: SizeHealth, size: tuple[int, int]) -> None:
    health.look(size, NETWORK, None, 0.0)
    (problem,) = health.problems
    assert problem.startswith(f"wrong size: {size[0]}x{size[1]} is below the network's 480x360")
