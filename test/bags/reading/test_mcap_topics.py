# SPDX-License-Identifier: Apache-2.0

from mcap.records import Channel, Schema

from segnet_ros.bags.reading.mcap_topics import described_topics, topics_by_name
from segnet_ros.bags.recorded import Topic

STRING = Schema(1, b"string data", "ros2msg", "std_msgs/msg/String")
BOOL = Schema(2, b"bool data", "ros2msg", "std_msgs/msg/Bool")
SCHEMAS = {1: STRING, 2: BOOL}


def channel(number: int, topic: str, schema: int, encoding: str = "cdr") -> Channel:
    return Channel(number, topic, encoding, {"offered_qos_profiles": "- depth: 1"}, schema)


def test_topic_is_that_of_its_channel_and_schema() -> None:
    described = described_topics({4: channel(4, "/a", 1)}, SCHEMAS)
    kind = "std_msgs/msg/String"
    assert described == {4: Topic("/a", kind, "string data", "ros2msg", "", "- depth: 1")}


def test_channels_of_a_topic_are_counted_together() -> None:
    channels = {4: channel(4, "/a", 1), 5: channel(5, "/a", 1), 6: channel(6, "/b", 2)}
    described = described_topics(channels, SCHEMAS)
    counts = topics_by_name(described, {4: 10, 5: 1})
    assert {name: topic.count for name, topic in counts.items()} == {"/a": 11, "/b": 0}
    unknown = topics_by_name(described, None)
    assert [topic.count for topic in unknown.values()] == [None, None]


def test_second_type_or_serialization_of_a_topic_is_left_out() -> None:
    channels = {
        5: channel(5, "/a", 2),
        4: channel(4, "/a", 1),
        6: channel(6, "/a", 1, "json"),
    }
    assert list(described_topics(channels, SCHEMAS)) == [4]


def test_channel_without_a_schema_has_no_type() -> None:
    (topic,) = described_topics({4: channel(4, "/a", 0)}, SCHEMAS).values()
    assert (topic.type, topic.definition, topic.definition_format) == ("", "", "")
