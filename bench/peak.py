# SPDX-License-Identifier: Apache-2.0
"""The highest rate that is still sustained: bisection to a narrow window, then small steps up.

The search of NVIDIA's ros2_benchmark with its settings.
"""

from collections.abc import Callable
from dataclasses import dataclass

from performance import Performance, sustained


@dataclass(frozen=True)
class Search:
    """How to look.

    Attributes:
        lower: Rate that is taken for sustained, Hz.
        upper: Highest rate that is tried, Hz.
        window: Bisection ends when its bounds are this close, Hz.
        step: Of the scan that follows, Hz.
        loss: Share of the frames that may be lost, 0..1.
        bisection_rate_drop: By how much labels may come slower than frames, Hz.
        scan_rate_drop: The same in the scan.

    """

    lower: float = 10.0
    upper: float = 100.0
    window: float = 10.0
    step: float = 5.0
    loss: float = 0.05
    bisection_rate_drop: float = 10.0
    scan_rate_drop: float = 5.0


def find_peak(probe: Callable[[float], Performance | None], search: Search) -> float:
    """Search the highest sustained rate, Hz.

    Args:
        probe: Runs at a rate; None if nothing could be measured.
        search: Its bounds and criteria.

    """
    rate = _bisect(probe, search)
    while rate + search.step <= search.upper:
        if not sustained(probe(rate + search.step), search.loss, search.scan_rate_drop):
            break
        rate += search.step
    return rate


def _bisect(probe: Callable[[float], Performance | None], search: Search) -> float:
    lower, upper = search.lower, search.upper
    while upper - lower > search.window:
        middle = (lower + upper) / 2
        if sustained(probe(middle), search.loss, search.bisection_rate_drop):
            lower = middle
        else:
            upper = middle
    return lower
