# SPDX-License-Identifier: Apache-2.0
"""The node as a process, spoken to over genuine topics and services."""

import re
import signal
from array import array
from pathlib import Path

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from peer import Peer, image, pixels, reliable, running_node
from rclpy.qos import (
    QoSDurabilityPolicy,
    QoSProfile,
    QoSReliabilityPolicy,
    qos_profile_sensor_data,
)
from sensor_msgs.msg import CompressedImage

from segnet_ros.inference.segmenter import Segmenter

BEST_EFFORT = QoSProfile(depth=20, reliability=QoSReliabilityPolicy.BEST_EFFORT)


@pytest.fixture
def camera_image() -> np.ndarray:
    """uint8 [45, 64, 3] RGB: larger than the network and of another shape."""
    rng = np.random.default_rng(7)
    return np.kron(rng.integers(0, 256, (9, 16, 3)), np.ones((5, 4, 1))).astype(np.uint8)


@pytest.fixture
def expected(channel_model, camera_image):
    with Segmenter(channel_model) as segmenter:
        yield segmenter.segment(camera_image)


@pytest.fixture
def arguments(channel_model):
    return ("-p", f"model:={channel_model}", "-p", "autostart:=true")


@pytest.fixture
def node(arguments, tmp_path, own_domain):
    with running_node(tmp_path / "log", *arguments, *reliable("/image")) as process:
        yield process


def test_publishes_what_the_segmenter_computes(node, peer: Peer, camera_image, expected) -> None:
    received = {
        topic: peer.subscribe(f"/segmentation/{topic}")
        for topic in ("label", "confidence", "color", "overlay")
    }
    camera = peer.camera("/image")
    camera.publish(image(camera_image, "rgb8", stamp=(1_700_000_000, 123_456_789)))
    peer.until(lambda: all(received.values()), "all four outputs")

    messages = {topic: arrived[0] for topic, arrived in received.items()}
    np.testing.assert_array_equal(pixels(messages["label"]), expected.labels)
    np.testing.assert_array_equal(pixels(messages["confidence"]), expected.confidence)
    np.testing.assert_array_equal(pixels(messages["color"]), expected.color)
    np.testing.assert_array_equal(pixels(messages["overlay"]), expected.overlay(0.5))
    assert len(np.unique(expected.labels)) == 3
    for topic, message in messages.items():
        assert message.header.frame_id == "front_camera"
        stamp = message.header.stamp
        assert (stamp.sec, stamp.nanosec) == (1_700_000_000, 123_456_789)
        assert (message.height, message.width) == (45, 64)
        assert message.encoding == ("mono8" if topic in ("label", "confidence") else "rgb8")
        assert message.step == 64 * (1 if message.encoding == "mono8" else 3)


def test_the_overlay_follows_its_parameter_live(node, peer: Peer, camera_image, expected) -> None:
    overlays = peer.subscribe("/segmentation/overlay")
    camera = peer.camera("/image")
    assert peer.set_parameter("overlay_alpha", 0.25).successful
    camera.publish(image(camera_image, "rgb8"))
    peer.until(lambda: overlays, "an overlay")
    np.testing.assert_array_equal(pixels(overlays[0]), expected.overlay(0.25))


def test_the_diagnostics_say_that_no_engine_is_needed(node, peer: Peer) -> None:
    peer.until(lambda: peer.values().get("state") == "active", "the node to be active")
    runtime = peer.values()["runtime"]
    assert runtime.startswith("OpenVINO ")
    assert peer.values()["engine"] == f"none ({runtime} needs none)"
    assert "engine fingerprint" not in peer.values()


def test_refuses_parameters_that_cannot_take_effect(node, peer: Peer) -> None:
    peer.until(lambda: peer.values().get("state") == "active", "the node to be active")
    answer = peer.set_parameter("runtime", "openvino")
    assert not answer.successful
    assert "deactivate and cleanup" in answer.reason
    assert peer.parameter("runtime") == "auto"
    assert not peer.set_parameter("overlay_alpha", 1.5).successful
    assert not peer.set_parameter("max_age", -1.0).successful


@pytest.mark.parametrize("qos", [BEST_EFFORT, QoSProfile(depth=5), qos_profile_sensor_data])
def test_hears_and_serves_every_reliability(
    arguments, tmp_path, peer: Peer, camera_image, expected, qos
) -> None:
    with running_node(tmp_path / "log", *arguments):
        labels = peer.subscribe("/segmentation/label", qos)
        camera = peer.camera("/image", qos)

        def label_came() -> bool:
            camera.publish(image(camera_image, "rgb8"))  # best effort may lose some
            return bool(labels)

        peer.until(label_came, "a label")
    np.testing.assert_array_equal(pixels(labels[0]), expected.labels)


def bad_images(good: np.ndarray):
    def changed(**fields):
        message = image(good, "rgb8")
        for name, value in fields.items():
            setattr(message, name, value)
        return message

    return {
        "unknown encoding": changed(encoding="yuv999"),
        "short step": changed(step=10),
        "truncated": changed(data=array("B", good.tobytes()[:100])),
        "zero size": changed(width=0, height=0, step=0, data=array("B")),
        "hostile size": changed(width=2**31, height=2**31, step=2**31),
    }


def test_bad_images_are_counted_and_do_no_harm(node, peer: Peer, camera_image, expected) -> None:
    labels = peer.subscribe("/segmentation/label")
    camera = peer.camera("/image")
    bad = bad_images(camera_image)
    for count, message in enumerate(bad.values(), start=1):
        camera.publish(message)
        peer.until(lambda count=count: peer.books()["failed"] == count, "the failure counted")
    # Encoding and size change from frame to frame.
    half = np.ascontiguousarray(camera_image[::2, ::2])
    grey = cv2.cvtColor(camera_image, cv2.COLOR_RGB2GRAY)
    for count, message in enumerate(
        (image(half, "rgb8"), image(grey, "mono8"), image(camera_image[..., ::-1], "bgr8")), start=1
    ):
        camera.publish(message)
        peer.until(lambda count=count: len(labels) == count, "a label")
    assert [(label.height, label.width) for label in labels] == [(23, 32), (45, 64), (45, 64)]
    np.testing.assert_array_equal(pixels(labels[2]), expected.labels)
    peer.until(lambda: peer.books()["published"] == 3, "the books")
    assert peer.books() == {
        "received": 8, "published": 3, "superseded": 0, "stale": 0, "failed": 5, "pending": 0,
    }  # fmt: skip
    assert peer.level() == DiagnosticStatus.WARN
    assert "frames of the last 10 s failed" in peer.message()
    assert "2147483648" in peer.message()
    assert "yuv999" in node.text()
    assert "Traceback" not in node.text()


def test_compressed_images(arguments, tmp_path, peer: Peer, camera_image, expected) -> None:
    _, png = cv2.imencode(".png", camera_image[..., ::-1])
    good = CompressedImage(format="png", data=array("B", png.tobytes()))
    corrupt = CompressedImage(format="jpeg", data=array("B", b"\xff\xd8\xff\xe0 nothing"))
    with running_node(
        tmp_path / "log", *arguments, "-p", "image_transport:=compressed",
        "-r", "image/compressed:=/front/jpeg", *reliable("/front/jpeg"),
    ):  # fmt: skip
        labels = peer.subscribe("/segmentation/label")
        camera = peer.camera("/front/jpeg", kind=CompressedImage)
        camera.publish(corrupt)
        peer.until(lambda: peer.books()["failed"] == 1, "the failure counted")
        camera.publish(good)
        peer.until(lambda: labels, "a label")
    np.testing.assert_array_equal(pixels(labels[0]), expected.labels)


def test_old_images_are_stale(node, peer: Peer, camera_image) -> None:
    peer.subscribe("/segmentation/label")
    camera = peer.camera("/image")
    assert peer.set_parameter("max_age", 1.0).successful
    camera.publish(image(camera_image, "rgb8", stamp=(1_000, 0)))
    peer.until(lambda: peer.books()["stale"] == 1, "the stale frame counted")
    camera.publish(image(camera_image, "rgb8", stamp=peer.now()))
    peer.until(lambda: peer.books()["published"] == 1, "the fresh frame published")
    assert peer.books()["received"] == 2


def test_says_that_the_camera_stopped(node, peer: Peer, camera_image) -> None:
    peer.subscribe("/segmentation/label")
    camera = peer.camera("/image")
    camera.publish(image(camera_image, "rgb8"))
    peer.until(lambda: peer.books()["published"] == 1, "a frame")
    peer.until(lambda: peer.level() == DiagnosticStatus.ERROR, "silence to be noticed")
    assert "/peer publishes /image and fits, but sends nothing" in peer.message()

    def recovered() -> bool:
        camera.publish(image(camera_image, "rgb8", stamp=peer.now()))
        return peer.level() == DiagnosticStatus.OK

    peer.until(recovered, "recovery")
    peer.until(lambda: "labels are published again" in node.text(), "the log to tell")


def test_every_transition(channel_model, tmp_path: Path, peer: Peer, camera_image) -> None:
    with running_node(
        tmp_path / "log", "-p", f"model:={tmp_path / 'nothing'}", *reliable("/image")
    ) as process:
        assert peer.state() == "unconfigured"
        assert not peer.transition("configure")
        assert peer.state() == "unconfigured"
        assert "expected a folder with model.yaml" in process.text()
        assert peer.set_parameter("model", str(channel_model)).successful

        for _ in range(2):
            assert peer.transition("configure")
            assert peer.state() == "inactive"
            assert peer.node.count_subscribers("/image") == 0
            assert peer.transition("activate")
            assert peer.state() == "active"
            assert peer.transition("deactivate")
            assert peer.transition("cleanup")
            assert peer.state() == "unconfigured"
            peer.until(lambda: not peer.node.count_publishers("/segmentation/label"), "withdrawal")
        assert peer.transition("configure")
        assert peer.transition("activate")
        labels = peer.subscribe("/segmentation/label")
        peer.camera("/image").publish(image(camera_image, "rgb8"))
        peer.until(lambda: labels, "a label after all that")
        assert peer.transition("shutdown")
        assert peer.state() == "finalized"
        assert process.stop() == 0


FAILS_ONCE_EACH = """
import sys
from segnet_ros.ros import node_process
from segnet_ros.ros.model_loading import ModelLoader
from segnet_ros.ros.pipeline import Pipeline

def fail_once(owner, name):
    genuine = getattr(owner, name)

    def fail(*arguments):
        setattr(owner, name, genuine)
        raise ZeroDivisionError(f"nobody thought of {name}")

    setattr(owner, name, fail)

fail_once(ModelLoader, "load")
fail_once(Pipeline, "start")
sys.exit(node_process.main(sys.argv))
"""


def test_unforeseen_failures_of_transitions_are_told_and_do_no_harm(
    arguments, tmp_path, peer: Peer, camera_image
) -> None:
    with running_node(tmp_path / "log", *arguments, code=FAILS_ONCE_EACH) as process:
        told = "ZeroDivisionError: nobody thought of load"
        peer.until(lambda: told in peer.message("node"), "diagnostics of the failure")
        assert peer.level("node") == DiagnosticStatus.ERROR
        assert f"cannot configure: {told}" in process.text()
        assert peer.state() == "unconfigured"
        assert peer.transition("configure")
        assert not peer.transition("activate")
        assert "on_activate failed: ZeroDivisionError('nobody thought of start')" in process.text()
        assert peer.state() == "unconfigured"
        assert peer.transition("configure")
        assert peer.transition("activate")
        labels = peer.subscribe("/segmentation/label")
        camera = peer.camera("/image")
        peer.publish_until(camera, image(camera_image, "rgb8"), lambda: labels)
        assert process.stop() == 0


def test_an_altered_model_is_refused(channel_model, tmp_path: Path, peer: Peer) -> None:
    altered = tmp_path / "altered"
    altered.mkdir()
    for file in channel_model.iterdir():
        (altered / file.name).write_bytes(file.read_bytes())
    graph = altered / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-3])
    with running_node(tmp_path / "log", "-p", f"model:={altered}", "-p", "autostart:=true") as node:
        peer.until(lambda: "truncated or was altered" in node.text(), "the refusal")
        # The log comes from within the transition.
        peer.until(lambda: peer.state() == "unconfigured", "the end of the transition")
        peer.until(lambda: peer.values().get("state") == "unconfigured", "diagnostics")
        assert peer.level("node") == DiagnosticStatus.ERROR
        assert "truncated or was altered" in peer.message("node")
        assert "Traceback" not in node.text()


@pytest.mark.parametrize("signals", [(signal.SIGINT,), (signal.SIGTERM,), (signal.SIGINT,) * 2])
def test_ends_cleanly(node, peer: Peer, camera_image, signals) -> None:
    labels = peer.subscribe("/segmentation/label")
    camera = peer.camera("/image")
    camera.publish(image(camera_image, "rgb8"))
    peer.until(lambda: labels, "a label")
    for _ in range(10):
        camera.publish(image(camera_image, "rgb8"))
    assert node.stop(*signals) == 0
    assert "Traceback" not in node.text()
    assert re.search(r"received \d+ frames: published \d+", node.text())


def test_ends_cleanly_while_it_starts(arguments, tmp_path, peer: Peer) -> None:
    name = ("-r", "__node:=starting")  # unlike nodes of earlier tests, which may still be known
    with running_node(tmp_path / "log", *arguments, *name) as process:
        peer.until(lambda: "starting" in peer.node.get_node_names(), "the node to exist")
        assert process.stop() == 0
        assert "Traceback" not in process.text()


def test_an_incompatible_subscriber_is_named(node, peer: Peer) -> None:
    peer.until(lambda: peer.values().get("state") == "active", "the node to be active")
    latched = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
    peer.subscribe("/segmentation/label", latched)
    words = "/peer gets nothing: it reads /segmentation/label as [reliable, transient local]"
    peer.until(lambda: words in node.text(), "the mismatch in the log")
    assert words in peer.message()
    peer.until(lambda: peer.level() == DiagnosticStatus.WARN, "the mismatch in diagnostics")


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("overlay_alpha:=2.0", "out of range"),
        ("overlay_alpha:=1", "expecting type 'DOUBLE'"),
        ("image_transport:=theora", "image_transport is 'theora'; expected raw, compressed"),
        ("precision:=fp32", "precision is 'fp32'; expected fp16, int8, fp8"),
        ("nonsense::", "Couldn't parse"),
    ],
)
def test_wrong_arguments_are_one_clear_error(tmp_path, own_domain, argument, words) -> None:
    with running_node(tmp_path / "log", "-p", argument) as process:
        assert process.process.wait(30) == 1
    assert words in process.text()
    assert "segnet node: " in process.text()
    assert "Traceback" not in process.text()
