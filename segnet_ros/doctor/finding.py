# SPDX-License-Identifier: Apache-2.0
"""What a check says."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "note", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """One fact about the machine.

    Attributes:
        area: What was looked at.
        level: "error" stops the node; "warning" costs speed, images or features; "note" is worth
            knowing; "ok" is as it should be.
        found: The fact, in words.
        remedy: What to do, commands in backticks; empty if nothing is to be done.

    """

    area: str
    level: Level
    found: str
    remedy: str = ""


def from_error(area: str, level: Level, error: object) -> Finding:
    """Of an exception of ours, whose text says what is wrong, a semicolon, and the remedy."""
    found, remedy = _split(str(error))
    return Finding(area, level, found, remedy)


def _split(text: str) -> tuple[str, str]:
    """At the first semicolon outside of parentheses, which quote other libraries."""
    depth = 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0 and text.startswith("; ", place):
            return text[:place], text[place + 2 :]
    return text, ""
