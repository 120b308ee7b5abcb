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
_KIND = """SELECT type, sql LIKE '%VIRTUAL%' FROM sqlite_master
WHERE name = ? COLLATE NOCASE AND type IN ('table', 'view')"""
_COLUMNS = "SELECT name, hidden FROM pragma_table_xinfo(?)"
_TOPICS = {"id", "name", "type"}
_MESSAGES = {"id", "topic_id", "timestamp", "data"}


def read_topics(database: sqlite3.Connection) -> dict[int, Topic]:
    """Read the topics by their numbers, without counts.

    Raises:
        UnreadableError: the file is no database, or none of rosbag2.

    """
    database.row_factory = None
    database.text_factory = lambda text: text.decode(errors="replace")
    try:
        database.execute("PRAGMA writable_schema = ON")  # opens what is shorter than it should be
        database.execute("PRAGMA trusted_schema = OFF")
        names = _columns(database, "topics")
        if not (_TOPICS.issubset(names) and _MESSAGES.issubset(_columns(database, "messages"))):
            msg = "it has no tables of a recording"
            raise UnreadableError(msg)
        rows = database.execute("SELECT * FROM topics").fetchall()
    except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter of columns' names
        raise UnreadableError(reason(error)) from error
    definitions = _definitions(database)
    entries = [dict(zip(names, row, strict=True)) for row in rows]
    return {entry["id"]: _topic(entry, definitions) for entry in entries}


def _columns(database: sqlite3.Connection, table: str) -> list[str]:
    """Names of a table's columns; none of a view or of computed columns, which may take ages."""
    kinds = database.execute(_KIND, (table,)).fetchall()
    columns = database.execute(_COLUMNS, (table,)).fetchall()
    is_stored = len(kinds) == 1 and kinds[0][0] == "table" and not kinds[0][1]
    return [name for name, _ in columns] if is_stored and not any(h for _, h in columns) else []


def _definitions(database: sqlite3.Connection) -> Mapping[str, tuple[str, str]]:
    """Format and text by type; bags older than Iron have none."""
    try:
        if not _columns(database, "message_definitions"):
            return {}
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
