# SPDX-License-Identifier: Apache-2.0
"""Labels of a camera: drift of the class histogram, collapse of confidence, nowhere to drive."""

import numpy as np
import numpy.typing as npt
import pytest

from segnet_ros.health.label_health import LabelHealth
from segnet_ros.inference.model import SegmentationClass

Pixels = npt.NDArray[np.uint8]
CLASSES = [SegmentationClass(name, (0, 0, 0)) for name in ("Sky", "Building", "Road", "Tree")]
SKY, BUILDING, ROAD, TREE, UNLABELLED = 0, 1, 2, 3, 255
STREET = {SKY: 20, BUILDING: 30, ROAD: 40, TREE: 10}
START = 1000.0


def _labels(percent: dict[int, int]) -> Pixels:
    """A map of 200x100 with so many percent of each id."""
    row = np.concatenate([np.full(2 * share, id_, np.uint8) for id_, share in percent.items()])
    assert row.size == 200
    return np.tile(row, (100, 1))


class _Camera:
    """Shows label maps to a LabelHealth, two a second."""

    def __init__(self, free: frozenset[int] = frozenset({ROAD})) -> None:
        self.health = LabelHealth(CLASSES, free)
        self.now = START

    def show(self, percent: dict[int, int], seconds: float, confidence: float = 0.9) -> list[str]:
        labels = _labels(percent)
        certain = np.full(labels.shape, round(255 * confidence), np.uint8)
        for _ in range(int(2 * seconds)):
            self.health.look(labels, certain, self.now)
            self.now += 0.5
        return list(self.health.problems)


@pytest.fixture
def camera() -> _Camera:
    return _Camera()


def test_nothing_is_known_before_the_first_labels() -> None:
    health = LabelHealth(CLASSES, frozenset())
    assert (list(health.problems), dict(health.values)) == ([], {})


def test_a_street_that_stays_is_healthy(camera: _Camera) -> None:
    assert camera.show({SKY: 15, BUILDING: 30, ROAD: 40, TREE: 10, UNLABELLED: 5}, 60) == []
    assert dict(camera.health.values) == {
        "confidence": "0.90",
        "usual confidence": "0.90",
        "histogram drift [%]": "0",
        "unlabelled [%]": "5.0",
        "drivable area [%]": "40.0",
    }


def test_looks_are_half_a_second_apart(camera: _Camera) -> None:
    empty, certain = _labels({UNLABELLED: 100}), np.full((100, 200), 255, np.uint8)
    camera.health.look(_labels(STREET), certain, 5.0)
    camera.health.look(empty, certain, 5.49)
    assert camera.health.values["unlabelled [%]"] == "0.0"
    camera.health.look(empty, certain, 5.5)
    assert camera.health.values["unlabelled [%]"] == "100.0"


def test_drift(camera: _Camera) -> None:
    camera.show(STREET, 300)
    wood = {SKY: 1, BUILDING: 0, ROAD: 5, TREE: 94}
    assert camera.show(wood, 5) == []
    (problem,) = camera.show(wood, 5)
    assert problem == (
        "class histogram drifted: Road 39 % -> 5 %, Tree 13 % -> 94 %; check the picture and the "
        "camera's mounting"
    )
    assert camera.health.values["histogram drift [%]"] == "81"


def test_what_lasts_becomes_usual(camera: _Camera) -> None:
    camera.show(STREET, 600)
    wood = {SKY: 1, BUILDING: 0, ROAD: 5, TREE: 94}
    assert len(camera.show(wood, 60)) == 1
    assert camera.show(wood, 240) == []


@pytest.mark.parametrize(
    "other",
    [
        {SKY: 0, BUILDING: 65, ROAD: 35, TREE: 0},  # a tunnel
        {SKY: 45, BUILDING: 0, ROAD: 40, TREE: 15},  # a motorway
        {SKY: 5, BUILDING: 60, ROAD: 15, TREE: 20},  # a turn
    ],
)
def test_another_scene_is_no_drift(camera: _Camera, other: dict[int, int]) -> None:
    camera.show(STREET, 300)
    for _ in range(120):
        assert camera.show(other, 1) == []


def test_a_lorry_before_the_camera_for_seconds_is_no_drift(camera: _Camera) -> None:
    camera.show(STREET, 300)
    assert camera.show({BUILDING: 95, ROAD: 5}, 6) == []
    assert camera.show(STREET, 60) == []


def test_unlabelled_counts_as_a_class(camera: _Camera) -> None:
    camera.show(STREET, 300)
    (problem,) = camera.show({ROAD: 5, UNLABELLED: 95}, 10)
    assert "unlabelled 3 % -> 95 %" in problem


def test_nothing_is_usual_in_the_first_half_minute(camera: _Camera) -> None:
    camera.show(STREET, 15)
    assert camera.show({ROAD: 2, TREE: 98}, 14, confidence=0.3) == []
    assert len(camera.show({ROAD: 2, TREE: 98}, 1, confidence=0.3)) == 1


def test_confidence_collapse(camera: _Camera) -> None:
    camera.show(STREET, 300, confidence=0.9)
    (problem,) = camera.show(STREET, 10, confidence=0.4)
    assert problem.startswith("confidence collapsed: 0.89 -> 0.40; check the picture")
    assert camera.show(STREET, 10, confidence=0.9) == []


def test_a_fall_of_confidence_as_by_another_scene_is_no_collapse(camera: _Camera) -> None:
    camera.show(STREET, 300, confidence=0.9)
    assert camera.show(STREET, 60, confidence=0.8) == []
    assert camera.show(STREET, 60, confidence=0.98) == []


def test_no_drivable_area(camera: _Camera) -> None:
    wall = {SKY: 10, BUILDING: 90}
    camera.show(STREET, 2)
    assert camera.show(wall, 4.5) == []
    (problem,) = camera.show(wall, 0.5)
    assert problem == (
        "no drivable area for 5 s (Road: 0.0 % of the picture); check what stands before the "
        "camera, the picture and the camera's mounting"
    )
    (problem,) = camera.show(wall, 5)
    assert problem.startswith("no drivable area for 10 s")
    assert camera.show({BUILDING: 99, ROAD: 1}, 0.5) == []


def test_several_classes_are_drivable() -> None:
    camera = _Camera(frozenset({ROAD, TREE}))
    assert camera.show({BUILDING: 98, TREE: 2}, 10) == []
    (problem,) = camera.show({BUILDING: 100}, 10)
    assert "(Road, Tree: 0.0 % of the picture)" in problem


def test_no_drivable_area_where_none_is_looked_for() -> None:
    camera = _Camera(frozenset())
    assert camera.show({BUILDING: 100}, 20) == []
    assert "drivable area [%]" not in camera.health.values


def test_reset_forgets_everything(camera: _Camera) -> None:
    camera.show(STREET, 300)
    wood = {ROAD: 5, TREE: 95}
    assert camera.show(wood, 10)
    camera.health.reset()
    assert (list(camera.health.problems), dict(camera.health.values)) == ([], {})
    camera.now = 0.0  # the clock may start again
    assert camera.show(wood, 40) == []


@pytest.mark.parametrize("shape", [(1, 1), (7, 500), (360, 480)])
def test_any_size(shape: tuple[int, int]) -> None:
    health = LabelHealth(CLASSES, frozenset({ROAD}))
    health.look(np.full(shape, ROAD, np.uint8), np.full(shape, 51, np.uint8), 0.0)
    assert health.values["drivable area [%]"] == "100.0"
    assert health.values["confidence"] == "0.20"


def test_an_id_without_a_class_is_named_by_its_number(camera: _Camera) -> None:
    camera.show(STREET, 300)
    (problem,) = camera.show({ROAD: 5, 17: 95}, 10)
    assert "class 17 3 % -> 95 %" in problem
