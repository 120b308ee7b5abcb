"""Where the time of a frame goes: percentiles per stage over the last frames."""

import threading
from collections import deque
from collections.abc import Mapping

import numpy as np

_WINDOW = 300
PERCENTILES = (50, 95, 99)


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
        """p50, p95 and p99 of every stage seen so far, in milliseconds."""
        with self._lock:
            kept = {stage: list(durations) for stage, durations in self._durations.items()}
        return {
            stage: tuple(float(p) * 1e3 for p in np.percentile(durations, PERCENTILES))
            for stage, durations in kept.items()
        }
