# SPDX-License-Identifier: Apache-2.0
"""Messages from several places, in the order of their time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush, heapreplace
from statistics import median_low
from typing import NamedTuple

from segnet_ros.bags.recorded import Fault, RecordedMessage

FAR_NS = 15 * 24 * 3600 * 1_000_000_000
"""Times that are farther from most others are taken for damage, or for a clock not yet set."""

Item = RecordedMessage | Fault
"""A message, or a fault that has a time."""


def time_of(item: Item) -> int:
    """Nanoseconds since 1970."""
    return item.time_ns or 0


def plausible_span(groups: Sequence[Sequence[int]]) -> tuple[int, int]:
    """The first and the last time that are not far from most others.

    A single wrong time would make years of empty windows out of a recording.

    Args:
        groups: Times; none is empty, and what "most" are is said by one time of each group.

    """
    middle = median_low(median_low(times) for times in groups)
    near = [time_ns for times in groups for time_ns in times if abs(time_ns - middle) <= FAR_NS]
    return min(near), max(near)


class Source(NamedTuple):
    """Messages of one place, in the order of their time.

    Attributes:
        start_ns: None of them is earlier.
        order: Among equal times the source with the lower number comes first.
        items: Not touched before it is their turn.

    """

    start_ns: int
    order: int
    items: Iterable[Item]


_NEVER = 2**64
_Waiting = list[tuple[int, int, Item, Iterator[Item]]]


def merge(sources: Sequence[Source]) -> Iterator[Item]:
    """Iterate over all messages in the order of their time.

    Args:
        sources: Sorted by `start_ns`. No more of them are open at once than overlap in time.

    """
    if len(sources) == 1:
        yield from sources[0].items
        return
    waiting: _Waiting = []
    for source in sources:
        yield from _before(source.start_ns, waiting)
        items = iter(source.items)
        for item in items:
            heappush(waiting, (time_of(item), source.order, item, items))
            break
    yield from _before(_NEVER, waiting)


def _before(time_ns: int, waiting: _Waiting) -> Iterator[Item]:
    while waiting and waiting[0][0] < time_ns:
        _, order, item, items = waiting[0]
        yield item
        for following in items:
            following_ns = time_of(following)
            if len(waiting) == 1 and following_ns < time_ns:
                yield following
                continue
            heapreplace(waiting, (following_ns, order, following, items))
            break
        else:
            heappop(waiting)
