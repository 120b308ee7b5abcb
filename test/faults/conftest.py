# SPDX-License-Identifier: Apache-2.0
"""Real processes that something happens to; the scripts of bench lend their cameras and clocks."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peer import Peer

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).resolve().parents[2] / "bench")]


@pytest.fixture(scope="session")
def own_domain() -> None:
    """Other ROS systems neither disturb the tests nor are disturbed."""
    pytest.importorskip("rclpy", reason="needs rclpy: pip install 'segnet_ros[ros]'")
    from peer import isolate

    isolate()


@pytest.fixture
def peer(own_domain: None) -> "Iterator[Peer]":
    from peer import Peer

    peer = Peer()
    yield peer
    peer.close()
