# SPDX-License-Identifier: Apache-2.0
"""One camera's publishers: filled for those who listen, under the camera's own header."""

import copy
from collections import Counter
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from peer import LATCHED, RELIABLE, Peer, pixels
from rclpy.lifecycle import LifecycleNode
from rclpy.parameter import Parameter
from rclpy.qos import QoSDurabilityPolicy, QoSReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header, String

from segnet_ros.ros import outputs
from segnet_ros.ros.camera_info import scaled_camera_info
from segnet_ros.ros.label_info import label_info_type
from segnet_ros.ros.outputs import Outputs

PICTURES = ("label", "label/compressed", "confidence", "color", "overlay")
KINDS = dict.fromkeys(PICTURES, Image) | {
    "label/compressed": CompressedImage, "uncertainty": Image, "camera_info": CameraInfo,
    "model_info": String,
}  # fmt: skip


class Shown:
    """Stands in for a `Rendering`: its maps are known, and who asked for them is counted."""

    def __init__(
        self, size: tuple[int, int] = (6, 10), seed: int = 1, bayesian: bool = True
    ) -> None:
        rng = np.random.default_rng(seed)
        self.maps = {
            name: rng.integers(0, 256, size, np.uint8)
            for name in ("labels", "confidence", "uncertainty")
        }
        self.maps |= {
            name: rng.integers(0, 256, (*size, 3), np.uint8) for name in ("color", "overlay")
        }
        if not bayesian:
            self.maps["uncertainty"] = None
        self.asked: Counter = Counter()

    def __getattr__(self, name: str) -> np.ndarray:
        self.asked[name] += 1
        return self.maps[name]


class Stage:
    """An active lifecycle node in the peer's executor, and what it publishes with."""

    def __init__(self, peer: Peer, camera: str = "", **node_options) -> None:
        self.peer = peer
        self.node = LifecycleNode("segmentation", context=peer.context, **node_options)
        peer.executor.add_node(self.node)
        self.changes: list[None] = []
        self.outputs = Outputs(self.node, camera, lambda: self.changes.append(None))
        self.prefix = f"{self.node.get_fully_qualified_name()}/{camera and camera + '/'}"
        self.node.trigger_configure()
        self.node.trigger_activate()

    def listen(self, topic: str) -> list:
        """Until the publisher knows of it."""
        full = f"{self.prefix}{topic}"
        qos = LATCHED if topic.endswith("_info") and topic != "camera_info" else RELIABLE
        received = self.peer.subscribe(full, qos, KINDS[topic])
        self.peer.until(self.outputs.publishers[full].get_subscription_count, "the match")
        return received

    def show(self, shown: Shown, header: Header, calibration: CameraInfo | None = None) -> None:
        self.outputs.publish(shown, header, calibration)

    def close(self) -> None:
        self.peer.executor.remove_node(self.node)
        self.node.destroy_node()


@pytest.fixture
def stage(peer: Peer) -> Iterator[Stage]:
    stage = Stage(peer)
    yield stage
    stage.close()


def header(sec: int = 12, nanosec: int = 34, frame_id: str = "front_camera") -> Header:
    made = Header(frame_id=frame_id)
    made.stamp.sec, made.stamp.nanosec = sec, nanosec
    return made


def calibration() -> CameraInfo:
    k = [20.0, 0.0, 9.5, 0.0, 24.0, 5.5, 0.0, 0.0, 1.0]
    p = [20.0, 0.0, 9.5, -2.0, 0.0, 24.0, 5.5, 0.0, 0.0, 0.0, 1.0, 0.0]
    info = CameraInfo(width=20, height=12, k=k, p=p, distortion_model="plumb_bob")
    info.header = header(sec=1, frame_id="another")
    return info


@pytest.mark.parametrize("camera", ["", "front"])
def test_names_types_and_qos(peer: Peer, camera: str) -> None:
    stage = Stage(peer, camera, namespace="/robot")
    stage.outputs.offer_uncertainty(active=True)
    assert stage.prefix == f"/robot/segmentation/{camera and 'front/'}"
    try:
        for topic, kind in KINDS.items():
            peer.until(
                lambda topic=topic: peer.node.count_publishers(f"{stage.prefix}{topic}"), topic
            )
            (end,) = peer.node.get_publishers_info_by_topic(f"{stage.prefix}{topic}")
            assert end.topic_type == f"sensor_msgs/msg/{kind.__name__}" or kind is String
            assert end.qos_profile.reliability == QoSReliabilityPolicy.RELIABLE
            latched = end.qos_profile.durability == QoSDurabilityPolicy.TRANSIENT_LOCAL
            assert latched == (topic == "model_info")
        assert set(stage.outputs.publishers) - {f"{stage.prefix}label_info"} == {
            f"{stage.prefix}{topic}" for topic in KINDS
        }
    finally:
        stage.close()


ASKED = {
    "label": "labels", "label/compressed": "labels", "confidence": "confidence",
    "uncertainty": "uncertainty", "color": "color", "overlay": "overlay",
}  # fmt: skip


@pytest.mark.parametrize("topic", ASKED)
def test_asks_for_nothing_that_nobody_listens_to(stage: Stage, topic: str) -> None:
    stage.outputs.offer_uncertainty(active=True)
    shown = Shown()
    stage.show(shown, header(), calibration())
    assert not shown.asked
    received = stage.listen(topic)
    stage.show(shown, header(), calibration())
    stage.peer.until(lambda: received, topic)
    assert shown.asked == {ASKED[topic]: 1}


def test_pictures_are_published_as_they_are(stage: Stage) -> None:
    stage.outputs.offer_uncertainty(active=True)
    received = {topic: stage.listen(topic) for topic in (*PICTURES, "uncertainty")}
    shown = Shown()
    stage.show(shown, header())
    stage.peer.until(lambda: all(received.values()), "every picture")
    png = received.pop("label/compressed")[0]
    for topic, (message,) in received.items():
        expected = shown.maps[ASKED[topic]]
        np.testing.assert_array_equal(pixels(message), expected)
        assert message.encoding == ("mono8" if expected.ndim == 2 else "rgb8")
        assert message.step == message.width * (1 if expected.ndim == 2 else 3)
        assert message.is_bigendian == 0
        assert message.header == header()
    decoded = cv2.imdecode(np.frombuffer(png.data, np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(decoded, shown.maps["labels"])
    assert bytes(png.data).startswith(b"\x89PNG")
    assert png.format == "mono8; png compressed "
    assert png.header == header()


@pytest.mark.parametrize(
    "given",
    [
        header(0, 0, ""),
        header(1_700_000_000, 999_999_999, ""),
        header(-1, 0, "/left/camera_optical"),
        header(2**31 - 1, 1, "Straße"),
    ],
)
def test_the_header_is_the_cameras(stage: Stage, given: Header) -> None:
    received = {topic: stage.listen(topic) for topic in (*PICTURES, "camera_info")}
    before = copy.deepcopy(given)
    stage.show(Shown(), given, calibration())
    stage.peer.until(lambda: all(received.values()), "all")
    assert all(message.header == before for (message,) in received.values())
    assert given == before


def test_the_size_changes_from_frame_to_frame(stage: Stage) -> None:
    received = {topic: stage.listen(topic) for topic in PICTURES}
    frames = [
        Shown(size, seed) for seed, size in enumerate([(6, 10), (3, 5), (10, 6), (1, 1), (40, 30)])
    ]
    for number, shown in enumerate(frames):
        stage.show(shown, header(sec=number))
    stage.peer.until(lambda: all(len(r) == len(frames) for r in received.values()), "every frame")
    for number, shown in enumerate(frames):
        for topic, messages in received.items():
            message, expected = messages[number], shown.maps[ASKED[topic]]
            assert message.header.stamp.sec == number
            if topic == "label/compressed":
                decoded = cv2.imdecode(np.frombuffer(message.data, np.uint8), -1)
                np.testing.assert_array_equal(decoded, expected)
            else:
                np.testing.assert_array_equal(pixels(message), expected)


def test_the_calibration_follows_the_labels_size(stage: Stage) -> None:
    received = stage.listen("camera_info")
    given = calibration()
    assert stage.outputs.wants_camera_info
    stage.show(Shown((6, 10)), header(), None)  # none has come yet
    stage.show(Shown((6, 10)), header(sec=2), given)
    stage.show(Shown((12, 20)), header(sec=3), given)
    stage.peer.until(lambda: len(received) == 2, "both")
    half, same = received
    assert (half.width, half.height) == (10, 6)
    # The picture's edges stay: cx' = (cx + 0.5) / 2 - 0.5.
    np.testing.assert_allclose(half.k, [10, 0, 4.5, 0, 12, 2.5, 0, 0, 1])
    np.testing.assert_allclose(half.p, [10, 0, 4.5, -1, 0, 12, 2.5, 0, 0, 0, 1, 0])
    assert half == _under(header(sec=2), scaled_camera_info(given, (10, 6)))
    assert same == _under(header(sec=3), given)
    assert given == calibration()


def _under(given: Header, info: CameraInfo) -> CameraInfo:
    changed = copy.copy(info)
    changed.header = given
    return changed


def test_without_listeners_no_calibration(stage: Stage) -> None:
    labels = stage.listen("label")
    assert not stage.outputs.wants_camera_info
    shown = Shown()
    stage.show(shown, header(), calibration())
    stage.peer.until(lambda: labels, "a label")
    assert shown.asked == {"labels": 1}


def test_who_counts_as_a_listener(stage: Stage) -> None:
    stage.outputs.offer_uncertainty(active=True)
    nobody = {f"/segmentation/{topic}": 0 for topic in (*PICTURES, "uncertainty")}
    for topic in ("camera_info", "model_info"):
        stage.listen(topic)
    assert not stage.outputs.is_wanted
    assert stage.outputs.listeners == nobody
    for topic in (*PICTURES, "uncertainty"):
        before = len(stage.changes)
        received = stage.listen(topic)
        stage.peer.until(lambda before=before: len(stage.changes) > before, "word of it")
        assert stage.outputs.is_wanted
        assert stage.outputs.listeners == nobody | {f"/segmentation/{topic}": 1}
        before = len(stage.changes)
        _leave(stage, topic)
        stage.peer.until(lambda before=before: len(stage.changes) > before, "word of its end")
        assert not stage.outputs.is_wanted
        assert received == []


def _leave(stage: Stage, topic: str) -> None:
    node = stage.peer.node
    (subscription,) = [s for s in node.subscriptions if s.topic_name == f"/segmentation/{topic}"]
    node.destroy_subscription(subscription)
    publisher = stage.outputs.publishers[f"/segmentation/{topic}"]
    stage.peer.until(lambda: publisher.get_subscription_count() == 0, f"the end of {topic}")


def test_uncertainty_exists_only_once_offered(peer: Peer, stage: Stage) -> None:
    peer.until(lambda: peer.node.count_publishers("/segmentation/overlay"), "the others")
    assert peer.node.count_publishers("/segmentation/uncertainty") == 0
    assert "/segmentation/uncertainty" not in stage.outputs.listeners
    for _ in range(2):
        stage.outputs.offer_uncertainty(active=True)
    received = stage.listen("uncertainty")
    assert peer.node.count_publishers("/segmentation/uncertainty") == 1
    stage.show(Shown(bayesian=False), header(sec=1))  # another model is in use
    shown = Shown()
    stage.show(shown, header(sec=2))
    peer.until(lambda: received, "an uncertainty")
    assert [message.header.stamp.sec for message in received] == [2]
    np.testing.assert_array_equal(pixels(received[0]), shown.maps["uncertainty"])


def test_uncertainty_offered_before_activation_follows_it(peer: Peer) -> None:
    node = LifecycleNode("segmentation", context=peer.context)
    peer.executor.add_node(node)
    made = Outputs(node, "", lambda: None)
    made.offer_uncertainty(active=False)
    received = peer.subscribe("/segmentation/uncertainty")
    publisher = made.publishers["/segmentation/uncertainty"]
    peer.until(publisher.get_subscription_count, "the match")
    assert not publisher.is_activated
    node.trigger_configure()
    node.trigger_activate()
    shown = Shown()
    made.publish(shown, header(), None)
    peer.until(lambda: received, "an uncertainty")
    np.testing.assert_array_equal(pixels(received[0]), shown.maps["uncertainty"])
    node.trigger_deactivate()
    assert not publisher.is_activated
    peer.executor.remove_node(node)
    node.destroy_node()


def test_who_comes_late_hears_the_newest_announcement(stage: Stage) -> None:
    kind = label_info_type()
    names = kind() if kind else None
    stage.outputs.announce('{"version": 1}', names)
    stage.outputs.announce('{"version": 2}', names)
    assert stage.outputs.listeners["/segmentation/label"] == 0
    received = stage.listen("model_info")
    stage.peer.until(lambda: received, "the facts")
    stage.outputs.announce('{"version": 3}', names)
    stage.peer.until(lambda: len(received) == 2, "the change")
    assert [message.data for message in received] == ['{"version": 2}', '{"version": 3}']


def test_label_info_where_vision_msgs_is(peer: Peer, stage: Stage) -> None:
    messages = pytest.importorskip(
        "vision_msgs.msg", reason="needs vision_msgs: a ROS distribution"
    )
    classes = [messages.VisionClass(class_id=0, class_name="road")]
    for threshold in (0.25, 0.5):
        stage.outputs.announce(
            "", messages.LabelInfo(header=header(), class_map=classes, threshold=threshold)
        )
    received = peer.subscribe("/segmentation/label_info", LATCHED, messages.LabelInfo)
    peer.until(lambda: received, "the names")
    assert received == [messages.LabelInfo(header=header(), class_map=classes, threshold=0.5)]
    assert not stage.outputs.is_wanted


def test_label_info_comes_and_goes_as_the_other_topics(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "label_info_type", lambda: String)  # stands in for LabelInfo
    stage = Stage(peer)
    for names in ("road", "road, car"):
        stage.outputs.announce("{}", String(data=names))
    received = peer.subscribe("/segmentation/label_info", LATCHED, String)
    peer.until(lambda: received, "the names")
    assert [message.data for message in received] == ["road, car"]
    assert not stage.outputs.is_wanted
    stage.outputs.close()
    peer.until(lambda: not peer.node.count_publishers("/segmentation/label_info"), "withdrawal")
    stage.close()


def test_no_label_info_without_vision_msgs(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "label_info_type", lambda: None)
    stage = Stage(peer)
    stage.outputs.announce("{}", None)
    received = stage.listen("model_info")
    peer.until(lambda: received, "the facts")
    assert "/segmentation/label_info" not in stage.outputs.publishers
    assert peer.node.count_publishers("/segmentation/label_info") == 0
    stage.outputs.close()
    stage.close()


def test_close_withdraws_everything_and_allows_a_new_beginning(peer: Peer, stage: Stage) -> None:
    stage.outputs.offer_uncertainty(active=True)
    topics = tuple(stage.outputs.publishers)
    peer.until(lambda: all(map(peer.node.count_publishers, topics)), "all")
    stage.outputs.close()
    peer.until(lambda: not any(map(peer.node.count_publishers, topics)), "none")
    stage.outputs = Outputs(stage.node, "", lambda: None)
    peer.until(lambda: peer.node.count_publishers("/segmentation/label"), "a new one")
    stage.outputs.close()
    peer.until(lambda: not peer.node.count_publishers("/segmentation/label"), "its end")


def test_reliability_can_be_overridden(peer: Peer) -> None:
    override = Parameter(
        "qos_overrides./segmentation/label.publisher.reliability", value="best_effort"
    )
    stage = Stage(peer, parameter_overrides=[override])
    publishers = stage.outputs.publishers
    best_effort = {
        name
        for name, publisher in publishers.items()
        if publisher.qos_profile.reliability == QoSReliabilityPolicy.BEST_EFFORT
    }
    assert best_effort == {"/segmentation/label"}
    stage.close()


def test_without_matched_events_nobody_tells(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segnet_ros.ros.distribution.MATCHED_EVENTS", False)
    stage = Stage(peer)
    received = stage.listen("label")
    assert stage.outputs.is_wanted
    stage.show(Shown(), header())
    peer.until(lambda: received, "a label all the same")
    assert stage.changes == []
    stage.close()
