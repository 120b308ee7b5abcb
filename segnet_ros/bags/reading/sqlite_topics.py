# SPDX-License-Identifier: Apache-2.0
"""What a sqlite3 file of a recording says about its topics."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from segnet_ros.bags.reading.byte_source import UnreadableError, reason
from segnet_ros.bags.recorded import Topic

if TYPE_CHECKING:
    from collections.abc import Mapping

_DEFINITIONS = "SELECT topic_type, encoding, encoded_message_definition FROM message_definitions"


def read_topics(database: sqlite3.Connection) -> dict[int, Topic]:
    """Read the topics by their numbers, without counts.

    Raises:
        UnreadableError: the file is no database, or none of rosbag2.

    """
    database.row_factory = None
    database.text_factory = lambda text: text.decode(errors="replace")
    try:
        database.execute("PRAGMA writable_schema = ON")  # opens what is shorter than it should be
        names = [row[1] for row in database.execute("PRAGMA table_info(topics)")]
        if not names or not database.execute("PRAGMA table_info(messages)").fetchall():
            msg = "it has no tables of a recording"
            raise UnreadableError(msg)
        rows = database.execute("SELECT * FROM topics").fetchall()
    except sqlite3.Error as error:
        raise UnreadableError(reason(error)) from error
    definitions = _definitions(database)
    entries = [dict(zip(names, row, strict=True)) for row in rows]
    return {entry["id"]: _topic(entry, definitions) for entry in entries}


def _definitions(database: sqlite3.Connection) -> Mapping[str, tuple[str, str]]:
    """Format and text by type; bags older than Iron have none."""
    try:
        return {kind: (str(form), str(text)) for kind, form, text in database.execute(_DEFINITIONS)}
    except sqlite3.Error:
        return {}


def _topic(entry: Mapping[str, object], definitions: Mapping[str, tuple[str, str]]) -> Topic:
    kind = str(entry["type"])
    form, text = definitions.get(kind, ("", ""))
    return Topic(
        name=str(entry["name"]),
        type=kind,
        definition=text,
        definition_format=form if text else "",
        type_hash=str(entry.get("type_description_hash") or ""),
        qos=str(entry.get("offered_qos_profiles") or ""),
        serialization=str(entry.get("serialization_format") or "cdr"),
    )
