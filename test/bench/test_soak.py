# SPDX-License-Identifier: Apache-2.0
"""The soak run in short: nothing accumulates while frames go through the node's process."""

from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs rclpy")

from bench_models import cheap_model
from soak import FATES, RATE, soak
from system import isolate

PERIODS, PERIOD, WARM_UP = 10, 1.5, 4
BYTES_PER_MIB = 2**20
FRAME_BYTES = 640 * 480 * 3


@pytest.fixture
def _own_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROS_DOMAIN_ID", "ROS_AUTOMATIC_DISCOVERY_RANGE", "FASTDDS_DEFAULT_PROFILES_FILE"):
        monkeypatch.setenv(name, "")  # restored afterwards, whatever is set meanwhile
        monkeypatch.delenv(name)
    isolate()


@pytest.mark.usefixtures("_own_domain")
def test_nothing_accumulates(tmp_path: Path) -> None:
    samples = []
    sent, books = soak(cheap_model(tmp_path / "cheap", (64, 48)), PERIODS, PERIOD, samples.append)
    assert sent == PERIODS * PERIOD * RATE
    assert books["received"] == sum(books[fate] for fate in FATES[1:])
    assert books["failed"] == books["pending"] == 0
    assert sum(item.labels for item in samples) <= books["published"] <= sent
    assert books["published"] > sent / 2
    kept = samples[WARM_UP:]
    assert len({item.threads for item in kept}) == 1
    assert len({item.descriptors for item in kept}) == 1
    # One picture in a hundred that stays would be seen.
    allowed = sent / 100 * FRAME_BYTES / BYTES_PER_MIB
    assert kept[-1].memory - kept[0].memory < allowed
