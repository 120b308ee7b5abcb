# SPDX-License-Identifier: Apache-2.0
"""Several cameras of one node: each has its own topics, books and diagnostics, and its own fate."""

import threading
import time
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from numbered_camera import NumberedCamera, active, arguments, repeating
from peer import NodeProcess, Peer, claim_domain, image, reliable, running_node
from sensor_msgs.msg import Image
from slow_model import slow_model

CHANNELS = {"front": 0, "left": 1, "right": 2}
PICTURES = ("label", "label/compressed", "confidence", "color", "overlay")
OUTPUTS = (*PICTURES, "camera_info", "model_info")


@pytest.fixture(scope="module")
def node(
    channel_model: Path, tmp_path_factory: pytest.TempPathFactory, own_domain: None
) -> Iterator[NodeProcess]:
    """Cameras front, left, right; the tests leave its parameters as they find them."""
    log = tmp_path_factory.mktemp("node") / "log"
    with running_node(log, *arguments(channel_model, *CHANNELS)) as process:
        yield process
    assert "Traceback" not in process.text()


@pytest.fixture
def other_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    """For nodes beside that of this module; to be named before `peer`."""
    monkeypatch.setenv("ROS_DOMAIN_ID", claim_domain())


@pytest.fixture
def cameras(node: NodeProcess, peer: Peer) -> list[NumberedCamera]:
    """Front, left and right, connected."""
    active(peer, *CHANNELS)
    return [NumberedCamera(peer, *each).listen().connect() for each in CHANNELS.items()]


def test_topics_and_statuses_of_every_camera(node: NodeProcess, peer: Peer) -> None:
    active(peer, *CHANNELS)
    tasks = {f"{camera} {what}" for camera in CHANNELS for what in ("frames", "image", "labels")}
    assert set(peer.statuses) - {"jetson"} == {"node", *tasks}
    own = {f"/segmentation/{camera}/{output}" for camera in CHANNELS for output in OUTPUTS}
    peer.until(lambda: all(map(peer.node.count_publishers, own)), "every topic")
    names = {name for name, _ in peer.node.get_topic_names_and_types()}
    assert not names & {f"/segmentation/{output}" for output in OUTPUTS}
    for camera in CHANNELS:
        assert peer.values(f"{camera} frames")["image topic"] == f"/{camera}/image"


def test_only_cameras_that_somebody_listens_to_are_subscribed(
    node: NodeProcess, peer: Peer
) -> None:
    active(peer, *CHANNELS)
    left = NumberedCamera(peer, "left").listen().connect()
    left.step()
    assert [peer.node.count_subscribers(f"/{camera}/image") for camera in CHANNELS] == [0, 1, 0]
    assert left.settle()["published"] == 1
    for camera in ("front", "right"):
        idle = f"idle: nobody listens to /segmentation/{camera}/label, "
        assert peer.message(f"{camera} frames").startswith(idle)
        assert peer.level(f"{camera} frames") == DiagnosticStatus.OK


def test_labels_never_cross_between_cameras(cameras: list[NumberedCamera]) -> None:
    threads = [
        threading.Thread(target=camera.send_at, args=(rate, 3 * rate))
        for camera, rate in zip(cameras, (30, 25, 20), strict=True)
    ]
    for thread in threads:
        thread.start()
    for camera, thread in zip(cameras, threads, strict=True):
        camera.peer.until(lambda t=thread: not t.is_alive(), "the last frame")
        camera.wait_for_last()
    for camera in cameras:
        counted = camera.settle()
        assert len(camera.check()) == counted["published"]
        assert counted["published"] + counted["superseded"] == camera.number
        assert (counted["stale"], counted["failed"]) == (0, 0)
        assert camera.peer.values(camera.task)["image"] == "32x24 rgb8"


def bad_images() -> list[Image]:
    def changed(**fields: Any) -> Image:
        message = image(np.full((24, 32, 3), 9, np.uint8), "rgb8")
        for name, value in fields.items():
            setattr(message, name, value)
        return message

    return [
        changed(encoding="nonsense"),
        changed(step=10),
        changed(data=array("B", b"short")),
        changed(width=0, height=0, step=0, data=array("B")),
        changed(width=2**31, height=2**31, step=2**31),
    ]


class GarbageCamera(NumberedCamera):
    """Sends what is no image."""

    def send(self, size: Any = None, stamp: Any = None) -> None:
        self.publisher.publish(bad_images()[self.number % 5])
        self.number += 1


def test_no_camera_delays_or_stops_another(
    channel_model: Path, tmp_path: Path, other_domain: None, peer: Peer
) -> None:
    names = ("good", "slow", "garbage", "large", "dead", "late")
    with running_node(tmp_path / "log", *arguments(channel_model, *names)) as process:
        active(peer, *names)
        good, slow, large, dead, late = (
            NumberedCamera(peer, name).listen()
            for name in ("good", "slow", "large", "dead", "late")
        )
        garbage = GarbageCamera(peer, "garbage").listen()
        for camera in (good, slow, large, garbage):
            camera.connect()
        with (
            repeating(garbage.send, pause=0.02),
            repeating(lambda: large.send((720, 1280)), pause=0.05),
        ):
            for step in range(60):
                if step % 20 == 0:
                    slow.send()
                if step == 40:
                    late.connect()
                if step >= 40:
                    late.step()
                good.step()
                time.sleep(0.02)
        books = {camera.name: camera.settle() for camera in (good, slow, large, dead, late)}
        nothing = dict.fromkeys(good.books, 0)
        assert books["good"] == nothing | {"received": 60, "published": 60}
        assert books["late"] == nothing | {"received": 20, "published": 20}
        assert books["dead"] == nothing
        assert books["slow"] == nothing | {"received": 3, "published": 3}
        for camera in (good, late, dead, slow):
            assert len(camera.check()) == books[camera.name]["published"]
        large.wait_for_last()
        counted = books["large"]
        assert len(large.check((720, 1280))) == counted["published"]
        assert counted["published"] + counted["superseded"] == large.number >= 5
        counted = garbage.settle()
        assert counted["failed"] + counted["superseded"] == garbage.number >= 15
        assert garbage.labels == []
        _tell_what_is_wrong(peer)
        assert "Traceback" not in process.text()


def _tell_what_is_wrong(peer: Peer) -> None:
    """Diagnostics of `test_no_camera_delays_or_stops_another`: each camera has its own."""
    words = {"garbage": "every frame fails: ", "dead": "nobody publishes /dead/image"}
    for camera, told in words.items():
        peer.until(lambda c=camera, t=told: t in peer.message(f"{c} frames"), f"word of {camera}")
        assert peer.level(f"{camera} frames") == DiagnosticStatus.ERROR
    for camera in ("good", "late"):
        assert not any(told in peer.message(f"{camera} frames") for told in words.values())
        assert peer.values(f"{camera} frames")["last error"] == ""
    assert peer.values("large frames")["image"] == "1280x720 rgb8"
    assert peer.values("good frames")["image"] == "32x24 rgb8"
    assert peer.level("node") == DiagnosticStatus.OK


def test_rates_are_limited_per_camera_and_live(cameras: list[NumberedCamera], peer: Peer) -> None:
    front, left, _ = cameras
    for camera in (front, left):
        camera.step()
    assert peer.set_parameter("left.max_rate", 2.0).successful
    began = time.monotonic()
    for _ in range(30):
        left.send()
        front.step()
        time.sleep(0.02)
    left.wait_for_last()
    # One before, one on credit, and one more by the time that the last took to come.
    assert len(left.labels) <= 2.0 * (time.monotonic() - began) + 3
    assert len(left.labels) < len(front.labels) == 31
    assert peer.set_parameter("left.max_rate", 0.0).successful
    for _ in range(10):
        left.step()
    for camera, number in ((front, 31), (left, 41)):
        counted = camera.settle()
        assert counted["received"] == number
        assert len(camera.check()) == counted["published"] == number - counted["superseded"]


def test_diagnostics_tell_each_cameras_limits(cameras: list[NumberedCamera], peer: Peer) -> None:
    limits = {"left.max_rate": 2.0, "max_rate": 5.0, "right.priority": 7}
    for name, value in limits.items():
        assert peer.set_parameter(name, value).successful

    def told(key: str) -> list[str]:
        return [peer.values(camera.task)[key] for camera in cameras]

    try:
        peer.until(lambda: told("max rate [Hz]") == ["5", "2", "5"], "the limits")
        peer.until(lambda: told("priority") == ["0", "0", "7"], "the priority")
        with repeating(*(camera.send for camera in cameras), pause=0.04):
            for camera, rate in zip(cameras, (5, 2, 5), strict=True):
                words = f"limited by max_rate {rate} Hz"
                peer.until(lambda c=camera, w=words: w in peer.message(c.task), words)
    finally:
        for name, value in limits.items():
            assert peer.set_parameter(name, type(value)(0)).successful


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("left.max_rate", -1.0, "left.max_rate"),
        ("left.priority", 101, "left.priority"),
        ("left.priority", -1, "left.priority"),
        ("cameras", ["front"], "deactivate and cleanup"),
        ("batch_size", 3, "deactivate and cleanup"),
    ],
)
def test_what_cannot_take_effect_is_refused(
    node: NodeProcess, peer: Peer, name: str, value: Any, reason: str
) -> None:
    before = peer.parameter(name)
    answer = peer.set_parameter(name, value)
    assert not answer.successful
    assert reason in answer.reason
    assert peer.parameter(name) == before


def test_two_publishers_on_one_cameras_topic(cameras: list[NumberedCamera], peer: Peer) -> None:
    for camera in cameras:
        camera.step()
    other = peer.node.create_publisher(Image, "/front/image", 1)
    words = "2 publishers on /front/image: their pictures are mixed"
    peer.until(lambda: words in peer.message("front frames"), "the warning")
    assert peer.level("front frames") == DiagnosticStatus.WARN
    assert peer.level("left frames") == DiagnosticStatus.OK
    peer.node.destroy_publisher(other)
    peer.until(lambda: words not in peer.message("front frames"), "its end")


def test_priorities_hold_live(
    channel_model: Path, tmp_path: Path, other_domain: None, peer: Peer
) -> None:
    model = slow_model(channel_model, tmp_path / "slow", times=224)
    with running_node(tmp_path / "log", *arguments(model, "front", "left")):
        active(peer, "front", "left")
        front, left = (
            NumberedCamera(peer, name, CHANNELS[name]).listen().connect()
            for name in ("front", "left")
        )
        # Both have a new frame within every inference.
        with repeating(front.send, left.send, pause=0.01):
            for preferred, other in ((left, front), (front, left)):
                for camera, priority in ((preferred, 10), (other, 1)):
                    assert peer.set_parameter(f"{camera.name}.priority", priority).successful
                wanted, had = len(preferred.labels) + 15, len(other.labels)
                peer.until(lambda p=preferred, w=wanted: len(p.labels) >= w, "15 labels")
                # Taking turns, both would get as many.
                assert len(other.labels) - had <= 5
        for camera in (front, left):
            camera.wait_for_last()
            counted = camera.settle()
            assert len(camera.check()) == counted["published"]
            assert counted["superseded"] == camera.number - counted["published"] > 0


def test_other_cameras_after_cleanup(
    channel_model: Path, tmp_path: Path, other_domain: None, peer: Peer
) -> None:
    words = ["-p", f"model:={channel_model}", "-p", "rear.priority:=3"]
    words += [*reliable("/front/image"), *reliable("/rear/image"), *reliable("/image")]
    with running_node(tmp_path / "log", *words) as process:
        for names in (["front", "left"], ["rear", "front"], [""]):
            assert peer.set_parameter("cameras", names).successful
            assert peer.transition("configure")
            assert peer.transition("activate")
            _only_these(peer, names)
            camera = NumberedCamera(peer, names[0]).listen().connect()
            camera.step()
            # The books begin anew.
            assert camera.books["published"] <= camera.settle()["published"] == 1
            camera.check()
            assert peer.transition("deactivate")
            assert peer.transition("cleanup")
            peer.leave()
        assert peer.parameter("rear.priority") == 3
        assert "Traceback" not in process.text()


def _only_these(peer: Peer, names: Sequence[str]) -> None:
    """Topics and diagnostics of these cameras exist, and of no other."""
    tasks = {f"{name} frames".strip() for name in names}
    topics = {f"/segmentation/{name}/label".replace("//", "/") for name in names}

    def told() -> set[str]:
        return {task for task in peer.statuses if task.endswith("frames")}

    def published() -> set[str]:
        known = [name for name, _ in peer.node.get_topic_names_and_types()]
        return {t for t in known if t.endswith("/label") and peer.node.count_publishers(t)}

    peer.until(lambda: told() == tasks, f"diagnostics of {names} alone")
    peer.until(lambda: published() == topics, f"topics of {names} alone")


def test_a_wrong_parameter_of_a_camera_is_one_clear_error(
    other_domain: None, channel_model: Path, tmp_path: Path, peer: Peer
) -> None:
    wrong = ("-p", "front.priority:=high", "-p", "autostart:=true")
    with running_node(
        tmp_path / "log", "-p", f"model:={channel_model}", "-p", "cameras:=[front]", *wrong
    ) as process:
        peer.until(lambda: "cannot configure" in process.text(), "the refusal")
        peer.until(lambda: peer.level("node") == DiagnosticStatus.ERROR, "the diagnostics")
        assert "front.priority" in peer.message("node")
        assert peer.state() == "unconfigured"
        assert "Traceback" not in process.text()
