# SPDX-License-Identifier: Apache-2.0

import pytest

from segnet_ros.ros.latency import PERCENTILES, LatencyLog


def test_percentiles_and_the_largest_per_stage_in_milliseconds() -> None:
    log = LatencyLog()
    for milliseconds in reversed(range(1, 102)):
        log.add({"infer": milliseconds * 1e-3, "decode": 2e-3})
    percentiles = log.percentiles_ms()
    assert PERCENTILES == ("p50", "p95", "p99", "max")
    assert percentiles["infer"] == pytest.approx((51, 96, 100, 101))
    assert percentiles["decode"] == pytest.approx((2, 2, 2, 2))


def test_a_single_frame() -> None:
    log = LatencyLog()
    log.add({"infer": 4e-3})
    assert log.percentiles_ms() == {"infer": pytest.approx((4, 4, 4, 4))}


def test_only_the_last_300_count() -> None:
    log = LatencyLog()
    for _ in range(300):
        log.add({"infer": 9.0})
    for _ in range(300):
        log.add({"infer": 1e-3})
    assert log.percentiles_ms()["infer"] == pytest.approx((1, 1, 1, 1))


def test_nothing_yet() -> None:
    assert LatencyLog().percentiles_ms() == {}
