# SPDX-License-Identifier: Apache-2.0

from segnet_ros.bags.reading.topics import merge_topics, missing_messages, recount, second_types
from segnet_ros.bags.recorded import Fault, Topic

STRING = "std_msgs/msg/String"


def test_files_and_metadata_complete_each_other() -> None:
    first = Topic("/a", "my_msgs/msg/A", count=2)
    second = Topic("/a", "my_msgs/msg/A", "int8 x", "ros2msg", "RIHS01_2", count=3)
    told = Topic("/a", "my_msgs/msg/A", type_hash="RIHS01_9", qos="- depth: 1", count=99)
    (topic,) = merge_topics([{"/a": first}, {"/a": second}], {"/a": told}).values()
    assert topic == Topic(
        "/a", "my_msgs/msg/A", "int8 x", "ros2msg", "RIHS01_2", "- depth: 1", count=5
    )


def test_one_unknown_count_makes_the_sum_unknown() -> None:
    files = [{"/a": Topic("/a", STRING, count=2)}, {"/a": Topic("/a", STRING)}]
    assert merge_topics(files, {})["/a"].count is None


def test_topic_of_the_metadata_alone_has_no_messages() -> None:
    topics = merge_topics([], {"/a": Topic("/a", STRING, count=7)})
    assert topics["/a"].count == 0


def test_definition_that_was_not_recorded_is_the_known_one() -> None:
    topic = merge_topics([{"/a": Topic("/a", STRING)}], {})["/a"]
    assert (topic.definition, topic.definition_format) == ("string data\n", "ros2msg")
    assert topic.type_hash.startswith("RIHS01_df668c74")
    recorded = Topic("/a", STRING, "string data # mine", "ros2msg")
    assert merge_topics([{"/a": recorded}], {})["/a"] == recorded


def test_unknown_type_stays_without_definition() -> None:
    topic = merge_topics([{"/a": Topic("/a", "my_msgs/msg/A")}], {})["/a"]
    assert (topic.definition, topic.definition_format, topic.type_hash) == ("", "", "")


def test_second_type_is_told_and_not_counted() -> None:
    files = [
        {"/a": Topic("/a", STRING, count=2)},
        {"/a": Topic("/a", "std_msgs/msg/Bool", count=3)},
    ]
    topics = merge_topics(files, {})
    assert (topics["/a"].type, topics["/a"].count) == (STRING, 2)
    assert list(second_types(files, topics)) == [
        Fault(f"also recorded as std_msgs/msg/Bool, not only as {STRING}", "/a", lost=3)
    ]


def test_counts_can_be_those_of_the_metadata() -> None:
    topics = {"/a": Topic("/a", STRING, count=2), "/b": Topic("/b", STRING, count=2)}
    counted = recount(topics, {"/a": Topic("/a", STRING, count=9)})
    assert {name: topic.count for name, topic in counted.items()} == {"/a": 9, "/b": None}


def test_messages_that_no_file_has_are_told() -> None:
    told = {name: Topic(name, STRING, count=10) for name in ("/a", "/b")}
    topics = {"/a": Topic("/a", STRING, count=10), "/b": Topic("/b", STRING, count=6)}
    assert list(missing_messages(topics, told, [])) == [
        Fault("metadata.yaml counts 10 messages", "/b", lost=4)
    ]
    assert list(missing_messages(topics, told, [Fault("known", lost=4)])) == []
    assert list(missing_messages(told, told, [])) == []


def test_nothing_is_said_where_counts_are_unknown() -> None:
    told = {"/a": Topic("/a", STRING, count=10)}
    assert list(missing_messages({"/a": Topic("/a", STRING)}, told, [])) == []
