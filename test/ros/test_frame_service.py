# SPDX-License-Identifier: Apache-2.0
"""~/save_frame: the next frame of every camera in files, or the reason why not."""

import json
import resource
import time
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from peer import RELIABLE, NodeProcess, Peer, image, reliable, running_node
from rclpy.task import Future
from sensor_msgs.msg import CompressedImage, Image
from std_srvs.srv import Trigger
from stream import Stream, leave, picture
from variants import darkest_model, slowly_loading_model, write_taxonomy

from segnet_ros.inference.model import load_model


@pytest.fixture(scope="module")
def shared_peer(own_domain: None) -> Iterator[Peer]:
    """Discovery takes seconds now and then."""
    peer = Peer()
    yield peer
    peer.close()


@pytest.fixture
def peer(shared_peer: Peer) -> Iterator[Peer]:
    yield shared_peer
    leave(shared_peer)


Start = Callable[..., NodeProcess]


@pytest.fixture
def start(channel_model: Path, tmp_path: Path, peer: Peer) -> Iterator[Start]:
    """Starts an active node that saves into tmp_path / "frames"."""
    running = []

    def start(*arguments: str) -> NodeProcess:
        common = ("-p", f"model:={channel_model}", "-p", f"frames_folder:={tmp_path / 'frames'}")
        context = running_node(
            tmp_path / "log", *common, "-p", "autostart:=true", *reliable("/image"), *arguments
        )
        running.append(context)
        peer.statuses.clear()
        process = context.__enter__()
        peer.until(lambda: peer.values().get("state") == "active", "the node to be active")
        return process

    yield start
    for context in running:
        context.__exit__(None, None, None)


def ask(peer: Peer) -> Future:
    return peer.ask(Trigger, "/segmentation/save_frame", Trigger.Request())


def answer_of(peer: Peer, future: Future) -> Any:
    peer.until(future.done, "an answer")
    return future.result()


def save(peer: Peer, shown: np.ndarray, stamp: tuple[int, int] = (12, 34)) -> Any:
    """Ask, and send a picture as soon as the node listens for that."""
    peer.until(lambda: nothing_is_subscribed(peer), "the end of what was before")
    future = ask(peer)
    peer.camera("/image", RELIABLE).publish(image(shown, "rgb8", stamp))
    return answer_of(peer, future)


def read(path: Path) -> np.ndarray:
    """A PNG as it is, in RGB if it has colours."""
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return pixels[..., ::-1] if pixels.ndim == 3 else pixels


def paths(folder: Path, name: str) -> list[Path]:
    ends = (".png", "_label.png", "_confidence.png", ".json")
    return [folder / f"{name}{end}" for end in ends]


def assert_saved(folder: Path, name: str, shown: np.ndarray) -> dict[str, Any]:
    """The three pictures are right; the facts."""
    picture_path, label, confidence, facts = paths(folder, name)
    np.testing.assert_array_equal(read(picture_path), shown)
    np.testing.assert_array_equal(read(label), shown.argmax(2))
    np.testing.assert_array_equal(read(confidence), shown.max(2))
    assert read(label).dtype == np.uint8
    return json.loads(facts.read_text())


def nothing_is_subscribed(peer: Peer) -> bool:
    return peer.node.count_subscribers("/image") == 0


def test_without_any_listener(
    start: Start, peer: Peer, channel_model: Path, tmp_path: Path
) -> None:
    """It listens for this one frame; what is saved are the model's own classes."""
    names = write_taxonomy(tmp_path / "heat", {"warm": ["red"], "cold": ["green", "blue"]})
    node = start("-p", f"taxonomy:={names}", "-p", "confidence_threshold:=0.9")
    assert nothing_is_subscribed(peer)
    shown = np.kron(picture(1), np.ones((3, 2, 1), np.uint8))
    answer = save(peer, shown, stamp=(1_700_000_000, 123_456_789))
    name = "1700000000123456789_camera"
    expected = paths(tmp_path / "frames", name)
    assert answer.success
    assert answer.message == f"saved {', '.join(map(str, expected))}"
    assert sorted((tmp_path / "frames").iterdir()) == sorted(expected)
    assert assert_saved(tmp_path / "frames", name, shown) == {
        "stamp": {"sec": 1_700_000_000, "nanosec": 123_456_789},
        "frame_id": "front_camera",
        "topic": "/image",
        "model": "channel",
        "sha256": load_model(channel_model).sha256,
        "classes": ["red", "green", "blue"],
    }
    peer.until(lambda: nothing_is_subscribed(peer), "the end of the subscription")
    assert "listening to /image" in node.text()
    peer.until(lambda: peer.books()["published"] == 1, "the books")

    # Another frame with that stamp, into a folder that is set live.
    elsewhere = tmp_path / "a" / "b"
    for suffix, folder in (("-2", tmp_path / "frames"), ("", elsewhere)):
        assert peer.set_parameter("frames_folder", str(folder)).successful
        other = np.ascontiguousarray(shown[::-1])
        assert save(peer, other, stamp=(1_700_000_000, 123_456_789)).success
        assert_saved(folder, f"{name}{suffix}", other)
    assert_saved(tmp_path / "frames", name, shown)
    assert len(list(elsewhere.iterdir())) == 4


def test_two_calls_at_once_and_a_listener(start: Start, peer: Peer, tmp_path: Path) -> None:
    start()
    stream = Stream(peer, "label")
    futures = [ask(peer), ask(peer)]
    shown = picture(2)
    message = image(shown, "rgb8", stamp=(50, 0))
    peer.publish_until(stream.publisher, message, lambda: all(future.done() for future in futures))
    answers = [future.result() for future in futures]
    assert all(answer.success for answer in answers)
    assert answers[0].message != answers[1].message
    for name in ("0000000050000000000_camera", "0000000050000000000_camera-2"):
        assert_saved(tmp_path / "frames", name, shown)
    assert len(list((tmp_path / "frames").iterdir())) == 8
    # That was all: the next frame is nobody's.
    stream.show(shown)
    assert len(list((tmp_path / "frames").iterdir())) == 8


def test_compressed(start: Start, peer: Peer, tmp_path: Path) -> None:
    start("-p", "image_transport:=compressed", *reliable("/image/compressed"))
    shown = picture(3)
    _, png = cv2.imencode(".png", shown[..., ::-1])
    future = ask(peer)
    message = CompressedImage(format="png", data=array("B", png.tobytes()))
    message.header.stamp.sec = 60
    peer.camera("/image/compressed", RELIABLE, CompressedImage).publish(message)
    assert answer_of(peer, future).success
    facts = assert_saved(tmp_path / "frames", "0000000060000000000_camera", shown)
    assert (facts["topic"], facts["frame_id"]) == ("/image/compressed", "")


def test_several_cameras_of_which_one_is_silent(start: Start, peer: Peer, tmp_path: Path) -> None:
    start(
        "-p", "cameras:=[front,left]", *reliable("/front/image"), *reliable("/left/image"),
        "-r", "left/image:=/port/picture", *reliable("/port/picture"),
    )  # fmt: skip
    topics = {"front": "/front/image", "left": "/port/picture"}
    publishers = {
        name: peer.node.create_publisher(Image, topic, RELIABLE) for name, topic in topics.items()
    }

    def shoot(*cameras: str) -> Any:
        future = ask(peer)
        for seed, name in enumerate(publishers):
            if name in cameras:
                peer.until(publishers[name].get_subscription_count, "the node to listen")
                publishers[name].publish(image(picture(seed), "rgb8", (70 + seed, 0)))
        return answer_of(peer, future)

    answer = shoot("front", "left")
    assert answer.success
    front = assert_saved(tmp_path / "frames", "0000000070000000000_front", picture(0))
    left = assert_saved(tmp_path / "frames", "0000000071000000000_left", picture(1))
    assert (front["topic"], left["topic"]) == ("/front/image", "/port/picture")
    assert len(list((tmp_path / "frames").iterdir())) == 8

    for publisher in publishers.values():
        peer.until(lambda p=publisher: not p.get_subscription_count(), "the end of listening")
    began = time.monotonic()
    answer = shoot("front")
    assert 5 <= time.monotonic() - began < 15
    assert not answer.success
    saved = ", ".join(map(str, paths(tmp_path / "frames", "0000000070000000000_front-2")))
    assert answer.message == (
        f"saved {saved}; no labels came of /port/picture: /diagnostics says why"
    )
    assert_saved(tmp_path / "frames", "0000000070000000000_front-2", picture(0))
    for publisher in publishers.values():
        peer.until(lambda p=publisher: not p.get_subscription_count(), "the end of listening")


def test_when_it_cannot_be(start: Start, peer: Peer, tmp_path: Path) -> None:
    """Not active, deactivated meanwhile, a folder that is none, a full disk."""
    node = start()
    future = ask(peer)
    peer.until(lambda: not nothing_is_subscribed(peer), "the node to listen")
    assert peer.transition("deactivate")
    answer = answer_of(peer, future)
    assert not answer.success
    assert answer.message == "no labels came of /image: the node was deactivated meanwhile"
    inactive = "the node is not active; configure and activate it first"
    assert peer.trigger("save_frame").message == inactive
    assert peer.transition("cleanup")
    answer = peer.trigger("save_frame")
    assert (answer.success, answer.message) == (False, inactive)
    assert peer.transition("configure")
    assert peer.transition("activate")

    (tmp_path / "file").touch()
    assert peer.set_parameter("frames_folder", str(tmp_path / "file")).successful
    answer = save(peer, picture(1))
    assert not answer.success
    assert answer.message == (
        f"frame not saved: {tmp_path / 'file'} cannot be written (File exists); let frames_folder "
        "name a folder that may be written and has space left"
    )

    # Noise cannot be compressed.
    large = np.random.default_rng(1).integers(0, 256, (300, 400, 3), np.uint8)
    assert peer.set_parameter("frames_folder", str(tmp_path / "frames")).successful
    unlimited = resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, (100_000, unlimited[1]))
    answer = save(peer, large)
    resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, unlimited)
    assert not answer.success
    assert "cannot be written (File too large)" in answer.message
    assert list((tmp_path / "frames").iterdir()) == []
    # And all is well again.
    assert save(peer, large).success
    assert_saved_large(tmp_path / "frames", large)


def assert_saved_large(folder: Path, large: np.ndarray) -> None:
    shown, label, confidence, _ = paths(folder, "0000000012000000034_camera")
    np.testing.assert_array_equal(read(shown), large)
    assert read(label).shape == read(confidence).shape == (300, 400)


def test_while_the_node_ends(start: Start, peer: Peer, tmp_path: Path) -> None:
    """A request that waits is no reason to hang."""
    node = start()
    ask(peer)
    peer.until(lambda: not nothing_is_subscribed(peer), "the node to listen")
    assert node.stop() == 0
    assert "Traceback" not in node.text()
    assert not (tmp_path / "frames").exists()


def test_while_a_model_is_exchanged(
    start: Start, peer: Peer, channel_model: Path, tmp_path: Path
) -> None:
    """What is saved together belongs together: labels, and the model that gave them."""
    node = start()
    darkest = darkest_model(channel_model, tmp_path / "darkest")
    slow = slowly_loading_model(darkest, tmp_path / "slow")
    publisher = peer.node.create_publisher(Image, "/image", RELIABLE)
    assert peer.set_parameter("model", str(slow)).successful
    shown = picture(4)
    expected = {"channel": shown.argmax(2), "slow": shown.argmin(2)}
    seen: list[str] = []
    while "slow on OpenVINO" not in node.text() or seen[-1] != "slow":
        future = ask(peer)
        peer.publish_until(publisher, image(shown, "rgb8"), future.done)
        assert future.result().success
        facts = Path(future.result().message.split(", ")[-1])
        model = json.loads(facts.read_text())["model"]
        label = facts.with_name(f"{facts.stem}_label.png")
        np.testing.assert_array_equal(read(label), expected[model])
        seen.append(model)
    assert seen == sorted(seen)
    assert seen[0] == "channel"
