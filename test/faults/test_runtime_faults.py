# SPDX-License-Identifier: Apache-2.0
"""A runtime that raises, answers garbage or hangs in the running node."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs rclpy: pip install 'segnet_ros[ros]'")
pytest.importorskip("openvino", reason="needs openvino: pip install 'segnet_ros[cpu]'")

from diagnostic_msgs.msg import DiagnosticStatus
from faulty import ACTIVE, FaultyNode, running_faulty_node
from peer import Peer, image

PICTURE = np.random.default_rng(3).integers(0, 256, (12, 16, 3), np.uint8)
FAULTS = {
    "raise": "the fault that was asked for; remove its file",
    "raise_foreign": 'KeyError: "a library\'s own error"',
    "memory": "out of memory (MemoryError: Unable to allocate 1.00 EiB",
    "nothing": "the runtime answered an object of type NoneType; expected a Prediction",
    "shape": "the runtime answered labels as uint8 (16, 12); expected uint8 (12, 16)",
    "dtype": "the runtime answered confidence as float64 (12, 16); expected uint8 (12, 16)",
    "range": "the runtime answered labels up to 200; expected 0..2, the classes of channel",
}


class Drive:
    """A camera, and what the node makes of it."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.labels = peer.subscribe("/segmentation/label")
        self.camera = peer.camera("/image")
        self.sent = 0

    def send(self) -> None:
        """One frame; wait for nothing."""
        self.sent += 1
        self.camera.publish(image(PICTURE, "rgb8", (self.sent, 0)))

    def books(self, **fates: int) -> bool:
        """Whether the diagnostics tell these books, and nothing else."""
        told = self.peer.books()
        return told == {**dict.fromkeys(told, 0), **fates}


@pytest.fixture
def node(channel_model: Path, tmp_path: Path, own_domain: None) -> Iterator[FaultyNode]:
    arguments = ("-p", f"model:={channel_model}", "-p", "watchdog:=1.0", *ACTIVE)
    with running_faulty_node(tmp_path, *arguments) as node:
        yield node


def test_raising_and_garbage_fail_frames_and_nothing_else(node: FaultyNode, peer: Peer) -> None:
    drive = Drive(peer)
    for count, fault in enumerate(FAULTS, 1):
        node.order(fault, times=1)
        drive.send()
        peer.until(lambda: node.obeyed, f"the fault {fault}")
        drive.send()
        peer.until(lambda c=count: len(drive.labels) == c, f"the label after {fault}")
    good = [2 * count for count in range(1, len(FAULTS) + 1)]
    peer.until(lambda: peer.books()["failed"] == len(FAULTS), "the books")
    assert FAULTS[fault] in peer.values("frames")["last error"]
    assert FAULTS["raise"] in node.text()

    node.order(fault)
    for failed in range(1, 4):
        drive.send()
        peer.until(lambda f=failed: peer.books()["failed"] == len(FAULTS) + f, "a fault that stays")
    peer.until(lambda: f"every frame fails: {FAULTS[fault]}" in peer.message(), "the error")
    assert peer.level() == DiagnosticStatus.ERROR

    node.behave()
    drive.send()
    peer.until(lambda: len(drive.labels) == len(FAULTS) + 1, "a label after all faults")
    assert [message.header.stamp.sec for message in drive.labels] == [*good, drive.sent]
    for message in drive.labels:
        np.testing.assert_array_equal(message.data, PICTURE.argmax(axis=2).ravel())
    books = {"received": drive.sent, "published": len(FAULTS) + 1, "failed": len(FAULTS) + 3}
    peer.until(lambda: drive.books(**books), f"the books {books}")
    peer.until(lambda: "every frame fails" not in peer.message(), "the end of the error")
    assert node.stop() == 0
    assert "Traceback" not in node.text()


def hung(peer: Peer) -> bool:
    return "hangs" in peer.message("node")


def test_a_hang_is_told_booked_and_ended(node: FaultyNode, peer: Peer) -> None:
    drive = Drive(peer)
    drive.send()
    peer.until(lambda: drive.labels, "a label")
    node.order("hang")
    for _ in range(4):
        drive.send()
    peer.until(lambda: hung(peer), "the hang in the diagnostics")
    status, books = peer.statuses["node"], peer.books()
    assert node.process.wait(30) == 70
    assert status.level == DiagnosticStatus.ERROR
    words = (
        r"the node ends: 1 frame\(s\) in work for \d\.\d s: OpenVINO .* hangs or is too slow, in "
        r"segmenter.py:\d+ segment; the process ends with exit code 70, and launch's "
        r"respawn:=true starts it again; a larger parameter watchdog would wait longer"
    )
    assert re.fullmatch(words, status.message)
    assert books == {
        "received": 5, "published": 1, "superseded": 3, "stale": 0, "failed": 1, "pending": 0,
    }  # fmt: skip
    assert "hangs or is too slow" in node.text()
    assert "faulty_node.py" in node.text()  # where it hung, by faulthandler


def test_a_hang_ends_a_node_that_is_being_stopped(node: FaultyNode, peer: Peer) -> None:
    drive = Drive(peer)
    node.order("hang", times=1)
    drive.send()
    peer.until(lambda: node.obeyed, "the frame in work")
    assert node.stop() == 70
    assert "hangs or is too slow" in node.text()


def test_a_hang_that_holds_pythons_lock_is_ended(node: FaultyNode, peer: Peer) -> None:
    drive = Drive(peer)
    drive.send()
    peer.until(lambda: drive.labels and drive.books(received=1, published=1), "a label")
    node.order("hang_with_lock")
    drive.send()
    assert node.process.wait(30) == 1
    assert "Timeout (0:00:01.25" in node.text()
    assert "faulty_node.py" in node.text()
