# SPDX-License-Identifier: Apache-2.0
"""Topics with all that a player needs."""

import yaml

from segnet_ros.bags.writing.bag_description import qos_in_numbers
from segnet_ros.bags.writing.new_topics import new_topic


def test_a_topic_is_fully_described() -> None:
    topic = new_topic("/labels", "std_msgs/msg/String")
    assert (topic.name, topic.type, topic.serialization) == (
        "/labels",
        "std_msgs/msg/String",
        "cdr",
    )
    assert (topic.definition, topic.definition_format) == ("string data\n", "ros2msg")
    assert topic.type_hash == (
        "RIHS01_df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18"
    )
    assert topic.count is None


def test_it_is_offered_as_the_node_offers_it() -> None:
    forever = {"sec": 9223372036, "nsec": 854775807}
    (profile,) = yaml.safe_load(new_topic("/labels", "std_msgs/msg/String").qos)
    assert profile == {
        "history": 1,
        "depth": 5,
        "reliability": 1,
        "durability": 2,
        "deadline": forever,
        "lifespan": forever,
        "liveliness": 1,
        "liveliness_lease_duration": forever,
        "avoid_ros_namespace_conventions": False,
    }


def test_a_latched_topic_keeps_its_last_message() -> None:
    (profile,) = yaml.safe_load(new_topic("/info", "std_msgs/msg/String", latched=True).qos)
    assert (profile["durability"], profile["depth"]) == (1, 1)


def test_its_qos_is_written_as_it_is() -> None:
    qos = new_topic("/labels", "std_msgs/msg/String").qos
    assert qos_in_numbers(qos) == qos
