# SPDX-License-Identifier: Apache-2.0
"""What came of several cameras: how fast, how late, how much, and whether it was really theirs."""

import math
import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from picture_code import Code, moment_of

PERCENTILES = (50, 95, 99)
_NS_PER_S = 1e9
_NS_PER_MS = 1e6


@dataclass
class Answers:
    """The labels of one camera in one phase.

    Attributes:
        camera: Its number in the pictures.
        arrivals: When labels came, nanoseconds.
        latencies_ms: From the stamp to the arrival.
        numbers: Of the frames whose labels were right.
        wrong: Other labels, by what was wrong with them.

    """

    camera: int
    arrivals: list[int] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)

    def note(self, code: Code | None, stamp: int, arrival: int) -> None:
        """Add a label.

        Args:
            code: What it says; None if that is no code.
            stamp: In its header, nanoseconds.
            arrival: By the same clock.

        """
        self.arrivals.append(arrival)
        self.latencies_ms.append((arrival - stamp) / _NS_PER_MS)
        if code is None:
            self.wrong["no whole picture"] += 1
        elif code.camera != self.camera:
            self.wrong[f"of camera {code.camera} instead of {self.camera}"] += 1
        elif code.moment != moment_of(stamp):
            self.wrong["of another stamp"] += 1
        else:
            self.numbers.append(code.number)

    @property
    def rate(self) -> float:
        """Labels per second; 0 for fewer than two."""
        if len(self.arrivals) < 2:
            return 0.0
        return (len(self.arrivals) - 1) * _NS_PER_S / (self.arrivals[-1] - self.arrivals[0])

    @property
    def lost_percent(self) -> float:
        """Of the frames from the first to the last that has a label; 100 if none has."""
        if not self.numbers:
            return 100.0
        return 100 * (1 - len(self.numbers) / (max(self.numbers) - min(self.numbers) + 1))

    @property
    def latency_ms(self) -> list[float]:
        """p50, p95, p99; nan if nothing came."""
        if not self.latencies_ms:
            return [math.nan] * len(PERCENTILES)
        return [float(p) for p in np.percentile(self.latencies_ms, PERCENTILES)]


def ratios(disturbed: Answers, before: Answers, after: Answers) -> list[float]:
    """Rate, p50, p95, p99 over the mean of before and after; nan where there is no such mean."""
    compared = zip(_figures(disturbed), _figures(before), _figures(after), strict=True)
    return [_ratio(figure, statistics.fmean(usual)) for figure, *usual in compared]


def audit(answers: Iterable[Answers]) -> tuple[int, Counter[str]]:
    """How many labels there were, and what was wrong with some."""
    wrong: Counter[str] = Counter()
    count = 0
    for item in answers:
        count += len(item.arrivals)
        wrong += item.wrong
    return count, wrong


def _figures(answers: Answers) -> list[float]:
    return [answers.rate, *answers.latency_ms]


def _ratio(figure: float, usual: float) -> float:
    return figure / usual if usual else math.nan
