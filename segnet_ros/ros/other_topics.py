# SPDX-License-Identifier: Apache-2.0
"""Where a camera's images might be instead, if nobody publishes the topic that is listened to."""

import os
from collections.abc import Iterator

from rclpy.node import Node

_RAW, _COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
_TRANSPORTS = {_RAW: "raw", _COMPRESSED: "compressed"}
_SUFFIX = "/compressed"
_MOST_NAMED = 4


def advice(node: Node, topic: str, wanted: str, transport: str) -> str:
    """What to do, to be put behind "nobody publishes <topic>".

    Args:
        node: The one that listens.
        topic: The name that was subscribed, before remapping.
        wanted: Type of the messages, as the graph spells it.
        transport: "raw" or "compressed".

    """
    full = node.resolve_topic_name(topic)
    found = {name: kind for name, kind in _image_topics(node) if name != full}
    # image_transport publishes the same pictures under two names, and one remapping moves both.
    sibling = full.removesuffix(_SUFFIX) if transport == "compressed" else full + _SUFFIX
    if sibling in found:
        other = _TRANSPORTS[found[sibling]]
        return f", but {sibling}: start this node with --ros-args -p image_transport:={other}"
    if found:
        names = sorted(found, key=lambda name: (found[name] != wanted, name))
        named = ", ".join(names[:_MOST_NAMED]) + (", ..." if len(names) > _MOST_NAMED else "")
        use = how_to_hear(topic, names[0], found[names[0]])
        return f"; image topics there are: {named}; for {names[0]} {use}"
    return f", nor any other image topic: start the camera{_alone(node)}"


def how_to_hear(topic: str, found: str, kind: str) -> str:
    """What to start the node with to hear images on a topic.

    Args:
        topic: The name that was subscribed, before remapping.
        found: Full name of the topic.
        kind: Its type, as the graph spells it.

    """
    transport = _TRANSPORTS.get(kind)
    if transport is None:
        return f"remap {topic} to a topic of images"
    name = topic.removesuffix(_SUFFIX) + (_SUFFIX if transport == "compressed" else "")
    changed = "" if name == topic else f"-p image_transport:={transport} "
    return f"start this node with --ros-args {changed}-r {name}:={found}"


def _image_topics(node: Node) -> Iterator[tuple[str, str]]:
    """Topics of images that somebody else publishes, with their types."""
    own = [publisher.topic_name for publisher in node.publishers]
    for name, types in node.get_topic_names_and_types():
        kinds = [kind for kind in types if kind in _TRANSPORTS]
        if kinds and node.count_publishers(name) > own.count(name):
            yield name, kinds[0]


def _alone(node: Node) -> str:
    myself = (node.get_name(), node.get_namespace())
    if any(peer != myself for peer in node.get_node_names_and_namespaces()):
        return ""
    domain = os.environ.get("ROS_DOMAIN_ID", "0")
    return (
        f"; this node sees no other node at all: is ROS_DOMAIN_ID (here {domain}) the same, does "
        "the network carry multicast, is discovery limited to one machine?"
    )
