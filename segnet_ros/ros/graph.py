# SPDX-License-Identifier: Apache-2.0
"""Why nothing arrives on a topic, and which listeners get nothing, read off the ROS graph."""

from collections.abc import Iterator, Mapping
from typing import Any

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile

from segnet_ros.ros.other_topics import advice, how_to_hear
from segnet_ros.ros.qos import clashing_policies, incompatibility, profile_in_words


def why_nothing_arrives(
    node: Node, topic: str, message_type: type, subscription_qos: QoSProfile, transport: str
) -> list[str]:
    """What in the graph keeps images away, each cause with its remedy. Costs graph queries.

    Args:
        node: The one that listens.
        topic: The name that was subscribed, before remapping, such as "front/image".
        message_type: Image or CompressedImage.
        subscription_qos: The subscription's profile.
        transport: "raw" or "compressed".

    Returns:
        At least one line.

    """
    wanted = type_name(message_type)
    full = node.resolve_topic_name(topic)
    # Not the full name: rclpy remaps here, too, and two cameras may be exchanged by remapping.
    publishers = node.get_publishers_info_by_topic(topic)
    if not publishers:
        return [f"nobody publishes {full}{advice(node, topic, wanted, transport)}"]
    # Of a camera that is killed and started again the graph holds several alike for a while.
    return [*dict.fromkeys(_why_not(p, topic, full, wanted, subscription_qos) for p in publishers)]


def qos_mismatches(node: Node, publishers: Mapping[str, Publisher]) -> list[str]:
    """Which subscribers of this node's topics get nothing, and why. Cheap while all of them do.

    Args:
        node: The one that publishes.
        publishers: By any name.

    """
    return [
        line
        for publisher in publishers.values()
        if _somebody_is_left_out(node, publisher)
        for line in _left_out(node, publisher)
    ]


def type_name(message_type: type) -> str:
    """As the graph spells it, such as "sensor_msgs/msg/Image"."""
    return f"{message_type.__module__.partition('.')[0]}/msg/{message_type.__name__}"


def _why_not(peer: Any, topic: str, full: str, wanted: str, ours: QoSProfile) -> str:
    if peer.topic_type != wanted:
        return (
            f"{_name(peer)} publishes {full} as {peer.topic_type}, this node reads {wanted}: "
            f"{how_to_hear(topic, full, peer.topic_type)}"
        )
    theirs = peer.qos_profile
    if clash := incompatibility(theirs, ours):
        clashes = clashing_policies(theirs, ours)
        return (
            f"{_name(peer)} publishes {full} as [{profile_in_words(theirs)}], this node asks for "
            f"[{profile_in_words(ours)}] ({clash}): "
            f"{_remedy(f'{full}.subscription', clashes, ours, theirs)}"
        )
    return (
        f"{_name(peer)} publishes {full} and fits, but sends nothing, was killed, or its images "
        f"get lost: see `ros2 topic hz {full}` on its machine; large images need the Fast DDS "
        "profile on the camera's side, too (`segnet doctor`)"
    )


def _remedy(side: str, clashes: list[str], ours: QoSProfile, theirs: QoSProfile) -> str:
    # Of the policies that clash rclpy lets parameters override the reliability only.
    if clashes == ["reliability"]:
        wish = f"qos_overrides.{side}.reliability:={theirs.reliability.short_key}"
        return f"start this node with -p {wish}, or change the other one"
    named = [f"{policy} to {getattr(ours, policy).short_key}" for policy in clashes]
    return f"set the other node's {' and '.join(named) or 'deadline or liveliness'}"


def _somebody_is_left_out(node: Node, publisher: Publisher) -> bool:
    # The graph counts every subscriber, the publisher those that it serves.
    served = publisher.get_subscription_count()
    return bool(node.count_subscribers(publisher.topic_name) > served)


def _left_out(node: Node, publisher: Publisher) -> Iterator[str]:
    topic, ours = publisher.topic_name, publisher.qos_profile
    kind = type_name(publisher.msg_type)
    for peer in node.get_subscriptions_info_by_topic(topic):
        theirs = peer.qos_profile
        if peer.topic_type != kind:
            yield (
                f"{_name(peer)} gets nothing: it reads {topic} as {peer.topic_type}, this node "
                f"publishes {kind}"
            )
        elif clash := incompatibility(ours, theirs):
            clashes = clashing_policies(ours, theirs)
            yield (
                f"{_name(peer)} gets nothing: it reads {topic} as [{profile_in_words(theirs)}], "
                f"this node publishes [{profile_in_words(ours)}] ({clash}): "
                f"{_remedy(f'{topic}.publisher', clashes, ours, theirs)}"
            )


def _name(peer: Any) -> str:
    # Programs that speak DDS without ROS have none, others for a moment.
    if "UNKNOWN" in peer.node_name:
        return "a node without a name"
    return f"{peer.node_namespace.rstrip('/')}/{peer.node_name}"
