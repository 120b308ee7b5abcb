# SPDX-License-Identifier: Apache-2.0
"""How often something happens."""

import threading
from collections import deque

_SECONDS = 5.0


class RateMeter:
    """Frequency of events over the last 5 seconds; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: deque[float] = deque()

    def note(self, now: float) -> None:
        """An event happened; `now` in seconds by a clock that never goes back."""
        with self._lock:
            self._events.append(now)
            self._forget(now)

    def rate(self, now: float) -> float:
        """Events per second, Hz; 0 before the second one and when they have ceased."""
        with self._lock:
            self._forget(now)
            if len(self._events) < 2:
                return 0.0
            intervals = len(self._events) - 1
            oldest, newest = self._events[0], self._events[-1]
        overdue = now - newest > 2 * (newest - oldest) / intervals
        span = (now if overdue else newest) - oldest
        return intervals / span if span > 0 else 0.0

    def _forget(self, now: float) -> None:
        # Two are kept for a longer time, so that slow events have a rate, too.
        while len(self._events) > 2 and self._events[0] < now - _SECONDS:
            self._events.popleft()
