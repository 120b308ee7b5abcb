# SPDX-License-Identifier: Apache-2.0

import pytest

pytest.importorskip("rclpy", reason="needs rclpy: pip install 'segnet_ros[ros]'")

from peer import Peer, isolate


@pytest.fixture(scope="session", autouse=True)
def own_domain() -> None:
    isolate()


@pytest.fixture
def peer(own_domain):
    peer = Peer()
    yield peer
    peer.close()
