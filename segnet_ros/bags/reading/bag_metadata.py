# SPDX-License-Identifier: Apache-2.0
"""metadata.yaml: what rosbag2 says about a recording's files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import yaml

from segnet_ros.bags.reading.compressed_file import SUFFIX
from segnet_ros.bags.reading.in_time import FAR_NS
from segnet_ros.bags.recorded import Topic
from segnet_ros.inference.excerpts import one_line, shown
from segnet_ros.inference.yaml_document import YamlError, parse_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ROOT = "rosbag2_bagfile_information"
_COMPRESSION = "zstd"
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # the quick one is not on all machines
_LAST_NS = 2**63


class MetadataError(Exception):
    """metadata.yaml says nothing that can be used; the text is the reason."""


@dataclass(frozen=True)
class FileSpan:
    """When a file was recorded, and how much.

    Attributes:
        start_ns: Time of the first message.
        stop_ns: Just after the last one.
        count: Messages.

    """

    start_ns: int
    stop_ns: int
    count: int


@dataclass(frozen=True)
class BagMetadata:
    """What rosbag2 of Humble to Kilted (versions 1 to 9 of this file) says about a recording.

    Attributes:
        files: Names without folder, in the order of recording.
        topics: By name; without definitions.
        spans: Of the files by name without ".zstd"; empty unless those of all of them are told
            (since Humble) and agree with what is told of the recording.
        foreign_compression: Format the files or messages are compressed in, if it is not zstd;
            empty otherwise.

    """

    files: Sequence[str]
    topics: Mapping[str, Topic]
    spans: Mapping[str, FileSpan]
    foreign_compression: str


def parse_metadata(text: str) -> BagMetadata:
    """Read the text of a metadata.yaml.

    Raises:
        MetadataError: it is damaged.

    """
    try:
        content = parse_yaml(text)[_ROOT]
        return BagMetadata(
            files=[_name(path) for path in content["relative_file_paths"] or ()],
            topics={topic.name: topic for topic in map(_topic, _topics(content))},
            spans=_spans(content),
            foreign_compression=_foreign_compression(content),
        )
    except YamlError as error:
        msg = f"it is no YAML ({error})"
        raise MetadataError(msg) from error
    except KeyError as error:
        msg = f"it has no {error.args[0]}"
        raise MetadataError(msg) from error
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        msg = f"an entry has a wrong kind ({one_line(error) or type(error).__name__})"
        raise MetadataError(msg) from error


def _name(path: object) -> str:
    """Old versions give paths that begin with the recording's folder; it may have moved since."""
    name = PurePosixPath(str(path)).name
    if not name:
        msg = f"{shown(path)} as a file's path"
        raise ValueError(msg)
    return name


def _topics(content: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return content.get("topics_with_message_count") or ()


def _topic(entry: Mapping[str, Any]) -> Topic:
    topic = entry["topic_metadata"]
    return Topic(
        name=str(topic["name"]),
        type=str(topic["type"]),
        type_hash=str(topic.get("type_description_hash") or ""),
        qos=_qos(topic.get("offered_qos_profiles")),
        serialization=str(topic.get("serialization_format") or "cdr"),
        count=int(entry["message_count"]),
    )


def _qos(profiles: object) -> str:
    """Version 9 has a list where the versions before have a text that holds one."""
    if not profiles:
        return ""
    if isinstance(profiles, str):
        return profiles
    return str(yaml.dump(profiles, Dumper=_DUMPER, sort_keys=False))


def _spans(content: Mapping[str, Any]) -> Mapping[str, FileSpan]:
    spans = {_name(file["path"]).removesuffix(SUFFIX): _span(file) for file in _told_files(content)}
    filled = [span for span in spans.values() if span.count]
    if len(spans) != len(content["relative_file_paths"] or ()) or not filled:
        return {}
    start_ns, stop_ns = min(span.start_ns for span in filled), max(span.stop_ns for span in filled)
    whole = FileSpan(start_ns, stop_ns, sum(span.count for span in filled))
    # Years between two messages are not to be believed, nor looked through.
    plausible = 0 <= start_ns < stop_ns < _LAST_NS and stop_ns - start_ns <= FAR_NS
    if whole != _span(content) or not plausible:
        return {}
    empty = FileSpan(start_ns, start_ns, 0)  # of an empty file rosbag2 tells the end of all time
    return {name: span if span.count else empty for name, span in spans.items()}


def _told_files(content: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return content.get("files") or ()


def _span(content: Mapping[str, Any]) -> FileSpan:
    """Of a file or the whole recording; a duration is counted to the last message."""
    start_ns = int(content["starting_time"]["nanoseconds_since_epoch"])
    duration_ns = int(content["duration"]["nanoseconds"])
    return FileSpan(start_ns, start_ns + duration_ns + 1, int(content["message_count"]))


def _foreign_compression(content: Mapping[str, Any]) -> str:
    mode = str(content.get("compression_mode") or "none").lower()
    form = str(content.get("compression_format") or "")
    return form if mode in ("file", "message") and form != _COMPRESSION else ""
