# SPDX-License-Identifier: Apache-2.0
"""Real processes that something happens to; the scripts of bench lend their cameras and clocks."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kills_files import Ground
    from peer import Peer
    from small_disk import SmallDisk

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


@pytest.fixture(scope="session")
def disk(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[SmallDisk | None]":
    """A disk that can be filled; None where a user may not make one."""
    pytest.importorskip("torch", reason="needs PyTorch: pip install 'segnet_ros[train]'")
    from verb_ground import opened_disk

    with opened_disk(tmp_path_factory.mktemp("disk")) as disk:
        yield disk


@pytest.fixture(scope="session")
def ground(
    disk: "SmallDisk | None", camvid_channel_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> "Iterator[Ground]":
    """Inputs of verbs, and processes that run them."""
    from verb_ground import opened_ground

    with opened_ground(tmp_path_factory.mktemp("given"), camvid_channel_model, disk) as ground:
        yield ground
