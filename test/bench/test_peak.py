# SPDX-License-Identifier: Apache-2.0
"""Where the search looks, and what it finds."""

from dataclasses import replace

import pytest
from peak import Search, find_peak
from performance import Performance, performance


class System:
    """Keeps up to a rate, and loses what is beyond; remembers at which rates it was tried."""

    def __init__(self, capacity: float) -> None:
        self.capacity = capacity
        self.tried: list[float] = []

    def probe(self, rate: float) -> Performance | None:
        self.tried.append(rate)
        some = performance([1, 2, 3], {1: 2, 2: 3, 3: 4}, 0.0)
        assert some is not None
        lost = max(0.0, rate - self.capacity)
        return replace(some, frames_sent=10 * rate, frames_missed=10 * lost, rate=rate - lost,
                       playback_rate=rate)  # fmt: skip


def test_bisects_then_steps() -> None:
    system = System(50.0)
    # 55 loses 9 %, the next three nothing; the window is 5.6 Hz then, and the step up loses 8 %
    assert find_peak(system.probe, Search()) == 49.375
    assert system.tried == [55.0, 32.5, 43.75, 49.375, 54.375]


@pytest.mark.parametrize("capacity", [20.0, 33.3, 61.0, 88.0])
def test_finds_a_rate_within_one_step_of_what_is_possible(capacity: float) -> None:
    search = Search()
    highest = capacity / (1 - search.loss)
    assert highest - search.step - 1 < find_peak(System(capacity).probe, search) <= highest + 0.1


def test_does_not_exceed_the_upper_bound() -> None:
    system = System(1000.0)
    assert 95.0 < find_peak(system.probe, Search(upper=100.0)) <= 100.0
    assert max(system.tried) <= 100.0


def test_ends_at_the_lower_bound_where_nothing_is_sustained() -> None:
    assert find_peak(lambda rate: None, Search(lower=10.0)) == 10.0
