# SPDX-License-Identifier: Apache-2.0
"""Where the time of a frame goes: percentiles per stage over the last frames."""

import threading
from collections import deque
from collections.abc import Mapping, Sequence

_WINDOW = 300
_PERCENTILES = (50, 95, 99)
PERCENTILES = (*(f"p{percentile}" for percentile in _PERCENTILES), "max")


class LatencyLog:
    """Durations by stage; thread-safe. Keeps the last 300 of each."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._durations: dict[str, deque[float]] = {}

    def add(self, seconds: Mapping[str, float]) -> None:
        """Note the durations of one frame's stages, in seconds."""
        with self._lock:
            for stage, duration in seconds.items():
                self._durations.setdefault(stage, deque(maxlen=_WINDOW)).append(duration)

    def percentiles_ms(self) -> dict[str, tuple[float, ...]]:
        """p50, p95, p99 and the largest of every stage seen so far, in milliseconds."""
        with self._lock:
            kept = {stage: list(durations) for stage, durations in self._durations.items()}
        return {stage: _percentiles_ms(sorted(durations)) for stage, durations in kept.items()}


def _percentiles_ms(ordered: Sequence[float]) -> tuple[float, ...]:
    # Not np.percentile: that costs five times as much for so few values.
    last = len(ordered) - 1
    picked = [ordered[round(percentile / 100 * last)] for percentile in _PERCENTILES]
    return tuple(1e3 * duration for duration in (*picked, ordered[-1]))
