# SPDX-License-Identifier: Apache-2.0
"""What is promised of a soak run is told from what breaks it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from soak_plot import plot
from soak_samples import Sample, append, judge, load, sample
from usage import Usage

MINUTE = 60 * 1_000_000_000
USED = Usage(memory=110.0, descriptors=23, threads=21, shared_segments=12, shared_memory=200.0)
STEADY = [
    Sample(float(minute), 1800, 8.0, 20.0 + minute % 2, 30.0, 110.0, 23, 21, 12, 200.0)
    for minute in range(1, 61)
]


def broken(samples: list[Sample], warm_up: int = 0) -> list[str]:
    return [verdict.promise for verdict in judge(samples, warm_up) if not verdict.kept]


def test_a_sample_says_how_long_labels_took() -> None:
    latencies = [milliseconds * 1_000_000 for milliseconds in range(100, 0, -1)]
    taken = sample(2.0, latencies, USED)
    assert (taken.labels, taken.p50, taken.p99, taken.worst) == (100, 51.0, 100.0, 100.0)
    assert (taken.elapsed, taken.memory, taken.threads) == (2.0, 110.0, 21)


def test_a_period_without_labels_is_refused() -> None:
    with pytest.raises(ValueError, match=r"minute 2\.0"):
        sample(2.0, [], USED)


def test_what_is_steady_keeps_every_promise() -> None:
    assert broken(STEADY) == []
    assert "+0.000 MiB per hour" in judge(STEADY, 0)[0].measured


def test_a_leak_of_two_megabytes_per_hour_is_found_in_noise() -> None:
    noise = np.random.default_rng(1).normal(0.0, 0.2, 60)
    leaking = [
        replace(item, memory=110.0 + 2.0 * item.elapsed / 60 + extra)
        for item, extra in zip(STEADY, noise, strict=True)
    ]
    assert broken(leaking) == ["memory grows by less than 1 MiB per hour"]


def test_a_slope_counts_per_hour_whatever_the_period() -> None:
    quarter_minutes = [
        replace(item, elapsed=number / 4, memory=100.0 + number / 240 * 0.9)
        for number, item in enumerate(STEADY)
    ]
    verdict = judge(quarter_minutes, 0)[0]
    assert verdict.kept
    assert "+0.900 MiB per hour" in verdict.measured


@pytest.mark.parametrize(
    ("field", "promise"),
    [
        ("descriptors", "descriptors stay constant"),
        ("threads", "threads stay constant"),
        ("shared_segments", "shared segments stay constant"),
    ],
)
def test_one_more_of_anything_is_told(field: str, promise: str) -> None:
    more = [*STEADY[:-1], replace(STEADY[-1], **{field: 100})]
    assert broken(more) == [promise]


def test_latency_that_grows_is_told() -> None:
    slower = [replace(item, p99=20.0 * (1 + 0.2 * item.elapsed / 60)) for item in STEADY]
    assert broken(slower) == ["p99 latency grows by less than 5% per hour"]


def test_what_happens_while_warming_up_does_not_count() -> None:
    warm = [replace(STEADY[0], memory=50.0, threads=3, p99=400.0), *STEADY[1:]]
    assert broken(warm, warm_up=1) == []
    assert len(broken(warm)) == 1


def test_samples_come_back_from_their_file(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    for item in STEADY[:3]:
        append(path, item)
    assert load(path) == STEADY[:3]


def test_the_same_samples_give_the_same_picture(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("first.svg", "second.svg")]
    for path in paths:
        plot(STEADY, 10, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].read_text(encoding="utf-8").count("<path") > 10
