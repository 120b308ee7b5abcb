# SPDX-License-Identifier: Apache-2.0
"""The figures of NVIDIA's ros2_benchmark, from the moments frames were sent and their labels came.

Definitions are those of its `BasicPerformanceCalculator`, so that results can be laid side by side.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

_NS_PER_MS = 1e6
_NS_PER_S = 1e9
_FEWEST_ARRIVALS = 3  # two intervals, hence one jitter
_LARGEST = ("latency_max_ms", "jitter_max_ms", "jitter_mean_ms")
_SMALLEST = ("latency_min_ms", "jitter_min_ms")


@dataclass(frozen=True)
class Performance:
    """One run, or several of them concluded.

    Attributes:
        frames_sent: By the camera.
        frames_missed: Sent, but no label came.
        playback_rate: Frames sent over the time from the first to the last, Hz.
        rate: Labels over the time from the first to the last, Hz.
        latency_first_ms: From sending the first frame that has a label to the label's arrival.
        latency_last_ms: The same of the last frame.
        latency_mean_ms: Over all frames that have a label.
        latency_max_ms: Over the same.
        latency_min_ms: Over the same.
        jitter_mean_ms: Of the differences between consecutive intervals of arrival, unsigned.
        jitter_max_ms: Of the same.
        jitter_min_ms: Of the same.
        jitter_deviation_ms: Standard deviation of the same.
        cpu_percent: Of one core, by the node's process.

    """

    frames_sent: float
    frames_missed: float
    playback_rate: float
    rate: float
    latency_first_ms: float
    latency_last_ms: float
    latency_mean_ms: float
    latency_max_ms: float
    latency_min_ms: float
    jitter_mean_ms: float
    jitter_max_ms: float
    jitter_min_ms: float
    jitter_deviation_ms: float
    cpu_percent: float


def performance(
    sent: Sequence[int], arrived: Mapping[int, int], cpu_percent: float
) -> Performance | None:
    """Compare what was sent with what came.

    Args:
        sent: Stamp of every frame in order, nanoseconds: when it was sent.
        arrived: When the label of a stamp came, by the same clock; in order of arrival.
        cpu_percent: See `Performance`.

    Returns:
        None if fewer than three labels came: that run says nothing.

    """
    matched = {stamp: arrived[stamp] for stamp in sent if stamp in arrived}
    if len(matched) < _FEWEST_ARRIVALS:
        return None
    latencies = [(arrival - stamp) / _NS_PER_MS for stamp, arrival in matched.items()]
    arrivals = sorted(matched.values())
    jitters = _jitters_ms(arrivals)
    return Performance(
        frames_sent=len(sent),
        frames_missed=len(sent) - len(matched),
        playback_rate=_rate(sent),
        rate=_rate(arrivals),
        latency_first_ms=latencies[0],
        latency_last_ms=latencies[-1],
        latency_mean_ms=statistics.fmean(latencies),
        latency_max_ms=max(latencies),
        latency_min_ms=min(latencies),
        jitter_mean_ms=statistics.fmean(jitters),
        jitter_max_ms=max(jitters),
        jitter_min_ms=min(jitters),
        jitter_deviation_ms=statistics.pstdev(jitters),
        cpu_percent=cpu_percent,
    )


def conclude(runs: Sequence[Performance]) -> Performance:
    """Several runs at one rate in one: best and worst of every figure left out, the rest averaged.

    Of the extremes, and as there of the mean jitter, the most extreme that is left counts. Nothing
    is left out of fewer than three runs.
    """
    concluded = {}
    for field in fields(Performance):
        values = sorted(getattr(run, field.name) for run in runs)
        kept = values[1:-1] if len(values) >= 3 else values
        concluded[field.name] = _summary(field.name)(kept)
    return Performance(**concluded)


def sustained(run: Performance | None, loss: float, rate_drop: float) -> bool:
    """Whether the node keeps up.

    Args:
        run: Of `performance`.
        loss: Share of the frames that may be missed, 0..1.
        rate_drop: By how much labels may come slower than frames, Hz.

    """
    if run is None:
        return False
    missed_too_many = run.frames_missed > math.ceil(run.frames_sent * loss)
    return not missed_too_many and run.rate >= run.playback_rate - rate_drop


def _summary(name: str) -> Callable[[Sequence[float]], float]:
    return max if name in _LARGEST else min if name in _SMALLEST else statistics.fmean


def _rate(moments: Sequence[int]) -> float:
    """As there: one more frame than intervals, over the time between the first and the last."""
    return len(moments) / ((moments[-1] - moments[0]) / _NS_PER_S)


def _jitters_ms(arrivals: Sequence[int]) -> list[float]:
    intervals = [later - earlier for earlier, later in pairwise(arrivals)]
    return [abs(later - earlier) / _NS_PER_MS for earlier, later in pairwise(intervals)]
