# SPDX-License-Identifier: Apache-2.0

from types import SimpleNamespace

import pytest
from listener import known, listening_node, publish, subscribe
from rclpy.duration import Duration
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String

from segnet_ros.ros.graph import qos_mismatches, type_name, why_nothing_arrives

BEST_EFFORT = QoSProfile(depth=1, reliability=QoSReliabilityPolicy.BEST_EFFORT)
RELIABLE = QoSProfile(depth=3)
LATCHED = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
LABEL = "/robot/segmentation/label"


@pytest.fixture
def node(peer):
    with listening_node(peer) as node:
        yield node


def raw(node, topic: str = "image", qos: QoSProfile = BEST_EFFORT) -> list[str]:
    return why_nothing_arrives(node, topic, Image, qos, "raw")


def test_type_names() -> None:
    assert type_name(Image) == "sensor_msgs/msg/Image"
    assert type_name(String) == "std_msgs/msg/String"


def test_nobody_publishes(node) -> None:
    assert raw(node) == [
        "nobody publishes /robot/image, nor any other image topic: start the camera"
    ]


def test_two_cameras_that_are_exchanged_by_remapping(peer) -> None:
    exchanged = ("left/image:=right/image", "right/image:=left/image")
    with listening_node(peer, *exchanged) as node:
        peer.node.create_publisher(Image, "/robot/left/image", 1)
        peer.until(lambda: node.count_publishers("/robot/left/image"), "a camera")
        assert "publishes /robot/left/image and fits" in raw(node, "right/image")[0]
        assert raw(node, "left/image")[0].startswith("nobody publishes /robot/right/image")


def test_publishers_of_which_the_same_is_to_be_said_are_told_once(peer, node) -> None:
    """Such as a camera that was killed and started again, which the graph holds twice."""
    for _ in range(3):
        peer.node.create_publisher(Image, "/robot/image", 3)
    peer.until(lambda: node.count_publishers("/robot/image") == 3, "all of them")
    peer.until(lambda: known(node.get_publishers_info_by_topic("/robot/image")), "their names")
    (hint,) = raw(node)
    assert hint.startswith("/peer publishes /robot/image and fits")


def test_another_type_on_the_topic(peer, node) -> None:
    publish(peer, node, "/robot/image", CompressedImage)
    assert raw(node) == [
        (
            "/peer publishes /robot/image as sensor_msgs/msg/CompressedImage, this node reads "
            "sensor_msgs/msg/Image: start this node with --ros-args -p image_transport:=compressed "
            "-r image/compressed:=/robot/image"
        )
    ]


def test_no_pictures_on_the_topic(peer, node) -> None:
    publish(peer, node, "/robot/image", String)
    (hint,) = raw(node)
    assert "as std_msgs/msg/String" in hint
    assert hint.endswith("remap image to a topic of images")


def test_incompatible_qos_names_both_profiles_and_the_node(peer, node) -> None:
    publish(peer, node, "/robot/image", qos=BEST_EFFORT)
    assert raw(node, qos=RELIABLE) == [
        (
            "/peer publishes /robot/image as [best effort, volatile], this node asks for "
            "[reliable, volatile, keep last 3] (best effort publisher and reliable subscription): "
            "start this node with -p qos_overrides./robot/image.subscription.reliability:="
            "best_effort, or change the other one"
        )
    ]


def test_a_deadline_that_the_camera_does_not_promise(peer, node) -> None:
    publish(peer, node, "/robot/image")
    (hint,) = raw(node, qos=QoSProfile(depth=1, deadline=Duration(nanoseconds=10_000_000)))
    assert "this node asks for [reliable, volatile, keep last 1, deadline 0.01 s]" in hint
    assert hint.endswith(": set the other node's deadline or liveliness")


def test_a_camera_that_fits_but_sends_nothing(peer, node) -> None:
    publish(peer, node, "/robot/image")
    (hint,) = raw(node)
    assert hint.startswith(
        "/peer publishes /robot/image and fits, but sends nothing, was killed, or"
    )
    assert "ros2 topic hz /robot/image" in hint
    assert len(raw(node)) == 1


def test_a_publisher_without_a_name(node, monkeypatch) -> None:
    # As the middleware tells of DDS programs that are no ROS nodes.
    stranger = SimpleNamespace(
        node_name="_NODE_NAME_UNKNOWN_",
        node_namespace="_NODE_NAMESPACE_UNKNOWN_",
        topic_type="sensor_msgs/msg/Image",
        qos_profile=RELIABLE,
    )
    monkeypatch.setattr(node, "get_publishers_info_by_topic", lambda topic: [stranger])
    assert raw(node)[0].startswith("a node without a name publishes /robot/image and fits")


def outputs(node) -> dict:
    return {"label": node.create_publisher(Image, "~/label", RELIABLE)}


def test_subscribers_that_are_served(peer, node) -> None:
    publishers = outputs(node)
    for qos in (RELIABLE, BEST_EFFORT):
        subscribe(peer, node, LABEL, Image, qos)
    peer.until(lambda: publishers["label"].get_subscription_count() == 2, "two matches")
    assert qos_mismatches(node, publishers) == []


def test_a_subscriber_with_incompatible_qos_beside_one_that_is_served(peer, node) -> None:
    publishers = outputs(node)
    subscribe(peer, node, LABEL, Image, RELIABLE)
    subscribe(peer, node, LABEL, Image, LATCHED)
    peer.until(lambda: publishers["label"].get_subscription_count() == 1, "a match")
    assert qos_mismatches(node, publishers) == [
        (
            "/peer gets nothing: it reads /robot/segmentation/label as "
            "[reliable, transient local], this node publishes [reliable, volatile, keep last 3] "
            "(volatile publisher and transient local subscription): set the other node's "
            "durability to volatile"
        )
    ]


def test_a_subscriber_of_another_type(peer, node) -> None:
    publishers = outputs(node)
    subscribe(peer, node, LABEL, CompressedImage, RELIABLE)
    assert qos_mismatches(node, publishers) == [
        (
            "/peer gets nothing: it reads /robot/segmentation/label as "
            "sensor_msgs/msg/CompressedImage, this node publishes sensor_msgs/msg/Image"
        )
    ]
