# SPDX-License-Identifier: Apache-2.0
"""The topics of a recording, from all of its files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from segnet_ros.bags.message_types import MESSAGE_DEFINITION, known_definition
from segnet_ros.bags.places import METADATA_FILE
from segnet_ros.bags.recorded import Fault, Topic
from segnet_ros.inference.excerpts import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def merge_topics(
    files: Sequence[Mapping[str, Topic]], described: Mapping[str, Topic]
) -> dict[str, Topic]:
    """Put together what the files say of each topic.

    Args:
        files: Topics of each file by name.
        described: Those of metadata.yaml.

    Returns:
        By name, with the type that comes first. What no file tells is taken from metadata.yaml,
        and definitions in the end from those that we know. Counts are those of the files.

    """
    topics: dict[str, Topic] = {}
    uncounted = {name: replace(topic, count=0) for name, topic in described.items()}
    for source in [*files, uncounted]:
        for name, topic in source.items():
            before = topics.setdefault(name, topic)
            if before is not topic and before.type == topic.type:
                topics[name] = _together(before, topic)
    return {name: _defined(topic) for name, topic in topics.items()}


def _together(topic: Topic, other: Topic) -> Topic:
    known = topic.count is not None and other.count is not None
    return replace(
        topic,
        definition=topic.definition or other.definition,
        definition_format=topic.definition_format or other.definition_format,
        type_hash=topic.type_hash or other.type_hash,
        qos=topic.qos or other.qos,
        count=(topic.count or 0) + (other.count or 0) if known else None,
    )


def _defined(topic: Topic) -> Topic:
    if topic.definition:
        return topic
    text, type_hash = known_definition(topic.type)
    return replace(
        topic,
        definition=text,
        definition_format=MESSAGE_DEFINITION if text else "",
        type_hash=topic.type_hash or type_hash,
    )


def recount(topics: Mapping[str, Topic], told: Mapping[str, Topic]) -> dict[str, Topic]:
    """Count the messages as metadata.yaml does."""
    return {
        name: replace(topic, count=told[name].count if name in told else None)
        for name, topic in topics.items()
    }


def second_types(
    files: Sequence[Mapping[str, Topic]], topics: Mapping[str, Topic]
) -> Iterator[Fault]:
    """Topics that a file has with another type than the recording; they cannot be used."""
    for file in files:
        for name, topic in file.items():
            if topic.type != topics[name].type:
                reason = (
                    f"also recorded as {plain(topic.type)}, not only as {plain(topics[name].type)}"
                )
                yield Fault(reason, name, lost=topic.count or 0)


def missing_messages(
    topics: Mapping[str, Topic], described: Mapping[str, Topic], faults: Sequence[Fault]
) -> Iterator[Fault]:
    """What metadata.yaml counts but no file has, unless other faults tell as much.

    Args:
        topics: Of the recording, counted in its files.
        described: Those of metadata.yaml.
        faults: What is known already.

    """
    if any(topic.count is None for topic in topics.values()):
        return
    expected = sum(topic.count or 0 for topic in described.values())
    found = sum(topics[name].count or 0 for name in described)
    if expected - found <= sum(fault.lost for fault in faults):
        return
    for name, topic in described.items():
        lost = (topic.count or 0) - (topics[name].count or 0)
        if lost > 0:
            yield Fault(f"{METADATA_FILE} counts {topic.count} messages", name, lost=lost)
