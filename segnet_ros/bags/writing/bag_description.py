# SPDX-License-Identifier: Apache-2.0
"""metadata.yaml of a recording, in the layout that rosbag2 of Humble to Kilted reads."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Protocol

from rosbags.rosbag2.errors import ReaderError
from rosbags.rosbag2.metadata import dump_qos_v8, parse_qos
from ruamel.yaml.error import YAMLError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from segnet_ros.bags.recorded import RecordedMessage, Topic

_VERSION = 5
"""The last one that Humble writes; every later distribution reads it as well."""


class Contents(Protocol):
    """What a file holds."""

    @property
    def start_ns(self) -> int:
        """Time of the first message."""

    @property
    def stop_ns(self) -> int:
        """Just after the last message; `start_ns` if there is none."""

    @property
    def counts(self) -> Mapping[str, int]:
        """Messages by topic."""


class Part(Contents, Protocol):
    """A file of a recording."""

    @property
    def name(self) -> str:
        """File name."""


@dataclass
class Tally:
    """A file that is being written.

    Attributes:
        name: File name.
        counts: Messages by topic; every topic has its number, if only 0.
        start_ns: Time of the first message.
        stop_ns: Just after the last message; `start_ns` if there is none.

    """

    name: str
    counts: dict[str, int]
    start_ns: int = 0
    stop_ns: int = 0

    def add(self, message: RecordedMessage) -> None:
        """Count a message."""
        first = self.stop_ns <= self.start_ns
        self.start_ns = message.time_ns if first else min(self.start_ns, message.time_ns)
        self.stop_ns = max(self.stop_ns, message.time_ns + 1)
        self.counts[message.topic] += 1


def bag_metadata(topics: Sequence[Topic], parts: Sequence[Part], storage: str) -> str:
    """Describe a recording.

    Args:
        topics: All of them, also those without messages.
        parts: Its files in the order of time.
        storage: "mcap" or "sqlite3".

    Returns:
        The text of metadata.yaml.

    """
    lines = _description(topics, parts, storage, [*_file_list(parts)])
    return "".join(f"{line}\n" for line in ["rosbag2_bagfile_information:", *_indented(lines)])


def file_metadata(topics: Sequence[Topic], contents: Contents) -> str:
    """Describe a single MCAP file, for its own metadata record.

    It names no file, so that a file's bytes do not depend on what it is called; rosbag2 puts in
    the name that it opened.
    """
    return "\n".join(
        _description(topics, [contents], "mcap", ["relative_file_paths: []", "files: []"])
    )


@cache
def qos_in_numbers(qos: str) -> str:
    """Offered QoS profiles as Humble reads them; since Kilted they are recorded in words.

    Args:
        qos: YAML text, as recorded.

    Returns:
        YAML text; empty, which players take for their default, if `qos` is empty or damaged.

    """
    try:
        return dump_qos_v8(parse_qos(qos))
    except (ReaderError, YAMLError, KeyError, TypeError, AttributeError):
        return ""


def _description(
    topics: Sequence[Topic], parts: Sequence[Contents], storage: str, files: Sequence[str]
) -> Iterator[str]:
    filled = [part for part in parts if part.stop_ns > part.start_ns]
    start = min((part.start_ns for part in filled), default=0)
    stop = max((part.stop_ns for part in filled), default=start + 1)
    yield f"version: {_VERSION}"
    yield f"storage_identifier: {storage}"
    yield from _span(start, stop)
    yield f"message_count: {sum(_messages(part) for part in parts)}"
    yield "topics_with_message_count:" if topics else "topics_with_message_count: []"
    for topic in topics:
        yield from _item(_topic(topic, sum(part.counts.get(topic.name, 0) for part in parts)))
    yield 'compression_format: ""'
    yield 'compression_mode: ""'
    yield from files


def _topic(topic: Topic, count: int) -> Iterator[str]:
    yield "topic_metadata:"
    yield f"  name: {_quoted(topic.name)}"
    yield f"  type: {_quoted(topic.type)}"
    yield f"  serialization_format: {_quoted(topic.serialization)}"
    yield f"  offered_qos_profiles: {_quoted(qos_in_numbers(topic.qos))}"
    yield f"message_count: {count}"


def _file_list(parts: Sequence[Part]) -> Iterator[str]:
    yield "relative_file_paths:" if parts else "relative_file_paths: []"
    for part in parts:
        yield f"  - {_quoted(part.name)}"
    yield "files:" if parts else "files: []"
    for part in parts:
        yield from _item(_file(part))


def _file(part: Part) -> Iterator[str]:
    yield f"path: {_quoted(part.name)}"
    yield from _span(part.start_ns, part.stop_ns)
    yield f"message_count: {_messages(part)}"


def _span(start_ns: int, stop_ns: int) -> Iterator[str]:
    """A duration is counted to the last message, not to just after it."""
    yield "duration:"
    yield f"  nanoseconds: {max(stop_ns - 1 - start_ns, 0)}"
    yield "starting_time:"
    yield f"  nanoseconds_since_epoch: {start_ns}"


def _messages(part: Contents) -> int:
    return sum(part.counts.values())


def _item(lines: Iterator[str]) -> Iterator[str]:
    """Make a list's item of a mapping."""
    yield f"  - {next(lines)}"
    yield from (f"    {line}" for line in lines)


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)


def _quoted(text: str) -> str:
    """Every JSON string is a YAML string; a YAML library takes seconds for a long recording."""
    return json.dumps(text, ensure_ascii=False)
