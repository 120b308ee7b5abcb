# SPDX-License-Identifier: Apache-2.0
"""What a soak run measures minute by minute, kept line by line, and judged."""

import json
import statistics
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from growth import growth, theil_sen
from usage import Usage

MINUTES_PER_HOUR = 60
MEMORY_PER_HOUR = 1.0  # MiB
LATENCY_PER_HOUR = 0.05  # of the p99 itself
_MS_PER_NS = 1e-6
_PERCENT = 100


@dataclass(frozen=True)
class Sample:
    """The node over one period, usually a minute.

    Attributes:
        elapsed: Minutes from the start to the period's end.
        labels: Labels that came.
        p50: Median of the time from a picture's sending to its label's arrival, ms.
        p99: 99th percentile of the same, ms.
        worst: The greatest of the same, ms.
        memory: See `Usage`, as for the rest, at the period's end.
        descriptors: Open.
        threads: Alive.
        shared_segments: Mapped.
        shared_memory: MiB.

    """

    elapsed: float
    labels: int
    p50: float
    p99: float
    worst: float
    memory: float
    descriptors: int
    threads: int
    shared_segments: int
    shared_memory: float


@dataclass(frozen=True)
class Verdict:
    """One promise, and what was measured.

    Attributes:
        promise: In words.
        measured: In words.
        kept: Whether it holds.

    """

    promise: str
    measured: str
    kept: bool


def sample(elapsed: float, latencies_ns: Collection[int], used: Usage) -> Sample:
    """Put together one period.

    Raises:
        ValueError: no label came at all.

    """
    if not latencies_ns:
        msg = f"no label came in the period that ended at minute {elapsed:.1f}; expected some"
        raise ValueError(msg)
    ordered = sorted(latency * _MS_PER_NS for latency in latencies_ns)
    return Sample(
        elapsed=elapsed,
        labels=len(ordered),
        p50=_percentile(ordered, 50),
        p99=_percentile(ordered, 99),
        worst=ordered[-1],
        **asdict(used),
    )


def append(path: Path, taken: Sample) -> None:
    """Add a line to a file of samples."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(taken)) + "\n")


def load(path: Path) -> list[Sample]:
    """Read what `append` wrote."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Sample(**json.loads(line)) for line in lines]


def judge(samples: Sequence[Sample], warm_up: int) -> list[Verdict]:
    """Hold the samples after warm-up against what is promised."""
    per_hour = MINUTES_PER_HOUR / (samples[1].elapsed - samples[0].elapsed)
    kept = samples[warm_up:]
    return [
        _memory([item.memory for item in samples], warm_up, per_hour),
        _constant("descriptors", [item.descriptors for item in kept]),
        _constant("threads", [item.threads for item in kept]),
        _constant("shared segments", [item.shared_segments for item in kept]),
        _latency([item.p99 for item in samples], warm_up, per_hour),
    ]


def _memory(memory: Sequence[float], warm_up: int, per_hour: float) -> Verdict:
    kept = memory[warm_up:]
    slope = theil_sen(kept) * per_hour
    return Verdict(
        f"memory grows by less than {MEMORY_PER_HOUR:g} MiB per hour",
        f"{slope:+.3f} MiB per hour, between {min(kept):.1f} and {max(kept):.1f} MiB",
        slope < MEMORY_PER_HOUR,
    )


def _constant(name: str, counts: Iterable[int]) -> Verdict:
    seen = sorted(set(counts))
    return Verdict(
        f"{name} stay constant", " to ".join(map(str, {seen[0], seen[-1]})), len(seen) == 1
    )


def _latency(p99: Sequence[float], warm_up: int, per_hour: float) -> Verdict:
    usual = statistics.median(p99[warm_up:])
    found = growth(p99, warm_up, LATENCY_PER_HOUR * usual / per_hour)
    change = _PERCENT * found.slope * per_hour / usual
    return Verdict(
        f"p99 latency grows by less than {LATENCY_PER_HOUR:.0%} per hour",
        f"{change:+.2f} % per hour; {found.first:.1f} ms in the first third, {found.last:.1f} ms "
        "in the last",
        not found.grown,
    )


def _percentile(ordered: Sequence[float], percent: int) -> float:
    return ordered[min(len(ordered) - 1, len(ordered) * percent // _PERCENT)]
