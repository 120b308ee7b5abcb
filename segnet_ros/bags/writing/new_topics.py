# SPDX-License-Identifier: Apache-2.0
"""Topics that we write ourselves, with all that a player needs to publish them."""

from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2.metadata import dump_qos_v8

from segnet_ros.bags.recorded import Topic
from segnet_ros.bags.writing.vision_messages import label_type_store

_INFINITE = QosTime(9_223_372_036, 854_775_807)


def new_topic(name: str, kind: str, latched: bool = False) -> Topic:
    """A topic offered as the node offers it.

    Args:
        name: Full name.
        kind: One of `label_type_store`, such as "sensor_msgs/msg/CompressedImage".
        latched: Whether late subscribers get the last message (transient local, depth 1);
            otherwise reliable, volatile, depth 5.

    """
    store = label_type_store()
    definition, _ = store.generate_msgdef(kind, ros_version=2)
    return Topic(
        name=name,
        type=kind,
        definition=definition,
        definition_format="ros2msg",
        type_hash=store.hash_rihs01(kind),
        qos=dump_qos_v8([_profile(latched)]),
    )


def _profile(latched: bool) -> Qos:
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=1 if latched else 5,
        reliability=QosReliability.RELIABLE,
        durability=QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        deadline=_INFINITE,
        lifespan=_INFINITE,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=_INFINITE,
        avoid_ros_namespace_conventions=False,
    )
