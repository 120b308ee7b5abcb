# SPDX-License-Identifier: Apache-2.0
"""Mutations of protobuf messages, whose fields are changed without knowing what they mean."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

_NUMBERS = (
    0,
    1,
    2,
    3,
    4,
    127,
    128,
    255,
    256,
    2**16,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**40,
    2**63 - 1,
    2**63,
    2**64 - 1,
)
_DEEPEST = 12


@dataclass
class _Field:
    number: int
    wire: int
    value: int | bytes | list[_Field]


def mutated_message(case: bytes, rng: random.Random) -> bytes:
    """Change one to three fields at any depth."""
    root = _parsed(case, 0)
    if root is None:
        return case
    for _ in range(rng.randrange(1, 4)):
        _change(_chosen(root, rng), root, rng)
    return _encoded(root)


def _chosen(fields: list[_Field], rng: random.Random) -> list[_Field]:
    """A list of fields at a random depth, each level as likely as going deeper."""
    while True:
        inner = [f.value for f in fields if isinstance(f.value, list) and f.value]
        if not inner or rng.random() < 0.25:
            return fields
        fields = rng.choice(inner)


def _change(fields: list[_Field], root: list[_Field], rng: random.Random) -> None:
    if not fields:
        return
    at = rng.randrange(len(fields))
    field = fields[at]
    choice = rng.randrange(8)
    if choice == 0:
        del fields[at]
    elif choice == 1:
        fields[at:at] = [field] * rng.choice((1, 1, 3, 50))
    elif choice == 2:
        fields.insert(rng.randrange(len(fields) + 1), deepcopy(rng.choice(_chosen(root, rng))))
    elif choice == 3:
        field.number = rng.choice(
            (field.number + 1, max(1, field.number - 1), 1, 13, 14, 100, 2**28)
        )
    elif choice == 4:
        other = deepcopy(rng.choice(_chosen(root, rng)))
        field.value, field.wire = other.value, other.wire
    elif isinstance(field.value, int):
        field.value = rng.choice((*_NUMBERS, max(0, field.value - 1), field.value + 1)) % 2**64
    elif isinstance(field.value, bytes):
        field.value = _changed_bytes(field.value, rng, field.wire)


def _changed_bytes(value: bytes, rng: random.Random, wire: int) -> bytes:
    if wire != 2:
        return rng.choice((b"\0" * len(value), b"\xff" * len(value), rng.randbytes(len(value))))
    at = rng.randrange(len(value) + 1)
    return rng.choice(
        (
            b"",
            value[:at],
            value + value,
            value[:at] + rng.randbytes(1) + value[at + 1 :],
            b"../../secret",
            b"/dev/zero",
            b"\xff\xfe",
            b"x\ny",
            b"n" * 5000,
            value[:at] + b"\0\0\xc0\x7f" + value[at + 4 :],
        )
    )


def _parsed(data: bytes, depth: int) -> list[_Field] | None:
    """Fields, or None of what is no message."""
    fields, position = [], 0
    try:
        while position < len(data):
            key, position = _varint(data, position)
            number, wire = key >> 3, key & 7
            if not number:
                return None
            if wire == 0:
                value, position = _varint(data, position)
                fields.append(_Field(number, wire, value))
                continue
            length, position = (
                _varint(data, position) if wire == 2 else ({1: 8, 5: 4}[wire], position)
            )
            if position + length > len(data):
                return None
            content = data[position : position + length]
            position += length
            inner = (
                _parsed(content, depth + 1)
                if wire == 2 and depth < _DEEPEST and length < 100_000
                else None
            )
            fields.append(_Field(number, wire, content if inner is None or not content else inner))
    except (KeyError, IndexError):
        return None
    return fields


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise IndexError


def _encoded(fields: list[_Field]) -> bytes:
    parts = []
    for field in fields:
        parts.append(_number(field.number << 3 | field.wire))
        if isinstance(field.value, int):
            parts.append(_number(field.value))
            continue
        content = _encoded(field.value) if isinstance(field.value, list) else field.value
        if field.wire == 2:
            parts.append(_number(len(content)))
        parts.append(content)
    return b"".join(parts)


def _number(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])
