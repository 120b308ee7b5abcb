# SPDX-License-Identifier: Apache-2.0
"""The rendered drive: repeatable, complete, and consistent with its own geometry."""

import cv2
import numpy as np
import pytest

from segnet_ros.simulation.drive import FRAME_RATE, SPEED, StreetDrive
from segnet_ros.simulation.layout import Thing
from segnet_ros.simulation.street_class import StreetClass

_DAYLIGHT_SEED = 3


@pytest.fixture(scope="module")
def drive() -> StreetDrive:
    return StreetDrive(_DAYLIGHT_SEED, (240, 180))


def test_class_ids_are_camvids() -> None:
    names = [
        "SKY",
        "BUILDING",
        "POLE",
        "ROAD",
        "PAVEMENT",
        "TREE",
        "SIGN_SYMBOL",
        "FENCE",
        "CAR",
        "PEDESTRIAN",
        "BICYCLIST",
        "VOID",
    ]
    assert [(c.name, c.value) for c in StreetClass] == list(zip(names, range(12), strict=True))


@pytest.mark.parametrize("size", [(64, 48), (321, 243), (90, 160)])
def test_any_size_is_filled(size: tuple[int, int]) -> None:
    image, label = StreetDrive(5, size).frame(12)
    assert image.shape == (size[1], size[0], 3)
    assert image.dtype == np.uint8
    assert label.shape == (size[1], size[0])
    assert label.dtype == np.uint8
    assert label.max() < StreetClass.VOID
    assert image.std() > 20


def test_frames_are_random_access(drive: StreetDrive) -> None:
    later = drive.frame(40)
    drive.frame(7)
    again = StreetDrive(_DAYLIGHT_SEED, (240, 180)).frame(40)
    for one, other in zip(later, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_seeds_give_different_streets(drive: StreetDrive) -> None:
    other = StreetDrive(_DAYLIGHT_SEED + 1, (240, 180)).frame(0)[1]
    assert np.mean(drive.frame(0)[1] != other) > 0.1


def test_there_is_no_end(drive: StreetDrive) -> None:
    image, label = drive.frame(10_000_000)
    assert {StreetClass.SKY, StreetClass.ROAD, StreetClass.CAR} <= set(np.unique(label))
    assert image.std() > 20


@pytest.mark.parametrize("seed", [1, 3])
def test_all_eleven_classes_appear_within_twenty_seconds(seed: int) -> None:
    drive = StreetDrive(seed, (240, 180))
    seen = np.zeros(12, int)
    for index in range(0, 300, 25):
        seen += np.bincount(drive.frame(index)[1].ravel(), minlength=12) > 0
    assert (seen[:11] >= 2).all(), f"frames with each class: {seen}"
    assert seen[StreetClass.VOID] == 0


@pytest.mark.parametrize("seed", range(4))
def test_sky_is_above_the_horizon_and_ground_below(seed: int) -> None:
    drive = StreetDrive(seed, (160, 120))
    label = drive.frame(20)[1]
    horizon = drive.camera(20).horizon
    sky_rows = np.nonzero(label == StreetClass.SKY)[0]
    ground_rows = np.nonzero(np.isin(label, (StreetClass.ROAD, StreetClass.PAVEMENT)))[0]
    assert sky_rows.max() <= horizon + 1
    assert ground_rows.min() >= horizon - 1


@pytest.mark.parametrize("seed", range(4))
def test_the_road_is_where_the_cross_section_says(seed: int) -> None:
    """The bottom row is road exactly between the kerbs as the camera projects them."""
    drive = StreetDrive(seed, (320, 240))
    label = drive.frame(0)[1]
    camera = drive.camera(0)
    row = 236
    depth = float(camera.ground_depth(row))
    kerbs = [(drive.plan.kerb(side), 0.0, camera.s + depth) for side in (-1, 1)]
    left, right = camera.project(np.array(kerbs))[:, 0]
    columns = np.arange(320)
    flat = np.isin(label[row], (StreetClass.ROAD, StreetClass.PAVEMENT))
    inside = flat & (columns > left + 2) & (columns < right - 2)
    outside = flat & ((columns < left - 2) | (columns > right + 2))
    assert inside.sum() > 80
    assert (label[row][inside] == StreetClass.ROAD).all()
    assert (label[row][outside] == StreetClass.PAVEMENT).all()


def test_label_edges_lie_on_image_edges(drive: StreetDrive) -> None:
    """Where dark things stand before a bright sky, the label's edge is the image's edge."""
    image, label = drive.frame(30)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    sky = (label == StreetClass.SKY).astype(np.uint8)
    deep_sky = cv2.erode(sky, np.ones((5, 5), np.uint8)) > 0
    deep_building = cv2.erode((label == StreetClass.BUILDING).astype(np.uint8), np.ones((5, 5))) > 0
    between = 0.5 * (grey[deep_sky].mean() + np.percentile(grey[deep_building], 75))
    top = int(drive.camera(30).horizon) - 12
    near_edge = cv2.dilate(sky, np.ones((7, 7))) - cv2.erode(sky, np.ones((7, 7)))
    edge = (near_edge[:top] > 0) & np.isin(label[:top], (StreetClass.SKY, StreetClass.BUILDING))
    agrees = (grey[:top] > between) == (label[:top] == StreetClass.SKY)
    assert edge.sum() > 500
    assert agrees[edge].mean() > 0.85
    moved = np.roll(label[:top], 6, axis=1)
    assert ((grey[:top] > between) == (moved == StreetClass.SKY))[edge].mean() < 0.8


def test_a_lamp_post_grows_away_from_the_vanishing_point(drive: StreetDrive) -> None:
    """A static post is labelled where the camera projects it, frame after frame."""
    post = next(t for t in drive.things(0) if t.kind == "lamp" and t.s > drive.camera(0).s + 26)
    columns = []
    for index in (0, 10, 20, 30):
        camera = drive.camera(index)
        point = camera.project(np.array([(post.x, 5.0, post.s)]))[0]
        column, row = np.rint(point).astype(int)
        label = drive.frame(index)[1]
        around = label[row, max(0, column - 1) : column + 2]
        assert StreetClass.POLE in around, (index, column, row, around)
        columns.append(abs(point[0] - camera.centre))
    assert columns == sorted(columns)
    assert columns[-1] > 1.5 * columns[0]


def test_the_camera_advances_at_its_speed(drive: StreetDrive) -> None:
    travelled = drive.camera(45).s - drive.camera(0).s
    assert travelled == pytest.approx(45 / FRAME_RATE * SPEED)
    assert travelled == pytest.approx(24.0)


def test_an_oncoming_car_drives_towards_the_camera() -> None:
    drive = StreetDrive(2, (240, 180))
    parked = {t for block in range(6) for t in drive.block(block).things}
    moving = [t for t in drive.things(0) if t.kind == "car" and t.side > 0 and t not in parked]
    car = next(t for t in moving if t.s > drive.camera(0).s + 30)
    later = next(t for t in drive.things(15) if t.style == car.style and t.side > 0)
    assert later.s - car.s == pytest.approx(-9.0)
    camera = drive.camera(15)
    column, row = np.rint(camera.project(np.array([(later.x, 0.6, later.s)]))[0]).astype(int)
    assert drive.frame(15)[1][row, column] == StreetClass.CAR


def test_walkers_move_their_legs(drive: StreetDrive) -> None:
    walkers = [t for t in drive.things(0) if t.kind == "pedestrian"]
    later = {t.style: t for t in drive.things(5)}
    ahead = [t for t in walkers if 20 < t.s - drive.camera(0).s < 100]
    assert len(ahead) >= 3
    for walker in ahead:
        strides = (later[walker.style].phase - walker.phase) / (2 * np.pi)
        assert 0.2 < strides < 0.4


@pytest.mark.parametrize("index", [0, 150])
def test_instances_agree_with_the_label(drive: StreetDrive, index: int) -> None:
    label = drive.frame(index)[1]
    things, shown = drive.instances(index)
    assert things == drive.things(index)
    assert shown.dtype == np.int32
    kinds = np.array([*(thing.kind for thing in things), "none"])[shown]
    expected = {
        "pedestrian": StreetClass.PEDESTRIAN,
        "cyclist": StreetClass.BICYCLIST,
        "car": StreetClass.CAR,
    }
    for kind, street_class in expected.items():
        np.testing.assert_array_equal(kinds == kind, label == street_class)
        assert (kinds == kind).any()
    backdrop = (StreetClass.SKY, StreetClass.ROAD, StreetClass.PAVEMENT, StreetClass.BUILDING)
    assert set(np.unique(kinds[np.isin(label, backdrop)])) == {"none"}


def test_a_nearer_thing_takes_the_pixels_of_what_it_hides() -> None:
    class TwoPeople(StreetDrive):
        def things(self, index: int) -> list[Thing]:
            camera = self.camera(index)
            places = ((camera.x - float(camera.bend(camera.s + d)), camera.s + d) for d in (16, 8))
            return [Thing("pedestrian", x, s, 1, style=4) for x, s in places]

    drive = TwoPeople(_DAYLIGHT_SEED, (240, 180))
    things, shown = drive.instances(0)
    far, near = (
        np.rint(drive.camera(0).project(np.array([(t.x, 1.2, t.s)]))[0]).astype(int) for t in things
    )
    assert shown[near[1], near[0]] == 1
    assert shown[far[1], far[0]] == 1
    label = drive.frame(0)[1]
    assert label[far[1], far[0]] == StreetClass.PEDESTRIAN


def test_too_small_a_size_is_refused() -> None:
    with pytest.raises(ValueError, match="63x48 pixels; expected at least 64x48"):
        StreetDrive(0, (63, 48))
    with pytest.raises(ValueError, match="64x47 pixels"):
        StreetDrive(0, (64, 47))


def test_negative_seed_and_index_are_refused(drive: StreetDrive) -> None:
    with pytest.raises(ValueError, match="seed is -1; expected 0 or more"):
        StreetDrive(-1)
    with pytest.raises(ValueError, match="frame index is -3; expected 0 or more"):
        drive.frame(-3)
    with pytest.raises(ValueError, match="frame index is -1; expected 0 or more"):
        drive.instances(-1)
