# SPDX-License-Identifier: Apache-2.0
"""Recordings cut into windows of time, each of which can be worked on by itself."""

from dataclasses import dataclass

WINDOW_NS = 10_000_000_000
"""Length of a window. What is lost by an interruption, and what a worker gets at once."""


@dataclass(frozen=True)
class Window:
    """A part of a recording.

    Attributes:
        index: From 0; windows without any message have one, too.
        start_ns: When it begins, nanoseconds since 1970.
        stop_ns: When it ends; belongs to the next one.

    """

    index: int
    start_ns: int
    stop_ns: int


def cut(start_ns: int, stop_ns: int) -> list[Window]:
    """Cut a time span into windows; the last one may be shorter.

    The cuts depend on the span alone, so that everybody who works on a recording finds the same.

    Args:
        start_ns: Of the first message.
        stop_ns: Just after the last message.

    """
    starts = range(start_ns, stop_ns, WINDOW_NS)
    return [
        Window(index, start, min(start + WINDOW_NS, stop_ns)) for index, start in enumerate(starts)
    ]
