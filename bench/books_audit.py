# SPDX-License-Identifier: Apache-2.0
"""The books of every camera as /diagnostics tells them, held against themselves."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus

FATES = ("published", "superseded", "stale", "failed", "pending")
_MOST_PENDING = 2  # one in work, one that waits


@dataclass(frozen=True)
class Told:
    """A status of /diagnostics.

    Attributes:
        moment: When it came, seconds of the steady clock.
        task: Such as "frames".
        message: In words.

    """

    moment: float
    task: str
    message: str


class BooksAudit:
    """Takes in every message of /diagnostics.

    Attributes:
        books: The newest of every camera, by the name of its task, such as "front frames".
        told: Every status that came.
        broken: What contradicted itself at some moment, in words.

    """

    def __init__(self) -> None:
        self.books: dict[str, Mapping[str, int]] = {}
        self.told: list[Told] = []
        self.broken: list[str] = []

    def note(self, message: DiagnosticArray) -> None:
        """Take in a message."""
        for status in message.status:
            task = status.name.partition(": ")[2]
            self.told.append(Told(time.monotonic(), task, status.message))
            if books := _books(status):
                self._compare(task, books)
                self.books[task] = books

    def first(self, words: str, since: float) -> Told | None:
        """The first status with these words that came after a moment."""
        after = (told for told in self.told if told.moment > since)
        return next((told for told in after if words in told.message), None)

    def newest(self, task: str) -> str:
        """What was said last of a task; empty before that."""
        return next((told.message for told in reversed(self.told) if told.task == task), "")

    def _compare(self, task: str, books: Mapping[str, int]) -> None:
        if books["received"] != sum(books[fate] for fate in FATES):
            self.broken.append(f"{task} do not add up: {books}")
        if not 0 <= books["pending"] <= _MOST_PENDING:
            self.broken.append(f"{task}: {books['pending']} pending")
        before = self.books.get(task, books)
        if any(books[fate] < before[fate] for fate in books if fate != "pending"):
            self.broken.append(f"{task} went back from {before} to {books}")


def _books(status: DiagnosticStatus) -> Mapping[str, int]:
    """What became of a camera's frames; empty if the status is about something else."""
    values = {item.key.removeprefix("frames "): item.value for item in status.values}
    return {fate: int(values[fate]) for fate in ("received", *FATES) if fate in values}
