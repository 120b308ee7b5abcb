# SPDX-License-Identifier: Apache-2.0

import pytest
import rclpy
from listener import listening_node, publish
from peer import claim_domain
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String

from segnet_ros.ros.other_topics import advice, how_to_hear

RAW, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"


@pytest.fixture
def node(peer):
    with listening_node(peer, "left/image:=/cam/left") as node:
        yield node


def raw(node, topic: str = "image") -> str:
    return advice(node, topic, RAW, "raw")


def compressed(node, topic: str = "image/compressed") -> str:
    return advice(node, topic, COMPRESSED, "compressed")


def test_no_camera_at_all(node) -> None:
    assert raw(node) == ", nor any other image topic: start the camera"


def test_no_other_node_at_all(own_domain) -> None:
    context = rclpy.Context()
    context.init(args=[], domain_id=int(claim_domain()))
    lonely = rclpy.create_node("segmentation", context=context)
    try:
        told = raw(lonely)
    finally:
        lonely.destroy_node()
        context.shutdown()
    assert "; this node sees no other node at all: is ROS_DOMAIN_ID (here " in told


def test_the_camera_publishes_elsewhere(peer, node) -> None:
    publish(peer, node, "/camera/image_raw")
    publish(peer, node, "/camera/compressed", CompressedImage)
    publish(peer, node, "/chatter", String)
    topics = "; image topics there are: "
    assert raw(node) == (
        f"{topics}/camera/image_raw, /camera/compressed; for /camera/image_raw start this node "
        "with --ros-args -r image:=/camera/image_raw"
    )
    assert compressed(node) == (
        f"{topics}/camera/compressed, /camera/image_raw; for /camera/compressed start this node "
        "with --ros-args -r image/compressed:=/camera/compressed"
    )


def test_only_so_many_topics_are_named(peer, node) -> None:
    for number in range(6):
        publish(peer, node, f"/camera{number}/image")
    told = raw(node, "front/image")
    assert "/camera0/image, /camera1/image, /camera2/image, /camera3/image, ...;" in told
    assert told.endswith("-r front/image:=/camera0/image")


def test_a_remapped_topic_is_asked_for_under_its_own_name(peer, node) -> None:
    publish(peer, node, "/camera/left")
    assert raw(node, "left/image").endswith("-r left/image:=/camera/left")


def test_the_pictures_are_compressed(peer, node) -> None:
    publish(peer, node, "/robot/image/compressed", CompressedImage)
    publish(peer, node, "/cam/left/compressed", CompressedImage)
    remedy = "start this node with --ros-args -p image_transport:=compressed"
    assert raw(node) == f", but /robot/image/compressed: {remedy}"
    assert raw(node, "left/image") == f", but /cam/left/compressed: {remedy}"


def test_the_pictures_are_raw(peer, node) -> None:
    publish(peer, node, "/robot/image")
    remedy = "start this node with --ros-args -p image_transport:=raw"
    assert compressed(node) == f", but /robot/image: {remedy}"


def test_own_pictures_and_topics_without_publishers_are_no_advice(peer, node) -> None:
    node.create_publisher(Image, "~/overlay", 1)
    peer.node.create_subscription(Image, "/wanted", lambda message: None, 1)
    peer.until(lambda: node.count_subscribers("/wanted"), "/wanted")
    assert "nor any other image topic" in raw(node)


def test_somebody_elses_pictures_beside_the_own(peer, node) -> None:
    node.create_publisher(Image, "/mixed", 1)
    assert "nor any other image topic" in raw(node)
    peer.node.create_publisher(Image, "/mixed", 1)
    peer.until(lambda: node.count_publishers("/mixed") == 2, "the other one")
    assert "image topics there are: /mixed" in raw(node)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (RAW, "start this node with --ros-args -r image:=/x"),
        (
            COMPRESSED,
            (
                "start this node with --ros-args -p image_transport:=compressed "
                "-r image/compressed:=/x"
            ),
        ),
        ("std_msgs/msg/String", "remap image to a topic of images"),
    ],
)
def test_how_to_hear_a_topic(kind: str, words: str) -> None:
    assert how_to_hear("image", "/x", kind) == words


def test_how_to_hear_raw_images_instead_of_compressed_ones() -> None:
    told = how_to_hear("left/image/compressed", "/x", RAW)
    assert told == "start this node with --ros-args -p image_transport:=raw -r left/image:=/x"
