# SPDX-License-Identifier: Apache-2.0
"""Cameras that die, change, multiply or do not fit, beside a node that must not care."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs rclpy: pip install 'segnet_ros[ros]'")

from changing_camera_process import ChangingCamera
from diagnostic_msgs.msg import DiagnosticStatus
from encodings_of_cameras import ENCODINGS, coloured, label
from numbered_camera import DEEP, NumberedCamera, active, arguments
from peer import NodeProcess, Peer, claim_domain, pixels, running_node
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from sensor_msgs.msg import Image

BEST_EFFORT = QoSProfile(depth=5, reliability=QoSReliabilityPolicy.BEST_EFFORT)
LATCHED = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
TEN = tuple(f"camera{number}" for number in range(10))


@pytest.fixture(scope="module")
def node(
    channel_model: Path, tmp_path_factory: pytest.TempPathFactory, own_domain: None
) -> Iterator[NodeProcess]:
    """One camera, of which no frame is lost on its way."""
    log = tmp_path_factory.mktemp("node") / "log"
    with running_node(log, *arguments(channel_model)) as process:
        yield process
    assert "Traceback" not in process.text()


class Street:
    """A camera that may be several, and what the node makes of what they sent.

    Attributes:
        sent: What the label of every frame must be, by its stamp: class, height and width.
        labels: What came.

    """

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        active(peer, "")
        self._before = peer.books()
        self.sent: dict[int, tuple[int, int, int]] = {}
        self.labels: list[Image] = peer.subscribe("/segmentation/label", DEEP)

    def send(self, publisher: Any, encoding: str, size: tuple[int, int], channel: int) -> int:
        """One frame; its stamp."""
        message = coloured(encoding, size, channel)
        stamp = time.time_ns()
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp, 10**9)
        self.sent[stamp] = (label(encoding, channel), size[1], size[0])
        publisher.publish(message)
        return stamp

    def step(self, publisher: Any, encoding: str, size: tuple[int, int], channel: int) -> None:
        """One frame; returns when its label is there."""
        stamp = self.send(publisher, encoding, size, channel)
        self.peer.until(lambda: stamp in self.heard, f"the label of {encoding} {size}")

    @property
    def heard(self) -> dict[int, tuple[int, int, int]]:
        """Class, height and width of every label, by its stamp."""
        return {_stamp(message): _content(message) for message in self.labels}

    @property
    def counted(self) -> dict[str, int]:
        """What was added to the books."""
        now = self.peer.books()
        assert now["received"] == sum(now.values()) - now["received"]
        return {fate: count - self._before[fate] for fate, count in now.items()}

    def settle(self, untold: int = 0) -> dict[str, int]:
        """Wait until the books know of every frame, and hold them against what came.

        Args:
            untold: Frames that a killed camera may have sent without telling.

        """

        def settled() -> bool:
            counted = self.counted
            return (
                len(self.sent) <= counted["received"] <= len(self.sent) + untold
                and counted["pending"] == 0
                and counted["published"] == len(self.labels)
            )

        self.peer.until(settled, f"books of {len(self.sent)} frames: {self.counted}")
        told = self.heard.keys() & self.sent.keys()
        assert len(self.labels) - untold <= len(told) <= len(self.labels)
        assert {stamp: self.heard[stamp] for stamp in told} == {s: self.sent[s] for s in told}
        return self.counted


def _stamp(message: Image) -> int:
    return int(message.header.stamp.sec * 10**9 + message.header.stamp.nanosec)


def _content(message: Image) -> tuple[int, int, int]:
    seen = pixels(message)
    assert (seen == seen[0, 0]).all()
    return int(seen[0, 0]), message.height, message.width


@pytest.fixture
def street(node: NodeProcess, peer: Peer) -> Street:
    return Street(peer)


def test_every_encoding_and_an_unknown_one_in_mid_stream(street: Street) -> None:
    peer, camera = street.peer, street.peer.camera("/image", DEEP)
    for number, encoding in enumerate((*ENCODINGS, *reversed(ENCODINGS))):
        street.step(camera, encoding, (16, 12), number % 3)
    for _ in range(10):
        street.send(camera, "x420", (16, 12), 1)
        time.sleep(0.02)
    words = "every frame fails: image encoding 'x420' is not supported"
    peer.until(lambda: peer.message().startswith(words), "word of the encoding")
    street.step(camera, "yuyv", (16, 12), 2)
    peer.until(lambda: words not in peer.message(), "the end of the error")
    counted = street.settle()
    assert counted["published"] == 2 * len(ENCODINGS) + 1
    assert counted["failed"] + counted["superseded"] == 10
    assert counted["failed"] >= 3


def test_every_size_in_mid_stream(street: Street) -> None:
    camera = street.peer.camera("/image", DEEP)
    sizes = [(1, 1), (2, 1), (7, 5), (641, 479), (3840, 2160), (1, 1000), (16, 12)]
    for number, size in enumerate(sizes):
        street.step(camera, "rgb8", size, number % 3)
    # What the encoding cannot have is refused, and said.
    street.send(camera, "yuyv", (7, 5), 1)
    street.peer.until(lambda: street.counted["failed"] == 1, "the failure")
    assert (
        "yuyv image is 7 x 5 pixels, expected a width divisible by 2"
        in street.peer.values("frames")["last error"]
    )
    street.step(camera, "nv12", (640, 480), 1)
    words = "wrong size: 640x480, 16x12 until lately"
    street.peer.until(lambda: words in street.peer.message("image"), "word of the size")
    counted = street.settle()
    assert counted == dict.fromkeys(counted, 0) | {"received": 9, "published": 8, "failed": 1}


def test_frames_of_two_publishers_are_all_booked(street: Street) -> None:
    peer, cameras = street.peer, [street.peer.camera("/image", DEEP) for _ in range(2)]
    for number in range(10):
        street.step(cameras[number % 2], "bgr8", (16, 12), number % 3)
    peer.until(lambda: "2 publishers on /image" in peer.message(), "word of them")
    peer.node.destroy_publisher(cameras.pop())
    peer.until(lambda: "publishers on" not in peer.message(), "the end of that")
    street.step(cameras[0], "bgr8", (16, 12), 2)
    counted = street.settle()
    assert counted == dict.fromkeys(counted, 0) | {"received": 11, "published": 11}


def test_qos_that_does_not_fit_is_told_on_both_sides(street: Street) -> None:
    peer = street.peer
    wrong = peer.node.create_publisher(Image, "/image", BEST_EFFORT)
    words = "/peer publishes /image as [best effort, volatile], this node asks for [reliable"
    peer.until(lambda: words in peer.message(), "word of the camera's")
    wrong.publish(coloured("rgb8", (16, 12), 1))
    peer.node.destroy_publisher(wrong)
    came = peer.subscribe("/segmentation/label", LATCHED)
    words = "/peer gets nothing: it reads /segmentation/label as [reliable, transient local]"
    peer.until(lambda: words in peer.message(), "word of the listener's")
    camera = peer.camera("/image", DEEP)
    street.step(camera, "rgb8", (16, 12), 1)
    assert came == []
    fitting = peer.subscribe("/segmentation/label", BEST_EFFORT)
    message = coloured("rgb8", (16, 12), 2)
    peer.publish_until(camera, message, lambda: fitting)
    assert _content(fitting[0]) == (2, 12, 16)
    assert came == []


def follow(street: Street, camera: ChangingCamera) -> None:
    """Take over what a camera's process said it has sent."""
    camera.listen()
    street.sent |= {stamp: (sent.label, *sent.shape) for stamp, sent in camera.sent.items()}


def until_labelled(street: Street, camera: ChangingCamera) -> None:
    def labelled() -> bool:
        follow(street, camera)
        return len(street.heard.keys() & camera.sent.keys()) >= 5

    street.peer.until(labelled, "labels of the camera's process")


def test_a_killed_camera_is_missed_and_another_one_taken(street: Street) -> None:
    """The last one with this node: the graph holds a killed camera for alive for 20 s."""
    peer, cameras = street.peer, [ChangingCamera("/image")]
    try:
        cameras[0].order(size=(64, 48))
        until_labelled(street, cameras[0])
        cameras[0].kill()
        peer.until(lambda: "no image for " in peer.message(), "word of the silence")
        assert peer.level() == DiagnosticStatus.ERROR
        cameras.append(ChangingCamera("/image"))
        cameras[1].order("nv12", (32, 24))
        until_labelled(street, cameras[1])
        peer.until(lambda: peer.level() != DiagnosticStatus.ERROR, "the end of the error")
        cameras[1].end()
    finally:
        for camera in cameras:
            camera.close()
    for camera in cameras:
        follow(street, camera)
    counted = street.settle(untold=1)
    assert counted["published"] >= 10
    assert (counted["stale"], counted["failed"]) == (0, 0)


@pytest.fixture
def other_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a node beside that of this module; to be named before `peer`."""
    monkeypatch.setenv("ROS_DOMAIN_ID", claim_domain())


def test_ten_cameras_of_which_one_fails(
    own_domain: None, other_domain: None, channel_model: Path, tmp_path: Path, peer: Peer
) -> None:
    words = arguments(channel_model, *TEN)
    with running_node(tmp_path / "log", *words) as process:
        active(peer, *TEN)
        *cameras, bad = (NumberedCamera(peer, n, i % 3).listen() for i, n in enumerate(TEN))
        for camera in (*cameras, bad):
            camera.connect()
        for _ in range(3):
            for camera in cameras:
                camera.send()
            bad.publisher.publish(coloured("x420", (32, 24), 0))
            bad.number += 1
            for camera in cameras:
                camera.wait_for_last()
        for camera in cameras:
            counted = camera.settle()
            assert counted == dict.fromkeys(counted, 0) | {"received": 3, "published": 3}
            assert camera.check() == [1, 2, 3]
        counted = bad.settle()
        assert counted["failed"] + counted["superseded"] == counted["received"] == 3
        assert counted["failed"] >= 1
        assert bad.labels == []
        assert "'x420' is not supported" in peer.values(bad.task)["last error"]
        assert "Traceback" not in process.text()
