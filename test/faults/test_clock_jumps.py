# SPDX-License-Identifier: Apache-2.0
"""Somebody sets the system's time while the node runs."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs rclpy: pip install 'segnet_ros[ros]'")

from diagnostic_msgs.msg import DiagnosticStatus
from numbered_camera import NumberedCamera, active, arguments
from peer import NodeProcess, Peer, running_node
from shifted_clock import COMPILER, ShiftedClock

HOUR = 3600.0

pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs cc: apt-get install gcc")


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> ShiftedClock:
    return ShiftedClock(tmp_path_factory.mktemp("clock"))


@pytest.fixture
def node(
    channel_model: Path,
    tmp_path: Path,
    own_domain: None,
    clock: ShiftedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[NodeProcess]:
    """A node whose time is the clock's; the test and its camera have the genuine one."""
    with monkeypatch.context() as variables:
        for name, value in clock.variables.items():
            variables.setenv(name, value)
        process = running_node(tmp_path / "log", *arguments(channel_model), "-p", "max_age:=1.0")
        entered = process.__enter__()
    try:
        yield entered
    finally:
        clock.shift(0.0)
        process.__exit__(None, None, None)
    assert "Traceback" not in entered.text()


def jumped(peer: Peer, count: int, words: str) -> None:
    """Wait until the diagnostics tell a jump."""
    peer.until(lambda: peer.values()["clock jumps"] == str(count), f"word of jump {count}")
    assert peer.values()["last clock jump"] == f"the system's time went {words} by 60.0 min"


def test_an_hour_forward_and_back_and_back(
    node: NodeProcess, clock: ShiftedClock, peer: Peer
) -> None:
    active(peer, "")
    camera = NumberedCamera(peer).listen().connect()
    camera.step()
    clock.shift(HOUR)
    jumped(peer, 1, "forward")
    camera.send()  # an hour old for the node, whose time alone was set
    peer.until(lambda: camera.counted["stale"] == 1, "the stale frame in the books")
    words = "stamps are 60.0 min behind this node's clock: synchronize the clocks"
    peer.until(lambda: words in peer.message(), "word of the stamps")
    camera.step(stamp=after(HOUR))  # a camera whose time was set, too
    time.sleep(1.5)  # there and back within a second is nothing that a node looks for
    clock.shift(0.0)
    jumped(peer, 2, "back")
    camera.step()
    clock.shift(-HOUR)
    jumped(peer, 3, "back")
    camera.step()
    words = "stamps are 60.0 min ahead of this node's clock: synchronize the clocks"
    peer.until(lambda: words in peer.message(), "word of the stamps")
    assert peer.level() == DiagnosticStatus.WARN
    camera.step(stamp=after(-HOUR))
    peer.until(lambda: "stamps are" not in peer.message(), "the end of that")
    assert camera.check() == [1, 3, 4, 5, 6]
    counted = camera.settle()
    assert counted == dict.fromkeys(counted, 0) | {"received": 6, "published": 5, "stale": 1}
    assert node.text().count("somebody set the clock") == 3
    # Services and signals are heard; a wait by the system's time would last for an hour.
    assert peer.parameter("max_age") == 1.0
    assert node.stop() == 0


def after(seconds: float) -> tuple[int, int]:
    """A stamp."""
    return divmod(time.time_ns() + int(seconds * 1e9), 10**9)
