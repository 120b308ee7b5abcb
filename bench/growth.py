# SPDX-License-Identifier: Apache-2.0
"""Whether a figure grows over time, told from noise, steps and single outliers."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True)
class Growth:
    """What became of a figure after warm-up.

    Attributes:
        first: Median of the first third.
        last: Median of the last third.
        slope: Median of the slopes between all pairs of samples (Theil and Sen), per sample.
        grown: Whether slope and difference of the medians both are above what is allowed.

    """

    first: float
    last: float
    slope: float
    grown: bool


def growth(samples: Sequence[float], warm_up: int, allowed_slope: float) -> Growth:
    """Judge equally spaced samples.

    Args:
        samples: In order of time, at least three after warm-up.
        warm_up: Samples at the beginning that do not count.
        allowed_slope: Per sample; what noise is granted.

    Raises:
        ValueError: too few samples.

    """
    kept = samples[warm_up:]
    if len(kept) < 3:
        msg = (
            f"{len(samples)} samples, {warm_up} of them warm-up; expected three more than warm-up: "
            "measure longer"
        )
        raise ValueError(msg)
    third = len(kept) // 3
    first, last = statistics.median(kept[:third]), statistics.median(kept[-third:])
    slope = theil_sen(kept)
    allowed = allowed_slope * (len(kept) - third)
    return Growth(first, last, slope, slope > allowed_slope and last - first > allowed)


def theil_sen(samples: Sequence[float]) -> float:
    """Median of the slopes between all pairs, per sample: a third of outliers does not move it."""
    pairs = combinations(enumerate(samples), 2)
    return statistics.median((y - x) / (j - i) for (i, x), (j, y) in pairs)
