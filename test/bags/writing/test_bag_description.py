# SPDX-License-Identifier: Apache-2.0
"""metadata.yaml, as rosbag2 of Humble to Kilted reads it."""

from typing import Any

import pytest
import yaml

from segnet_ros.bags.recorded import RecordedMessage, Topic
from segnet_ros.bags.writing.bag_description import (
    Tally,
    bag_metadata,
    file_metadata,
    qos_in_numbers,
)

WORDS = """
- history: keep_last
  depth: 7
  reliability: best_effort
  durability: transient_local
  deadline: {sec: 9223372036, nsec: 854775807}
  lifespan: {sec: 1, nsec: 2}
  liveliness: automatic
  liveliness_lease_duration: {sec: 3, nsec: 4}
  avoid_ros_namespace_conventions: false
"""
NUMBERS = {
    "history": 1,
    "depth": 7,
    "reliability": 2,
    "durability": 1,
    "deadline": {"sec": 9223372036, "nsec": 854775807},
    "lifespan": {"sec": 1, "nsec": 2},
    "liveliness": 1,
    "liveliness_lease_duration": {"sec": 3, "nsec": 4},
    "avoid_ros_namespace_conventions": False,
}
TOPICS = [
    Topic("/image", "sensor_msgs/msg/Image", qos=WORDS, serialization="cdr"),
    Topic("/quiet: [x]", 'odd/msg/"Name"'),
]


def tally(name: str, *times: int, topic: str = "/image") -> Tally:
    part = Tally(name, {item.name: 0 for item in TOPICS})
    for time in times:
        part.add(RecordedMessage(topic, time, b""))
    return part


def information(*parts: Tally, storage: str = "mcap") -> Any:
    return yaml.safe_load(bag_metadata(TOPICS, parts, storage))["rosbag2_bagfile_information"]


def test_a_tally_spans_its_messages_in_any_order() -> None:
    part = tally("a", 50, 10, 30)
    assert (part.start_ns, part.stop_ns) == (10, 51)
    assert part.counts == {"/image": 3, "/quiet: [x]": 0}
    assert (tally("a").start_ns, tally("a").stop_ns) == (0, 0)


def test_a_message_at_time_zero_counts() -> None:
    part = tally("a", 0, 5)
    assert (part.start_ns, part.stop_ns) == (0, 6)


def test_every_field_of_version_5() -> None:
    assert information(tally("x_0.mcap", 100, 140), tally("x_1.mcap", 200)) == {
        "version": 5,
        "storage_identifier": "mcap",
        "duration": {"nanoseconds": 100},
        "starting_time": {"nanoseconds_since_epoch": 100},
        "message_count": 3,
        "topics_with_message_count": [
            {
                "topic_metadata": {
                    "name": "/image",
                    "type": "sensor_msgs/msg/Image",
                    "serialization_format": "cdr",
                    "offered_qos_profiles": qos_in_numbers(WORDS),
                },
                "message_count": 3,
            },
            {
                "topic_metadata": {
                    "name": "/quiet: [x]",
                    "type": 'odd/msg/"Name"',
                    "serialization_format": "cdr",
                    "offered_qos_profiles": "",
                },
                "message_count": 0,
            },
        ],
        "compression_format": "",
        "compression_mode": "",
        "relative_file_paths": ["x_0.mcap", "x_1.mcap"],
        "files": [
            {
                "path": "x_0.mcap",
                "starting_time": {"nanoseconds_since_epoch": 100},
                "duration": {"nanoseconds": 40},
                "message_count": 2,
            },
            {
                "path": "x_1.mcap",
                "starting_time": {"nanoseconds_since_epoch": 200},
                "duration": {"nanoseconds": 0},
                "message_count": 1,
            },
        ],
    }


def test_a_file_without_messages_does_not_stretch_the_recording() -> None:
    content = information(tally("x_0.mcap"), tally("x_1.mcap", 200, 260))
    assert content["starting_time"] == {"nanoseconds_since_epoch": 200}
    assert content["duration"] == {"nanoseconds": 60}


def test_no_messages_at_all() -> None:
    content = information(tally("x_0.mcap"), storage="sqlite3")
    assert content["storage_identifier"] == "sqlite3"
    assert content["message_count"] == 0
    assert content["duration"] == {"nanoseconds": 0}


def test_lists_may_be_empty() -> None:
    content = yaml.safe_load(bag_metadata([], [], "mcap"))["rosbag2_bagfile_information"]
    assert content["topics_with_message_count"] == []
    assert content["relative_file_paths"] == []
    assert content["files"] == []


def test_a_file_describes_itself_without_its_name() -> None:
    text = file_metadata(TOPICS, tally("x_0.mcap", 100, 140))
    content = yaml.safe_load(text)
    assert text == file_metadata(TOPICS, tally("y_0.mcap", 100, 140))
    assert content["message_count"] == 2
    assert content["topics_with_message_count"][0]["message_count"] == 2
    assert content["files"] == content["relative_file_paths"] == []


def test_qos_in_words_becomes_numbers() -> None:
    assert yaml.safe_load(qos_in_numbers(WORDS)) == [NUMBERS]


def test_qos_in_numbers_keeps_its_meaning() -> None:
    assert qos_in_numbers(yaml.safe_dump([NUMBERS])) == qos_in_numbers(WORDS)


@pytest.mark.parametrize("text", ["", "[]", "- history: 1", "{", "- 5", "word"])
def test_qos_that_cannot_be_read_is_left_to_the_player(text: str) -> None:
    assert qos_in_numbers(text) == ""
