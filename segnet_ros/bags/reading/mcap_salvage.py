# SPDX-License-Identifier: Apache-2.0
"""Messages of damaged bytes that no checksum protects: each is taken that is surely whole."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mcap.opcode import Opcode

from segnet_ros.bags.reading.byte_source import UnreadableError
from segnet_ros.bags.reading.mcap_records import HEAD, MESSAGE, Entry, MessageIndex, records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_DESCRIPTIONS = (Opcode.SCHEMA, Opcode.CHANNEL)
_MESSAGE_HEAD = re.compile(rb"(?s)(?=\x05.{5}\x00{3})")  # none is longer than a terabyte


def take_indexed(data: memoryview, indexes: Iterable[MessageIndex]) -> list[Entry]:
    """Take the messages that are where the indexes say, and end where the next one begins."""
    expected = sorted(
        (offset, time_ns, index.channel) for index in indexes for time_ns, offset in index.entries
    )
    stops = [offset for offset, _, _ in expected[1:]] + [len(data)]
    found = []
    for (offset, time_ns, channel), stop in zip(expected, stops, strict=True):
        entry = _message_at(data, offset)
        if entry and entry[:2] == (time_ns, channel) and _only_descriptions(data, entry[3], stop):
            found.append(entry)
    return found


def take_found(data: memoryview, is_plausible: Callable[[Entry], bool]) -> list[Entry]:
    """Take the messages that are plausible and have a record behind them, or the end."""
    found = []
    position = 0
    while position < len(data):
        entry = _message_at(data, position)
        if entry and is_plausible(entry) and _goes_on(data, entry[3]):
            found.append(entry)
            position = entry[3]
        else:
            position = _behind_description(data, position) or _next_message(data, position + 1)
    return found


def _message_at(data: memoryview, position: int) -> Entry | None:
    begin = position + HEAD.size
    if begin + MESSAGE.size > len(data):
        return None
    opcode, length = HEAD.unpack_from(data, position)
    if opcode != Opcode.MESSAGE or length < MESSAGE.size or begin + length > len(data):
        return None
    channel, _, time_ns, _ = MESSAGE.unpack_from(data, begin)
    return time_ns, channel, begin + MESSAGE.size, begin + length


def _only_descriptions(data: memoryview, begin: int, end: int) -> bool:
    if begin > end:
        return False
    try:
        return all(opcode in _DESCRIPTIONS for opcode, _, _ in records(data[begin:end]))
    except UnreadableError:
        return False


def _goes_on(data: memoryview, position: int) -> bool:
    if position == len(data):
        return True
    return bool(_message_at(data, position) or _behind_description(data, position))


def _behind_description(data: memoryview, position: int) -> int | None:
    """The end of a schema or channel; None if there is none."""
    if position + HEAD.size > len(data):
        return None
    opcode, length = HEAD.unpack_from(data, position)
    end: int = position + HEAD.size + length
    return end if opcode in _DESCRIPTIONS and end <= len(data) else None


def _next_message(data: memoryview, position: int) -> int:
    match = _MESSAGE_HEAD.search(data, position)
    return match.start() if match else len(data)
