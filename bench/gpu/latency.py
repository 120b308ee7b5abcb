# SPDX-License-Identifier: Apache-2.0
"""Repeated timings and what is said about them."""

import time
from collections.abc import Callable, Sequence

import numpy as np

Seconds = float
Step = Callable[[], Seconds]
"""One run; returns how long it took."""


def repeat(step: Step, seconds: float, least: int = 3, most: int = 1000) -> list[Seconds]:
    """Run for about that long, but between `least` and `most` times."""
    times: list[Seconds] = []
    end = time.perf_counter() + seconds
    while len(times) < least or (time.perf_counter() < end and len(times) < most):
        times.append(step())
    return times


def wall(run: Callable[[], object]) -> Step:
    """Time a call that returns when everything is done."""

    def step() -> Seconds:
        start = time.perf_counter()
        run()
        return time.perf_counter() - start

    return step


def percentiles_ms(name: str, times: Sequence[Seconds]) -> dict[str, float]:
    """Median and 99th percentile in milliseconds, as `NAME_p50_ms` and `NAME_p99_ms`."""
    p50, p99 = np.percentile(np.asarray(times) * 1e3, [50, 99])
    return {f"{name}_p50_ms": round(float(p50), 4), f"{name}_p99_ms": round(float(p99), 4)}
