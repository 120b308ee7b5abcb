# SPDX-License-Identifier: Apache-2.0
"""Exact books of what became of every frame."""

import threading
from dataclasses import dataclass
from enum import Enum


class Outcome(Enum):
    """What became of a frame."""

    PUBLISHED = "published"
    SUPERSEDED = "superseded"
    STALE = "stale"
    FAILED = "failed"


@dataclass(frozen=True)
class Books:
    """received = published + superseded + stale + failed + pending, at every moment.

    Attributes:
        received: Frames handed over.
        published: Frames whose labels went out.
        superseded: Frames that a newer one replaced before their turn, or that were given up
            while they waited.
        stale: Frames older than the largest age when their turn came.
        failed: Frames that could not be decoded or segmented.
        pending: The frame in work and the frame that waits: 0 to 2.

    """

    received: int = 0
    published: int = 0
    superseded: int = 0
    stale: int = 0
    failed: int = 0
    pending: int = 0


class Ledger:
    """Writes the books of one camera; any thread may."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._received = 0
        self._outcomes = dict.fromkeys(Outcome, 0)

    def receive(self) -> None:
        """A frame was handed over; it is pending until it is settled."""
        with self._lock:
            self._received += 1

    def settle(self, outcome: Outcome) -> None:
        """A pending frame came to its end."""
        with self._lock:
            self._outcomes[outcome] += 1

    @property
    def books(self) -> Books:
        """A consistent snapshot."""
        with self._lock:
            received, outcomes = self._received, dict(self._outcomes)
        counts = {outcome.value: count for outcome, count in outcomes.items()}
        return Books(received=received, pending=received - sum(counts.values()), **counts)
