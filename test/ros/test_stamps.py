# SPDX-License-Identifier: Apache-2.0

import math
from dataclasses import replace

import pytest

from segnet_ros.ros.books import Books
from segnet_ros.ros.health import CameraHealth, NodeHealth
from segnet_ros.ros.stamps import stamp_problem

NODE = NodeHealth("active")
SIMULATED = NodeHealth("active", sim_time=True, clock_publishers=1)
CAMERA = CameraHealth("", "active", books=Books(received=1), stamp_offset=-0.02)
YEAR = 365.25 * 86400


def problem(offset: float, node: NodeHealth = NODE) -> str:
    return stamp_problem(replace(CAMERA, stamp_offset=offset), node)


@pytest.mark.parametrize("offset", [-1.0, -0.02, 0.0, 0.5])
def test_honest_stamps(offset: float) -> None:
    assert problem(offset) == ""
    assert problem(offset, SIMULATED) == ""


@pytest.mark.parametrize(
    ("offset", "words", "remedy"),
    [
        (-3.5, "stamps are 4 s behind this node's clock", "chrony, PTP), or look for what delays"),
        (2.0, "stamps are 2.00 s ahead of this node's clock", "find every image fresh"),
        (-2 * YEAR, "stamps are 2.0 years behind this node's clock", "play it with --clock"),
        (3 * YEAR, "stamps are 3.0 years ahead of this node's clock", "play it with --clock"),
        (math.nan, "images carry no stamp", "set it"),
    ],
)
def test_stamps_beside_the_systems_clock(offset: float, words: str, remedy: str) -> None:
    assert problem(offset).startswith(words)
    assert remedy in problem(offset)


def test_a_live_camera_beside_a_simulated_clock() -> None:
    told = problem(50 * YEAR, SIMULATED)
    assert told.startswith("stamps are 50.0 years ahead of /clock: the camera does not follow /cl")
    assert told.endswith("use_sim_time:=false")


def test_nothing_is_known_before_an_image_or_without_a_clock() -> None:
    assert stamp_problem(replace(CAMERA, books=Books(), stamp_offset=math.nan), NODE) == ""
    assert problem(50 * YEAR, replace(SIMULATED, clock_running=False)) == ""
