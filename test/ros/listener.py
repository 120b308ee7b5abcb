# SPDX-License-Identifier: Apache-2.0
"""A bare node that listens, and what the peer offers to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import rclpy
from peer import Peer
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image


@contextmanager
def listening_node(peer: Peer, *remappings: str) -> Iterator[Node]:
    """`/robot/segmentation`, which knows the peer already."""
    # A context of its own, as a process has: one context cannot hold two types of one topic.
    context = rclpy.Context()
    context.init(args=[])
    arguments = [word for remapping in remappings for word in ("-r", remapping)]
    node = rclpy.create_node(
        "segmentation", namespace="/robot", context=context, cli_args=["--ros-args", *arguments]
    )
    peer.until(lambda: len(node.get_node_names()) > 1, "the peer")
    yield node
    node.destroy_node()
    context.shutdown()


def publish(peer: Peer, node: Node, topic: str, kind: type = Image, qos: Any = 3) -> None:
    peer.node.create_publisher(kind, topic, qos)
    peer.until(lambda: known(node.get_publishers_info_by_topic(topic)), f"{topic} in the graph")


def subscribe(peer: Peer, node: Node, topic: str, kind: type, qos: QoSProfile) -> None:
    before = node.count_subscribers(topic)
    peer.node.create_subscription(kind, topic, lambda message: None, qos)
    peer.until(lambda: node.count_subscribers(topic) > before, "the subscriber")
    peer.until(lambda: known(node.get_subscriptions_info_by_topic(topic)), "its name")


def known(ends: list[Any]) -> bool:
    """Whether the names of the ends have been discovered: that takes longer than the ends."""
    return bool(ends) and all(end.node_name == "peer" for end in ends)
