# SPDX-License-Identifier: Apache-2.0
"""What an mcap file says about its topics."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mcap.records import Channel, Schema

from segnet_ros.bags.recorded import Topic

if TYPE_CHECKING:
    from collections.abc import Mapping

_NO_SCHEMA = Schema(id=0, data=b"", encoding="", name="")


def described_topics(
    channels: Mapping[int, Channel], schemas: Mapping[int, Schema]
) -> dict[int, Topic]:
    """The topics by the numbers of their channels, without counts.

    Several channels may be of a topic, but only of its first type.
    """
    described: dict[int, Topic] = {}
    types: dict[str, tuple[str, str]] = {}
    for number, channel in sorted(channels.items()):
        topic = _topic(channel, schemas.get(channel.schema_id, _NO_SCHEMA))
        kind = topic.type, topic.serialization
        if types.setdefault(topic.name, kind) == kind:
            described[number] = topic
    return described


def _topic(channel: Channel, schema: Schema) -> Topic:
    return Topic(
        name=channel.topic,
        type=schema.name,
        definition=schema.data.decode(errors="replace"),
        definition_format=schema.encoding if schema.data else "",
        type_hash=channel.metadata.get("topic_type_hash", ""),
        qos=channel.metadata.get("offered_qos_profiles", ""),
        serialization=channel.message_encoding,
    )


def topics_by_name(
    described: Mapping[int, Topic], counts: Mapping[int, int] | None
) -> dict[str, Topic]:
    """Put together the channels of each topic.

    Args:
        described: See `described_topics`.
        counts: Messages by channel; None if that is unknown.

    """
    topics: dict[str, Topic] = {}
    for number, topic in described.items():
        before = topics.get(topic.name, replace(topic, count=0))
        count = None if counts is None else (before.count or 0) + counts.get(number, 0)
        topics[topic.name] = replace(before, count=count)
    return topics
