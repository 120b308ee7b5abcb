# SPDX-License-Identifier: Apache-2.0

import pytest

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.image_topics import camera_names, choose_image_topics
from segnet_ros.bags.recorded import COMPRESSED_IMAGE_TYPE, IMAGE_TYPE, Topic

LEFT, RIGHT, REAR = "/left/image_raw", "/right/image_raw", "/rear/image_raw/compressed"


def topics(*names: str, **counts: int) -> dict[str, Topic]:
    """Image topics, and one of another type; the last one recorded nothing."""
    found = {
        name: Topic(name, COMPRESSED_IMAGE_TYPE if "compressed" in name else IMAGE_TYPE, count=3)
        for name in names
    }
    found["/imu"] = Topic("/imu", "sensor_msgs/msg/Imu", count=9)
    found["/silent/image"] = Topic("/silent/image", IMAGE_TYPE, count=0)
    return found


def test_only_image_topic_is_chosen() -> None:
    assert choose_image_topics(topics(REAR), [], False, "bag") == [REAR]


def test_topic_with_an_unknown_count_is_one() -> None:
    assert choose_image_topics({LEFT: Topic(LEFT, IMAGE_TYPE)}, [], False, "bag") == [LEFT]


def test_wanted_topics_are_sorted_and_named_once() -> None:
    found = topics(LEFT, RIGHT, REAR)
    assert choose_image_topics(found, [RIGHT, LEFT, RIGHT], False, "bag") == [LEFT, RIGHT]


def test_all_images_are_all() -> None:
    assert choose_image_topics(topics(RIGHT, REAR, LEFT), [], True, "bag") == [LEFT, REAR, RIGHT]


def test_raw_topic_stands_for_its_compressed_copy_unless_that_is_wanted() -> None:
    copy = f"{LEFT}/compressed"
    assert choose_image_topics(topics(copy, LEFT), [], False, "bag") == [LEFT]
    assert choose_image_topics(topics(copy, LEFT, REAR), [], True, "bag") == [LEFT, REAR]
    assert choose_image_topics(topics(copy, LEFT), [copy], False, "bag") == [copy]


def test_several_topics_demand_a_choice() -> None:
    with pytest.raises(BagError, match=rf"bag has 2 image topics; .*--topic.*: {LEFT} .*, {RIGHT}"):
        choose_image_topics(topics(RIGHT, LEFT), [], False, "bag")


def test_topics_without_images_are_refused() -> None:
    with pytest.raises(BagError, match=rf"bag has no images on /imu, /x; expected .* {LEFT} \("):
        choose_image_topics(topics(LEFT), ["/x", "/imu", LEFT], False, "bag")
    with pytest.raises(BagError, match=r"bag has no images; .*recorded: /imu \(sensor_msgs"):
        choose_image_topics(topics(), [], True, "bag")
    with pytest.raises(BagError, match="recorded: none"):
        choose_image_topics({}, [], True, "bag")


def test_single_camera_has_no_name() -> None:
    assert camera_names([LEFT]) == {LEFT: ""}


def test_cameras_are_called_by_their_namespace() -> None:
    names = camera_names([LEFT, REAR, "/robot/front/image", "/depth/points"])
    assert names == {
        LEFT: "left",
        REAR: "rear",
        "/robot/front/image": "robot/front",
        "/depth/points": "depth/points",
    }


def test_names_that_would_be_shared_are_in_full() -> None:
    first, second = "/cam/image_raw", "/cam/image_rect"
    assert camera_names([first, second]) == {first: "cam/image_raw", second: "cam/image_rect"}
    assert camera_names(["/image_raw", LEFT]) == {"/image_raw": "image_raw", LEFT: "left"}
