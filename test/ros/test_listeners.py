# SPDX-License-Identifier: Apache-2.0
"""Cameras are listened to, and networks run, only while somebody wants what comes of it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from peer import LATCHED, RELIABLE, NodeProcess, Peer, image, pixels, reliable, running_node
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String

from segnet_ros.inference.model import SegmentationClass
from segnet_ros.inference.taxonomy import Taxonomy
from segnet_ros.ros.books import Books
from segnet_ros.ros.camera import Camera
from segnet_ros.ros.image_reader import ImageReader
from segnet_ros.ros.parameters import NodeParameters

PICTURES = {
    "label": Image, "label/compressed": CompressedImage, "confidence": Image, "color": Image,
    "overlay": Image,
}  # fmt: skip
OUT = "/segmentation/front/"
WORDLESS = ("model_info", "camera_info", "label_info")
PIXELS = np.full((12, 16, 3), (10, 200, 30), np.uint8)  # the model's class 1


@pytest.fixture(scope="module")
def node(own_domain, channel_model, tmp_path_factory) -> Iterator[NodeProcess]:
    arguments = ("-p", f"model:={channel_model}", "-p", "autostart:=true")
    cameras = ("-p", "cameras:=[front,left]", *reliable("/front/image"), *reliable("/left/image"))
    with running_node(tmp_path_factory.mktemp("node") / "log", *arguments, *cameras) as process:
        yield process
    assert "Traceback" not in process.text()


@pytest.fixture(scope="module")
def lasting_peer(node) -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.close()


@pytest.fixture
def peer(lasting_peer: Peer) -> Iterator[Peer]:
    """The same for every test: it finds the node once. Nobody listens when a test begins."""
    peer = lasting_peer
    peer.until(lambda: peer.values().get("state") == "active", "the node to be active")
    yield peer
    peer.leave()
    peer.until(lambda: subscribed(peer) == subscribed(peer, "left") == 0, "silence")


def subscribed(peer: Peer, camera: str = "front") -> int:
    return int(peer.node.count_subscribers(f"/{camera}/image"))


def listen(peer: Peer, topic: str = "label", camera: str = "front") -> list:
    """From when the camera is listened to."""
    received = peer.subscribe(f"/segmentation/{camera}/{topic}", kind=PICTURES[topic])
    peer.until(lambda: subscribed(peer, camera) == 1, f"a subscription of {camera}")
    return received


def leave(peer: Peer, topic: str = "label", camera: str = "front") -> None:
    peer.leave(f"/segmentation/{camera}/{topic}")
    peer.until(lambda: subscribed(peer, camera) == 0, f"the end of the subscription of {camera}")


def settled(peer: Peer, received: int) -> dict[str, int]:
    """The books of the front camera, once they hold that many frames and none is pending."""

    def done() -> bool:
        books = peer.books("front frames")
        return books["received"] >= received and books["pending"] == 0

    peer.until(done, f"{received} frames in the books")
    return peer.books("front frames")


def test_with_no_listener_it_idles_and_says_why(node, peer: Peer) -> None:
    def idle() -> bool:
        return peer.message("front frames").startswith("idle: ")

    peer.until(idle, "diagnostics")
    topics = ", ".join(f"{OUT}{topic}" for topic in PICTURES)
    assert peer.message("front frames") == (
        f"idle: nobody listens to {topics}; /front/image is not subscribed"
    )
    for task in ("front frames", "front image", "front labels", "left frames", "node"):
        assert peer.level(task) == DiagnosticStatus.OK, peer.message(task)
    assert peer.message("front image") == peer.message("front labels") == "nothing to look at"
    for topic in PICTURES:
        assert peer.values("front frames")[f"listeners {OUT}{topic}"] == "0"
    assert subscribed(peer) == subscribed(peer, "left") == 0
    for camera in ("front", "left"):
        words = f"nobody listens to camera {camera}: /{camera}/image is not subscribed until"
        assert node.text().count(words) == 1


@pytest.mark.parametrize("topic", PICTURES)
def test_each_output_wakes_its_camera_and_lets_it_sleep(node, peer: Peer, topic: str) -> None:
    woken = node.text().count("listening to /front/image")
    asleep = "nobody listens to camera front any more: /front/image is not subscribed until somebod"
    slept = node.text().count(asleep)
    for _ in range(2):
        received = listen(peer, topic)
        camera = peer.camera("/front/image")
        peer.publish_until(camera, image(PIXELS, "rgb8"), lambda received=received: received)
        assert received[0].header == image(PIXELS, "rgb8").header
        assert subscribed(peer, "left") == 0
        leave(peer, topic)
        peer.leave("/front/image")
    assert node.text().count("listening to /front/image") == woken + 2
    peer.until(lambda: node.text().count(asleep) == slept + 2, "the log")
    assert "listening to /left/image" not in node.text()


def test_the_last_one_who_leaves_turns_out_the_light(peer: Peer) -> None:
    for topic in ("label/compressed", "overlay", "label"):
        listen(peer, topic)
    peer.leave(f"{OUT}label", f"{OUT}overlay")

    def only_png() -> bool:
        values = peer.values("front frames")
        counts = {topic: values.get(f"listeners {OUT}{topic}") for topic in PICTURES}
        return counts == dict.fromkeys(PICTURES, "0") | {"label/compressed": "1"}

    peer.until(only_png, "diagnostics to count one listener")
    assert subscribed(peer) == 1
    leave(peer, "label/compressed")


def test_two_listeners_of_one_topic_count_as_two(peer: Peer) -> None:
    listen(peer)
    another = Peer()
    received = another.subscribe(f"{OUT}label")
    count = f"listeners {OUT}label"
    peer.until(lambda: peer.values("front frames").get(count) == "2", "both")
    peer.leave(f"{OUT}label")
    peer.until(lambda: peer.values("front frames").get(count) == "1", "the other one")
    assert subscribed(peer) == 1
    camera = peer.camera("/front/image")
    another.publish_until(camera, image(PIXELS, "rgb8"), lambda: received)
    another.close()
    peer.until(lambda: subscribed(peer) == 0, "the end of the subscription")


def test_descriptions_and_calibration_do_not_count(peer: Peer) -> None:
    kinds = {"model_info": String, "camera_info": CameraInfo}
    for topic, kind in kinds.items():
        received = peer.subscribe(f"{OUT}{topic}", LATCHED if kind is String else RELIABLE, kind)
        if kind is String:
            peer.until(lambda received=received: received, "the description all the same")
    listen(peer, camera="left")  # whoever came before that has been noticed
    assert subscribed(peer) == 0
    assert peer.node.count_subscribers("/front/camera_info") == 0
    peer.until(
        lambda: peer.values("left frames")["listeners /segmentation/left/label"] == "1", "it"
    )
    assert peer.message("front frames").startswith("idle: ")
    assert peer.level("front frames") == DiagnosticStatus.OK
    assert peer.message("left frames").startswith("waiting for the first image on /left/image")


def test_label_info_does_not_count(peer: Peer) -> None:
    messages = pytest.importorskip(
        "vision_msgs.msg", reason="needs vision_msgs: a ROS distribution"
    )
    names = peer.subscribe(f"{OUT}label_info", LATCHED, messages.LabelInfo)
    peer.until(lambda: names, "the names all the same")
    listen(peer, camera="left")
    assert subscribed(peer) == 0


def test_the_calibration_is_heard_while_labels_and_itself_are_wanted(peer: Peer) -> None:
    def heard() -> int:
        return int(peer.node.count_subscribers("/front/camera_info"))

    labels = listen(peer)
    assert heard() == 0
    infos = peer.subscribe(f"{OUT}camera_info", kind=CameraInfo)
    peer.until(lambda: heard() == 1, "the calibration to be listened to")
    # It is never waited for, and its absence is no secret.
    camera = peer.camera("/front/image")
    peer.publish_until(camera, image(PIXELS, "rgb8"), lambda: labels)
    assert infos == []
    words = "no ~/front/camera_info goes out: nothing came on /front/camera_info"
    peer.until(lambda: words in peer.message("front frames"), "diagnostics to tell")
    driver = peer.camera("/front/camera_info", kind=CameraInfo)

    def came() -> bool:
        driver.publish(CameraInfo(width=16, height=12))  # best effort may lose the first
        return bool(infos)

    peer.publish_until(camera, image(PIXELS, "rgb8"), came)
    assert (infos[0].width, infos[0].height) == (16, 12)
    leave(peer)
    peer.until(lambda: heard() == 0, "the end of that, too")


@pytest.mark.parametrize("qos", [qos_profile_sensor_data, QoSProfile(depth=1)])
def test_any_reliability_counts(peer: Peer, qos: QoSProfile) -> None:
    labels = peer.subscribe(f"{OUT}label", qos)
    peer.until(lambda: subscribed(peer) == 1, "a subscription")
    camera = peer.camera("/front/image")
    peer.publish_until(camera, image(PIXELS, "rgb8"), lambda: labels)
    assert (pixels(labels[0]) == 1).all()


def test_who_cannot_get_anything_does_not_count_but_is_named(peer: Peer) -> None:
    latched = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
    peer.subscribe(f"{OUT}overlay", latched)
    words = f"/peer gets nothing: it reads {OUT}overlay as [reliable, transient local]"
    peer.until(lambda: words in peer.message("front frames"), "diagnostics to name it")
    assert peer.level("front frames") == DiagnosticStatus.WARN
    assert subscribed(peer) == 0


def test_books_stay_exact_while_listeners_come_and_go(peer: Peer) -> None:
    camera = None
    before = settled(peer, 0)
    answered = burst = 0
    for number in range(3):
        labels = listen(peer)
        camera = camera or peer.node.create_publisher(Image, "/front/image", RELIABLE)
        peer.until(camera.get_subscription_count, "the match")
        for step in range(3):
            stamp = (number + 1, step)
            camera.publish(image(PIXELS, "rgb8", stamp))
            peer.until(lambda labels=labels, step=step: len(labels) == step + 1, "a label")
            answered += 1
        for step in range(10):  # in the midst of them the listener goes
            camera.publish(image(PIXELS, "rgb8", (number + 1, 100 + step)))
            burst += 1
        leave(peer)
        camera.publish(image(PIXELS, "rgb8", (number + 1, 500)))  # to nobody
    books = settled(peer, before["received"] + answered)
    gain = {fate: books[fate] - before[fate] for fate in books}
    assert answered <= gain["received"] <= answered + burst
    assert gain["published"] >= answered
    assert gain["received"] == gain["published"] + gain["superseded"]
    assert gain["stale"] == gain["failed"] == gain["pending"] == 0
    assert set(peer.books("left frames").values()) == {0}


def test_an_inactive_node_listens_to_nothing(node, peer: Peer) -> None:
    labels = listen(peer)
    slept = node.text().count("nobody listens to camera")
    assert peer.transition("deactivate")
    peer.until(lambda: subscribed(peer) == 0, "the end of the subscription")
    listen_left = peer.subscribe("/segmentation/left/label")
    assert peer.transition("activate")
    peer.until(lambda: subscribed(peer) == subscribed(peer, "left") == 1, "both")
    assert node.text().count("nobody listens to camera") == slept  # somebody does
    peer.publish_until(peer.camera("/front/image"), image(PIXELS, "rgb8"), lambda: labels)
    assert listen_left == []


def test_polled_where_rclpy_does_not_tell(
    channel_model, tmp_path: Path, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import segnet_ros.ros.distribution as d\nd.MATCHED_EVENTS = False\nprint('as Humble')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    arguments = ("-p", f"model:={channel_model}", "-p", "autostart:=true", "-r", "__node:=humble")
    with running_node(tmp_path / "log", *arguments, *reliable("/image")) as process:
        for _ in range(2):
            labels = peer.subscribe("/humble/label/compressed", kind=CompressedImage)
            camera = peer.camera("/image")
            peer.publish_until(camera, image(PIXELS, "rgb8"), lambda labels=labels: labels)
            peer.leave("/humble/label/compressed", "/image")
            peer.until(lambda: peer.node.count_subscribers("/image") == 0, "the end of it")
        assert process.text().startswith("as Humble")
        assert "Traceback" not in process.text()


class Stage:
    """A camera of an active lifecycle node in the peer's executor."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.node = LifecycleNode("staged", context=peer.context)
        peer.executor.add_node(self.node)
        self.arrived: list[Image] = []
        self.given_up = 0
        self.reader = ImageReader(peer.context, lambda error: None)
        settings = NodeParameters(self.node)
        self.camera = Camera(
            self.node, "", settings, self.reader, self.arrived.append, self._give_up
        )
        self.node.trigger_configure()
        self.node.trigger_activate()
        self.camera.open()

    def _give_up(self) -> None:
        self.given_up += 1

    @property
    def topics(self) -> list[str]:
        """Those of images and calibrations that are subscribed."""
        return [s.topic_name for s in self.node.subscriptions if s.msg_type in (Image, CameraInfo)]

    def listeners(self, topic: str) -> int:
        return int(self.camera.outputs.publishers[f"/staged/{topic}"].get_subscription_count())

    def listen(self, topic: str, kind: type = Image) -> None:
        self.peer.subscribe(f"/staged/{topic}", kind=kind)
        self.peer.until(lambda: self.listeners(topic), "the match")

    def leave(self, topic: str) -> None:
        self.peer.leave(f"/staged/{topic}")
        self.peer.until(lambda: not self.listeners(topic), "the end of the match")

    def health(self, last_image: float | None = None):
        return self.camera.health("active", Books(), last_image)

    def close(self) -> None:
        self.camera.close()
        self.reader.close()
        self.camera.withdraw()
        self.peer.executor.remove_node(self.node)
        self.node.destroy_node()


@pytest.fixture
def stage(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Without matched events: nothing happens until the camera is asked."""
    monkeypatch.setattr("segnet_ros.ros.distribution.MATCHED_EVENTS", False)
    stage = Stage(peer)
    yield stage
    stage.close()


@pytest.mark.parametrize("topic", ["label", "confidence", "color", "overlay"])
def test_without_events_it_follows_when_asked(stage: Stage, topic: str) -> None:
    stage.listen(topic)
    assert stage.topics == []
    assert stage.health().idle
    for _ in range(2):
        stage.camera.follow_listeners()
        assert stage.topics == ["/image"]
    assert not stage.health().idle
    assert stage.given_up == 0
    stage.leave(topic)
    assert stage.topics == ["/image"]
    for _ in range(2):
        stage.camera.follow_listeners()
        assert stage.topics == []
    assert stage.given_up == 1  # what waits is not wanted any more
    assert stage.health().idle


def test_images_are_handed_on_while_it_listens(stage: Stage) -> None:
    stage.listen("label")
    stage.camera.follow_listeners()
    camera = stage.peer.camera("/image")
    message = image(PIXELS, "rgb8", (5, 6))
    stage.peer.publish_until(camera, message, lambda: stage.arrived)
    assert stage.arrived[0] == message
    stage.leave("label")
    stage.camera.follow_listeners()
    stage.peer.until(lambda: camera.get_subscription_count() == 0, "the end of it")
    count = len(stage.arrived)
    camera.publish(message)
    stage.listen("label")
    stage.camera.follow_listeners()
    stage.peer.until(camera.get_subscription_count, "the beginning")
    stage.peer.publish_until(
        camera, image(PIXELS, "rgb8", (7, 8)), lambda: len(stage.arrived) > count
    )
    assert stage.arrived[count].header.stamp.sec == 7  # what came meanwhile is not caught up on


def test_a_request_for_a_frame_counts_until_it_is_answered(stage: Stage) -> None:
    future = stage.camera.capture.request()
    stage.camera.follow_listeners()
    assert stage.topics == ["/image"]
    stage.camera.capture.offer(None)
    stage.camera.follow_listeners()
    assert stage.topics == []
    assert future.done()


def test_closed_it_follows_nobody(stage: Stage) -> None:
    stage.listen("label")
    stage.listen("camera_info", CameraInfo)
    stage.camera.follow_listeners()
    assert stage.topics == ["/image", "/camera_info"]
    assert stage.camera.calibration is None
    stage.camera.close()
    assert stage.topics == []
    stage.camera.follow_listeners()
    assert stage.topics == []
    assert not stage.health().idle
    stage.camera.open()
    assert stage.topics == ["/image", "/camera_info"]


def test_silence_counts_from_the_new_subscription(stage: Stage) -> None:
    """However long ago the last image came: nobody wanted one."""
    assert stage.health(last_image=100.0).silence == 0.0
    stage.listen("label")
    stage.camera.follow_listeners()
    assert stage.health(last_image=100.0).silence < 50.0
    assert stage.health(last_image=100.0).hints == ()
    assert stage.health(last_image=0.0).silence == 0.0


def test_what_is_known_of_the_pictures_ends_with_the_subscription(stage: Stage) -> None:
    stage.camera.restart_health(
        Taxonomy("", (SegmentationClass("road", (1, 2, 3)),), np.arange(256, dtype=np.uint8), (), 0)
    )
    stage.listen("label")
    stage.camera.follow_listeners()
    black = np.zeros((48, 64, 3), np.uint8)
    for second in range(10):
        stage.camera.images.look(black, 1000.0 + second)
        stage.camera.labels.look(black[..., 0], black[..., 0], 1000.0 + second)
    assert stage.camera.images.problems
    assert stage.camera.images.values
    stage.leave("label")
    stage.camera.follow_listeners()
    assert not stage.camera.images.problems
    assert not stage.camera.images.values
    assert not stage.camera.labels.values
