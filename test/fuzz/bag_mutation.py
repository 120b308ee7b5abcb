# SPDX-License-Identifier: Apache-2.0
"""Mutations of recordings: records of MCAP, statements on SQLite, what zstd packs."""

from __future__ import annotations

import sqlite3
import struct
import zlib
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import lz4.frame
import zstandard
from workplace import workplace

if TYPE_CHECKING:
    import random

_MAGIC = b"\x89MCAP0\r\n"
_HEAD = struct.Struct("<BQ")
_CHUNK, _SUMMARY = 6, (3, 4, 8, 11, 13, 14)
_NUMBERS = (0, 1, 2, 255, 2**16 - 1, 2**31, 2**32 - 1, 2**40, 2**60, 2**63 - 1, 2**63, 2**64 - 1)
_FOOTER = 2
_BOMB = 64 << 20

Record = tuple[int, bytes]


def mutated_mcap(case: bytes, rng: random.Random) -> bytes:
    """Change records, inside of chunks too; lengths, checksums and places are kept right mostly."""
    records = _records(case[len(_MAGIC) :])
    if not records:
        return case
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(records))
        opcode, content = records[at]
        choice = rng.randrange(6)
        if opcode == _CHUNK and choice < 4:
            records[at] = opcode, _mutated_chunk(content, rng)
        elif choice == 0:
            del records[at]
        elif choice == 1:
            records.insert(rng.randrange(len(records) + 1), records[at])
        elif choice == 2:
            records[at] = rng.choice((1, 3, 4, 5, 6, 7, 8, 11, 15, 0x80, 0)), content
        else:
            records[at] = opcode, _mutated_fields(content, rng)
        if not records:
            break
    return _MAGIC + _written(_with_unchecked_summary(records)) + _MAGIC


def _records(data: bytes) -> list[Record]:
    records, position = [], 0
    while position + _HEAD.size <= len(data):
        opcode, length = _HEAD.unpack_from(data, position)
        begin = position + _HEAD.size
        if begin + length > len(data):
            break
        records.append((opcode, data[begin : begin + length]))
        position = begin + length
    return records


def _written(records: list[Record]) -> bytes:
    return b"".join(_HEAD.pack(opcode, len(content)) + content for opcode, content in records)


def _with_unchecked_summary(records: list[Record]) -> list[Record]:
    return [
        (opcode, content[:16] + bytes(4) if opcode == _FOOTER and len(content) == 20 else content)
        for opcode, content in records
    ]


def _mutated_fields(content: bytes, rng: random.Random) -> bytes:
    size = rng.choice((2, 4, 8))
    at = rng.choice(
        [
            k
            for k in (0, 2, 4, 8, 16, 24, 32, 40, rng.randrange(len(content) + 1))
            if k <= len(content)
        ]
    )
    number = rng.choice(_NUMBERS) % (1 << 8 * size)
    return content[:at] + number.to_bytes(size, "little") + content[at + size :]


def _mutated_chunk(content: bytes, rng: random.Random) -> bytes:
    """Change what is in it, how it is packed, or what it says of itself."""
    try:
        times, (length,) = content[:16], struct.unpack_from("<I", content, 28)
        kind = content[32 : 32 + length].decode()
        data = content[40 + length :]
        inner = zstandard.decompress(data, 1 << 20) if kind == "zstd" else data
        inner = lz4.frame.decompress(data) if kind == "lz4" else inner
    except Exception:  # noqa: BLE001 - damaged before
        return _mutated_fields(content, rng)
    records = _records(inner)
    if records and rng.random() < 0.7:
        at = rng.randrange(len(records))
        records[at] = records[at][0], _mutated_fields(records[at][1], rng)
        if rng.random() < 0.2:
            records.append(rng.choice(records))
        inner = _written(records)
    elif rng.random() < 0.05:
        inner = bytes(_BOMB)
    size, crc = len(inner), zlib.crc32(inner)
    if rng.random() < 0.2:
        size = rng.choice(_NUMBERS)
    crc = rng.choice((crc, crc, 0, 1))
    kind = rng.choice((kind, kind, kind, "", "lz4", "zstd", "bz2"))
    packed = (
        zstandard.ZstdCompressor(write_content_size=rng.random() < 0.7).compress(inner)
        if kind == "zstd"
        else inner
    )
    packed = lz4.frame.compress(inner) if kind == "lz4" else packed
    head = times + struct.pack("<QII", size, crc, len(kind)) + kind.encode()
    return head + struct.pack("<Q", len(packed)) + packed


_ENDLESS = "WITH RECURSIVE r(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM r) SELECT id"
_DATA = "1 data FROM r"
_SCHEMA = "PRAGMA writable_schema = ON; UPDATE sqlite_master SET"
_STATEMENTS = (
    "UPDATE messages SET timestamp = {number} WHERE id = {id}",
    "UPDATE messages SET timestamp = {number}",
    "UPDATE messages SET timestamp = {value} WHERE id = {id}",
    "UPDATE messages SET topic_id = {value} WHERE id = {id}",
    "UPDATE messages SET data = {value} WHERE id = {id}",
    "UPDATE messages SET data = zeroblob(500000) WHERE id = {id}",
    "UPDATE OR REPLACE messages SET id = {number} WHERE id = {id}",
    "DELETE FROM messages WHERE id % 2",
    "DELETE FROM topics WHERE id = {id}",
    "UPDATE topics SET {column} = {value}",
    "UPDATE OR IGNORE topics SET id = {number} WHERE id = 1",
    "INSERT INTO topics SELECT id + 10, name, 'other/msg/Type', 'cdr', {value}, '' FROM topics",
    "UPDATE message_definitions SET encoded_message_definition = {value}",
    "DROP INDEX timestamp_idx",
    "DROP TABLE message_definitions",
    "DROP TABLE schema",
    "DROP TABLE messages",
    "ALTER TABLE topics RENAME COLUMN {column} TO x",
    "ALTER TABLE messages RENAME COLUMN data TO payload",
    "ALTER TABLE messages RENAME TO m; CREATE VIEW messages AS SELECT * FROM m",
    "ALTER TABLE topics RENAME TO t; CREATE VIEW topics AS SELECT * FROM t",
    f"DROP TABLE messages; CREATE VIEW messages AS {_ENDLESS}, 1 topic_id, 1 timestamp, {_DATA}",
    f"DROP TABLE topics; CREATE VIEW Topics AS {_ENDLESS}, 'a' AS name, 'b' AS type FROM r",
    "ALTER TABLE messages ADD COLUMN more AS (zeroblob(100000000))",
    "DROP INDEX timestamp_idx; CREATE INDEX timestamp_idx ON messages (timestamp) WHERE id > 5",
    "DROP INDEX timestamp_idx; CREATE INDEX timestamp_idx ON messages (abs(timestamp))",
    "DROP INDEX timestamp_idx; CREATE INDEX timestamp_idx ON messages (timestamp COLLATE NOCASE)",
    _SCHEMA + " rootpage = {number} WHERE name = 'messages'",
    _SCHEMA + " rootpage = 2 WHERE name = 'timestamp_idx'",
    _SCHEMA + " sql = {value} WHERE name = 'topics'",
    "PRAGMA page_size = 512; VACUUM",
    "PRAGMA page_size = 65536; VACUUM",
    "PRAGMA journal_mode = WAL",
    "PRAGMA encoding = 'UTF-16'; VACUUM",
    "PRAGMA user_version = {number}",
    "PRAGMA auto_vacuum = FULL; VACUUM",
)
_COLUMNS = ("id", "name", "type", "serialization_format", "offered_qos_profiles")
_VALUES = (
    "NULL",
    "''",
    "'x'",
    "-1",
    "0.5",
    "1e300",
    "x'00ff'",
    "zeroblob(1000)",
    "printf('%.*c', 3000, 'n')",
    "'a' || char(10) || 'b'",
    "CAST(x'ff' AS TEXT)",
    "9223372036854775807",
    "'CREATE TABLE topics(id)'",
    "x'28b52ffd00'",
)


def mutated_db3(case: bytes, rng: random.Random) -> bytes:
    """Run hostile statements."""
    path = workplace("mutated_db3") / "case.db3"
    path.write_bytes(case)
    with (
        suppress(sqlite3.Error, OverflowError),
        closing(sqlite3.connect(path, timeout=0)) as database,
    ):
        for _ in range(rng.randrange(1, 4)):
            number = rng.choice((-(2**63), -1, 0, 1, 2**31, 2**62, 2**63 - 1))
            value, column = rng.choice(_VALUES), rng.choice(_COLUMNS)
            statement = rng.choice(_STATEMENTS)
            with suppress(sqlite3.Error):
                database.executescript(
                    statement.format(
                        number=number, value=value, column=column, id=rng.randrange(1, 30)
                    )
                )
    for side in path.parent.glob("case.db3-*"):
        side.unlink()
    return path.read_bytes()


def mutated_zstd(case: bytes, rng: random.Random) -> bytes:
    """Pack something else, in one frame or several, with or without its size."""
    try:
        inner = zstandard.ZstdDecompressor().decompressobj().decompress(case)
    except zstandard.ZstdError:
        return case
    choice = rng.randrange(4)
    if choice == 0:
        inner = mutated_mcap(inner, rng) if inner.startswith(_MAGIC) else mutated_db3(inner, rng)
    elif choice == 1 and rng.random() < 0.1:
        inner = bytes(_BOMB)
    sized = zstandard.ZstdCompressor(level=1, write_content_size=rng.random() < 0.5)
    if choice == 2:
        half = len(inner) // 2
        return sized.compress(inner[:half]) + sized.compress(inner[half:])
    if choice == 3:
        params = zstandard.ZstdCompressionParameters(window_log=rng.choice((10, 27, 28, 30)))
        frame = zstandard.ZstdCompressor(compression_params=params).compressobj()
        return (
            frame.compress(inner) + frame.flush() if params.window_log < 28 else _window(case, rng)
        )
    return sized.compress(inner)


def _window(case: bytes, rng: random.Random) -> bytes:
    """A frame that claims a window of up to terabytes."""
    return case[:4] + b"\x00" + bytes([rng.choice((0x88, 0xA8, 0xF8, 0xFF))]) + case[6:]
