# SPDX-License-Identifier: Apache-2.0

import pytest

pytest.importorskip("rclpy", reason="needs rclpy: pip install 'segnet_ros[ros]'")

from peer import isolate


@pytest.fixture(scope="session", autouse=True)
def own_domain() -> None:
    isolate()
