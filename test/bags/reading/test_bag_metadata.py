# SPDX-License-Identifier: Apache-2.0

from typing import Any

import pytest
import yaml

from segnet_ros.bags.reading.bag_metadata import FileSpan, MetadataError, parse_metadata
from segnet_ros.bags.recorded import Topic

QOS = "- history: 3\n  depth: 0\n  reliability: 1"


def content(version: int) -> dict[str, Any]:
    """A recording of two files, with what metadata.yaml of a version tells."""
    topic: dict[str, Any] = {
        "name": "/image",
        "type": "sensor_msgs/msg/Image",
        "serialization_format": "cdr",
    }
    names = ["drive_0.db3", "drive_1.db3"]
    told: dict[str, Any] = {
        "version": version,
        "storage_identifier": "sqlite3",
        "relative_file_paths": names if version >= 4 else [f"drive/{name}" for name in names],
        "duration": {"nanoseconds": 99},
        "starting_time": {"nanoseconds_since_epoch": 1000},
        "message_count": 7,
        "topics_with_message_count": [{"topic_metadata": topic, "message_count": 7}],
    }
    if version >= 3:
        told |= {"compression_format": "", "compression_mode": ""}
    if version >= 4:
        topic["offered_qos_profiles"] = QOS
    if version >= 5:
        told["files"] = [span("drive_0.db3", 1000, 49, 3), span("drive_1.db3", 1050, 49, 4)]
    if version >= 6:
        told["custom_data"] = None
    if version >= 7:
        topic["type_description_hash"] = "RIHS01_1"
    if version >= 8:
        told["ros_distro"] = "jazzy"
    if version >= 9:
        topic["offered_qos_profiles"] = [{"history": "keep_last", "depth": 5}]
    return told


def span(name: str, start_ns: int, duration_ns: int, count: int) -> dict[str, Any]:
    return {
        "path": name,
        "starting_time": {"nanoseconds_since_epoch": start_ns},
        "duration": {"nanoseconds": duration_ns},
        "message_count": count,
    }


def text(told: object) -> str:
    return yaml.safe_dump({"rosbag2_bagfile_information": told}, sort_keys=False)


@pytest.mark.parametrize("version", range(1, 10))
def test_every_version_is_read(version: int) -> None:
    metadata = parse_metadata(text(content(version)))
    assert metadata.files == ["drive_0.db3", "drive_1.db3"]
    assert metadata.foreign_compression == ""
    qos = {9: "- history: keep_last\n  depth: 5\n"}.get(version, QOS if version >= 4 else "")
    kind_hash = "RIHS01_1" if version >= 7 else ""
    topic = Topic("/image", "sensor_msgs/msg/Image", type_hash=kind_hash, qos=qos, count=7)
    assert metadata.topics == {"/image": topic}
    spans = {"drive_0.db3": FileSpan(1000, 1050, 3), "drive_1.db3": FileSpan(1050, 1100, 4)}
    assert metadata.spans == (spans if version >= 5 else {})


def test_spans_are_those_of_compressed_files_too() -> None:
    told = content(5)
    told |= {"compression_format": "zstd", "compression_mode": "FILE"}
    told["relative_file_paths"] = ["drive_0.db3.zstd", "drive_1.db3.zstd"]
    metadata = parse_metadata(text(told))
    assert metadata.files == ["drive_0.db3.zstd", "drive_1.db3.zstd"]
    assert metadata.spans.keys() == {"drive_0.db3", "drive_1.db3"}
    assert metadata.foreign_compression == ""


@pytest.mark.parametrize(
    "change",
    [
        {"message_count": 8},
        {"duration": {"nanoseconds": 100}},
        {"starting_time": {"nanoseconds_since_epoch": 999}},
        {"relative_file_paths": ["drive_0.db3"]},
        {"files": []},
    ],
)
def test_spans_that_contradict_the_rest_are_not_believed(change: dict[str, Any]) -> None:
    assert parse_metadata(text(content(5) | change)).spans == {}


@pytest.mark.parametrize("mode", ["file", "MESSAGE"])
def test_foreign_compression_is_told(mode: str) -> None:
    told = content(5) | {"compression_format": "lz4", "compression_mode": mode}
    assert parse_metadata(text(told)).foreign_compression == "lz4"


def test_format_without_a_mode_means_nothing() -> None:
    told = content(5) | {"compression_format": "lz4", "compression_mode": "NONE"}
    assert parse_metadata(text(told)).foreign_compression == ""


@pytest.mark.parametrize(
    ("damaged", "reason"),
    [
        ("", "wrong kind"),
        ("[1, 2", "it is no YAML"),
        ("just words", "wrong kind"),
        ("a: \0", "it is no YAML"),
        ("{}", "it has no rosbag2_bagfile_information"),
        (text({"version": 9}), "it has no relative_file_paths"),
        (text(content(5) | {"relative_file_paths": 5}), "wrong kind"),
        (text(content(5) | {"relative_file_paths": ["/"]}), "wrong kind"),
        (text(content(5) | {"topics_with_message_count": [{}]}), "it has no topic_metadata"),
        (text(content(5) | {"files": [{"path": "a"}]}), "it has no starting_time"),
        (text(None), "wrong kind"),
    ],
)
def test_damage_is_told_in_one_line(damaged: str, reason: str) -> None:
    with pytest.raises(MetadataError, match=reason) as caught:
        parse_metadata(damaged)
    assert "\n" not in str(caught.value)
