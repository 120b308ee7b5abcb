# SPDX-License-Identifier: Apache-2.0
"""How much was counted within the last seconds."""

from collections import deque
from dataclasses import asdict

from segnet_ros.ros.books import Books

RECENT_SECONDS = 10.0


class RecentCounts:
    """A camera's books of the last 10 seconds. For one thread.

    Attributes:
        books: What was counted since the newest snapshot that is 10 seconds old or, before there
            is one, since the first; `pending` is today's.
        missed_deadlines: The same of these.

    """

    def __init__(self) -> None:
        self._snapshots: deque[tuple[float, Books, int]] = deque()
        self.books = Books()
        self.missed_deadlines = 0

    def update(self, now: float, books: Books, missed_deadlines: int) -> None:
        """Take the counts since the start; `now` in seconds by a clock that never goes back."""
        self._snapshots.append((now, books, missed_deadlines))
        while len(self._snapshots) > 2 and self._snapshots[1][0] <= now - RECENT_SECONDS:
            self._snapshots.popleft()
        _, old_books, old_missed = self._snapshots[0]
        old = asdict(old_books) | {"pending": 0}
        self.books = Books(**{fate: n - old[fate] for fate, n in asdict(books).items()})
        self.missed_deadlines = missed_deadlines - old_missed
