# SPDX-License-Identifier: Apache-2.0
"""Repeating and summing up."""

from typing import TYPE_CHECKING

import pytest
from latency import percentiles_ms, repeat, wall

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_percentiles_are_in_milliseconds() -> None:
    times = [k / 1000 for k in range(1, 102)]  # 1..101 ms
    assert percentiles_ms("gpu", times) == {"gpu_p50_ms": 51.0, "gpu_p99_ms": 100.0}


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is a quarter of a second later whenever it is read."""
    ticks: Iterator[float] = (0.25 * k for k in range(10_000))
    monkeypatch.setattr("latency.time.perf_counter", lambda: next(ticks))


@pytest.mark.usefixtures("ticking")
def test_repeats_until_the_time_is_over() -> None:
    assert repeat(lambda: 7.0, seconds=1.5, least=0) == [7.0] * 5


@pytest.mark.usefixtures("ticking")
def test_repeats_at_least_and_at_most_so_often() -> None:
    assert repeat(lambda: 7.0, seconds=0.0, least=4) == [7.0] * 4
    assert repeat(lambda: 7.0, seconds=1e9, most=5) == [7.0] * 5


@pytest.mark.usefixtures("ticking")
def test_wall_time_is_that_of_the_call() -> None:
    calls = []
    assert wall(lambda: calls.append(1))() == 0.25
    assert calls == [1]
