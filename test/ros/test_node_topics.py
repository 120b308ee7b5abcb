# SPDX-License-Identifier: Apache-2.0
"""Every topic of the running node, at every size, with everything in the messages.

The pictures are networks' pictures enlarged by whole numbers, so that every answer is known without
computing it the node's way: see `channel_model`.
"""

import json
from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import pytest
from peer import LATCHED, RELIABLE, NodeProcess, Peer, image, pixels, reliable, running_node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String

from segnet_ros.inference.model import load_model
from segnet_ros.inference.segmenter import Segmenter
from segnet_ros.inference.visualization import Legend

MONO, RGB = ("label", "confidence"), ("color", "overlay")
KINDS = dict.fromkeys((*MONO, *RGB, "uncertainty"), Image) | {
    "label/compressed": CompressedImage,
    "camera_info": CameraInfo,
}
PICTURES = (*MONO, *RGB, "label/compressed")
COLORS = np.array([(200, 10, 20), (30, 210, 40), (50, 60, 220)], np.uint8)
_STAMPS = count(1)

# Published: green as 0, red as 1; blue as nothing, and so what is less certain than 128 of 255.
TAXONOMY = """
name: robot
confidence_threshold: 0.5
classes:
  - {name: drivable, color: [0, 170, 80], cost: 0, from: [green]}
  - {name: Straße, color: [230, 40, 90], cost: 254, from: [red]}
unlabelled: [blue]
"""


@pytest.fixture(scope="module")
def lasting_peer(own_domain) -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.close()


@pytest.fixture
def peer(lasting_peer: Peer) -> Iterator[Peer]:
    """The same for every test: it finds the nodes once."""
    yield lasting_peer
    lasting_peer.leave()


@pytest.fixture(scope="module")
def seen() -> np.ndarray:
    """The picture as the network sees it, uint8 [12, 16, 3]: every class, every certainty."""
    return np.random.default_rng(11).integers(0, 256, (12, 16, 3), np.uint8)


@pytest.fixture(scope="module")
def taxonomy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("taxonomy") / "robot.yaml"
    path.write_text(TAXONOMY)
    return path


@contextmanager
def running(
    tmp_path_factory: pytest.TempPathFactory, model: Path, *arguments: str
) -> Iterator[NodeProcess]:
    log = tmp_path_factory.mktemp("node") / "log"
    started = ("-p", f"model:={model}", "-p", "autostart:=true", *arguments)
    with running_node(log, *started) as process:
        yield process
    assert "Traceback" not in process.text()


@pytest.fixture(scope="module")
def node(own_domain, channel_model, tmp_path_factory) -> Iterator[NodeProcess]:
    """One camera, maps at its size."""
    with running(tmp_path_factory, channel_model, *reliable("/image")) as process:
        yield process


@pytest.fixture(scope="module")
def small_node(own_domain, bayesian_channel_model, tmp_path_factory) -> Iterator[NodeProcess]:
    """One camera, maps at the network's size, a Bayesian model, another name."""
    renamed = ("-r", "__node:=small", "-p", "label_size:=network")
    with running(
        tmp_path_factory, bayesian_channel_model, *renamed, *reliable("/image")
    ) as process:
        yield process


@pytest.fixture(scope="module")
def two_cameras(own_domain, bayesian_channel_model, taxonomy, tmp_path_factory) -> Iterator[None]:
    """In a namespace, at network size, with a taxonomy from the start."""
    settings = ("cameras:=[front,left]", f"taxonomy:={taxonomy}", "label_size:=network")
    arguments = ("-r", "__ns:=/robot", *(word for each in settings for word in ("-p", each)))
    override = (*reliable("/robot/front/image"), *reliable("/robot/left/image"))
    with running(tmp_path_factory, bayesian_channel_model, *arguments, *override):
        yield


def enlarged(picture: np.ndarray, factor: int = 4) -> np.ndarray:
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)


def in_robots_words(labels: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """What TAXONOMY makes of the model's ids."""
    return np.where(confidence < 128, 255, np.array([1, 0, 255], np.uint8)[labels])


def png_pixels(message: CompressedImage) -> np.ndarray:
    assert bytes(message.data[:8]) == b"\x89PNG\r\n\x1a\n"
    return cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_UNCHANGED)


def stamp_of(message) -> tuple[int, int]:
    return message.header.stamp.sec, message.header.stamp.nanosec


def fresh(picture: np.ndarray) -> Image:
    """A message with a stamp that no other has."""
    return image(picture, "rgb8", stamp=(1_700_000_000 + next(_STAMPS), 123_456_789))


def answered(lists: Iterable[list], message: Image | CompressedImage) -> bool:
    """Whether the newest of each list is the answer to this message."""
    return all(m and stamp_of(m[-1]) == stamp_of(message) for m in lists)


def calibration(width: int, height: int) -> CameraInfo:
    k = [50.0, 0.0, 31.5, 0.0, 60.0, 23.5, 0.0, 0.0, 1.0]
    p = [50.0, 0.0, 31.5, -4.0, 0.0, 60.0, 23.5, 0.0, 0.0, 0.0, 1.0, 0.0]
    info = CameraInfo(width=width, height=height, distortion_model="plumb_bob", k=k, p=p)
    info.d = [0.1, -0.2, 0.0, 0.0, 0.0]
    info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    info.header.frame_id = "of the calibration"
    return info


def everything(
    peer: Peer, prefix: str, topics: tuple[str, ...], message: Image, camera: str = ""
) -> Mapping[str, list]:
    """What comes on each topic for one picture, sent with its calibration until all came."""
    received = {topic: peer.subscribe(f"{prefix}{topic}", kind=KINDS[topic]) for topic in topics}
    publisher = peer.camera(f"{camera}/image")
    info = peer.node.create_publisher(CameraInfo, f"{camera}/camera_info", RELIABLE)

    def came() -> bool:
        info.publish(calibration(message.width, message.height))
        return answered(received.values(), message)

    peer.publish_until(publisher, message, came)
    return {topic: messages[-1] for topic, messages in received.items()}


def test_every_topic_at_camera_size(node, peer: Peer, seen: np.ndarray) -> None:
    topics = (*PICTURES, "camera_info")
    picture = enlarged(seen)
    sent = fresh(picture)
    came = everything(peer, "/segmentation/", topics, sent)
    labels, color = enlarged(seen.argmax(2)), COLORS[enlarged(seen.argmax(2))]
    np.testing.assert_array_equal(pixels(came["label"]), labels)
    np.testing.assert_array_equal(png_pixels(came["label/compressed"]), labels)
    np.testing.assert_array_equal(pixels(came["confidence"]), enlarged(seen.max(2)))
    np.testing.assert_array_equal(pixels(came["color"]), color)
    assert np.abs(pixels(came["overlay"]) - (0.5 * picture + 0.5 * color)).max() <= 0.5
    assert came["label/compressed"].format == "mono8; png compressed "
    for topic, message in came.items():
        assert message.header == sent.header
        if topic in (*MONO, *RGB):
            assert (message.height, message.width, message.is_bigendian) == (48, 64, 0)
            assert message.encoding == ("mono8" if topic in MONO else "rgb8")
            assert message.step == 64 * (1 if topic in MONO else 3)
            assert len(message.data) == 48 * message.step
    expected = calibration(64, 48)
    expected.header = came["label"].header
    assert came["camera_info"] == expected


def test_every_topic_at_network_size(small_node, peer: Peer, seen: np.ndarray) -> None:
    topics = (*PICTURES, "camera_info", "uncertainty")
    picture = enlarged(seen)
    sent = fresh(picture)
    came = everything(peer, "/small/", topics, sent)
    labels = seen.argmax(2)
    np.testing.assert_array_equal(pixels(came["label"]), labels)
    np.testing.assert_array_equal(png_pixels(came["label/compressed"]), labels)
    np.testing.assert_array_equal(pixels(came["confidence"]), seen.max(2))
    np.testing.assert_array_equal(pixels(came["uncertainty"]), seen.min(2))
    np.testing.assert_array_equal(pixels(came["color"]), COLORS[labels])
    # For people: at the camera's size all the same.
    mixed = 0.5 * picture + 0.5 * COLORS[enlarged(labels)]
    assert np.abs(pixels(came["overlay"]) - mixed).max() <= 0.5
    assert all(message.header == sent.header for message in came.values())
    info = came["camera_info"]
    assert (info.width, info.height) == (16, 12)
    # cx' = (cx + 0.5) / 4 - 0.5: the picture's edges stay where they are.
    np.testing.assert_allclose(info.k, [12.5, 0, 7.5, 0, 15, 5.5, 0, 0, 1])
    np.testing.assert_allclose(info.p, [12.5, 0, 7.5, -1, 0, 15, 5.5, 0, 0, 0, 1, 0])
    np.testing.assert_array_equal(info.d, calibration(64, 48).d)


@pytest.mark.parametrize(
    ("stamp", "frame_id"),
    [((0, 0), ""), ((1, 999_999_999), ""), ((-1, 5), "/Straße/optical"), ((2**31 - 1, 0), "x y")],
)
def test_stamp_and_frame_are_the_cameras(
    node, peer: Peer, seen: np.ndarray, stamp: tuple[int, int], frame_id: str
) -> None:
    message = image(enlarged(seen), "rgb8", stamp)
    message.header.frame_id = frame_id
    came = everything(peer, "/segmentation/", (*PICTURES, "camera_info"), message)
    assert {stamp_of(message) for message in came.values()} == {stamp}
    assert {message.header.frame_id for message in came.values()} == {frame_id}


def test_only_bayesian_models_have_uncertainty(
    node, peer: Peer, bayesian_channel_model, seen
) -> None:
    peer.until(lambda: peer.node.count_publishers("/segmentation/overlay"), "the topics")
    assert peer.node.count_publishers("/segmentation/uncertainty") == 0
    before = peer.parameter("model")
    assert peer.set_parameter("model", str(bayesian_channel_model)).successful
    message = fresh(enlarged(seen))
    came = everything(peer, "/segmentation/", ("uncertainty", "label"), message)
    np.testing.assert_array_equal(pixels(came["uncertainty"]), enlarged(seen.min(2)))
    assert came["uncertainty"].encoding == "mono8"
    assert came["uncertainty"].header == message.header
    # With the other model again the topic is silent.
    facts = peer.subscribe("/segmentation/model_info", LATCHED, String)
    assert peer.set_parameter("model", before).successful
    peer.until(lambda: facts and json.loads(facts[-1].data)["model"] == "channel", "the swap")
    labels = peer.subscribe("/segmentation/label")
    silent = peer.subscribe("/segmentation/uncertainty")
    later = fresh(enlarged(seen))
    peer.publish_until(peer.camera("/image"), later, lambda: answered([labels], later))
    assert not answered([silent], later)


def test_the_legend_is_drawn_on_demand(node, peer: Peer, channel_model, seen: np.ndarray) -> None:
    large = enlarged(seen, 20)
    plain = pixels(everything(peer, "/segmentation/", ("overlay",), fresh(large))["overlay"])
    assert peer.set_parameter("overlay_legend", True).successful
    try:
        came = everything(peer, "/segmentation/", ("overlay", "color"), fresh(large))
    finally:
        assert peer.set_parameter("overlay_legend", False).successful
    expected = plain.copy()
    Legend(load_model(channel_model).classes).draw(expected, seen.argmax(2).astype(np.uint8))
    assert (expected != plain).any()
    np.testing.assert_array_equal(pixels(came["overlay"]), expected)
    np.testing.assert_array_equal(pixels(came["color"]), COLORS[enlarged(seen.argmax(2), 20)])


@pytest.mark.parametrize(("name", "at_network_size"), [("segmentation", False), ("small", True)])
def test_the_resolution_changes_from_frame_to_frame(
    node, small_node, peer: Peer, seen: np.ndarray, name: str, at_network_size: bool
) -> None:
    received = {
        topic: peer.subscribe(f"/{name}/{topic}", kind=KINDS[topic])
        for topic in ("label", "label/compressed", "confidence", "overlay")
    }
    camera = peer.camera("/image")
    for factor in (4, 1, 9, 2, 4):
        message = fresh(enlarged(seen, factor))
        peer.publish_until(
            camera, message, lambda message=message: answered(received.values(), message)
        )
        shown = 1 if at_network_size else factor
        labels = enlarged(seen.argmax(2), shown)
        np.testing.assert_array_equal(pixels(received["label"][-1]), labels)
        np.testing.assert_array_equal(png_pixels(received["label/compressed"][-1]), labels)
        confidence = enlarged(seen.max(2), shown)
        np.testing.assert_array_equal(pixels(received["confidence"][-1]), confidence)
        mixed = 0.5 * enlarged(seen, factor) + 0.5 * COLORS[enlarged(seen.argmax(2), factor)]
        assert np.abs(pixels(received["overlay"][-1]) - mixed).max() <= 0.5


def test_odd_resolutions(node, peer: Peer, channel_model) -> None:
    labels = peer.subscribe("/segmentation/label")
    camera = peer.camera("/image")
    rng = np.random.default_rng(2)
    with Segmenter(channel_model) as segmenter:
        for size in [(1, 1), (1, 200), (37, 41), (121, 3)]:
            picture = rng.integers(0, 256, (*size, 3), np.uint8)
            message = fresh(picture)
            peer.publish_until(camera, message, lambda message=message: answered([labels], message))
            expected = segmenter.segment(picture).labels
            assert expected.shape == size
            np.testing.assert_array_equal(pixels(labels[-1]), expected)


def test_model_info_for_those_who_come_late(node, peer: Peer, channel_model) -> None:
    (message,) = _latched(peer, "/segmentation/model_info", String)
    facts = json.loads(message.data)
    assert facts.pop("runtime").startswith("OpenVINO ")
    assert facts.pop("version") >= 1
    assert facts == {
        "model": "channel",
        "architecture": "brightest_channel",
        "sha256": load_model(channel_model).sha256,
        "taxonomy": "",
        "confidence_threshold": 0.0,
        "unlabelled": 255,
        "size": [16, 12],
        "classes": [
            {"id": 0, "name": "red", "color": [200, 10, 20]},
            {"id": 1, "name": "green", "color": [30, 210, 40]},
            {"id": 2, "name": "blue", "color": [50, 60, 220]},
        ],
    }


def _latched(peer: Peer, topic: str, kind: type) -> list:
    received = peer.subscribe(topic, LATCHED, kind)
    peer.until(lambda: received, f"what is latched on {topic}")
    return received


def test_what_is_missing_is_said_once(node, peer: Peer) -> None:
    peer.until(lambda: peer.values().get("state") == "active", "the node to be active")
    words = "vision_msgs is not installed: no ~/label_info; the same facts are in ~/model_info"
    missing = not any(
        name == "/segmentation/label_info" for name, _ in peer.node.get_topic_names_and_types()
    )
    assert node.text().count(words) == int(missing)
    assert (words in peer.values()["missing packages"]) == missing


def assert_layer_can_read(label: Image, confidence: Image) -> None:
    """What Nav2's semantic segmentation layer takes for granted."""
    for message in (label, confidence):
        assert message.encoding == "mono8"
        assert message.step == message.width
        assert len(message.data) == message.height * message.step
        assert message.is_bigendian == 0
    assert (label.height, label.width) == (confidence.height, confidence.width)
    assert label.header == confidence.header


def test_nav2_contract_of_every_frame(node, peer: Peer, seen: np.ndarray) -> None:
    labels, confidences = (peer.subscribe(f"/segmentation/{topic}") for topic in MONO)
    camera = peer.camera("/image")
    first = fresh(enlarged(seen))
    peer.publish_until(camera, first, lambda: answered([labels, confidences], first))
    sent = [fresh(enlarged(seen, factor)) for factor in (1, 3, 2, 5, 5, 1)]
    for message in sent:
        camera.publish(message)
        peer.until(
            lambda message=message: answered([labels, confidences], message), "label and confidence"
        )
    # None comes without the other.
    stamps = [stamp_of(message) for message in sent]
    assert [stamp_of(message) for message in labels[-6:]] == stamps
    assert [stamp_of(message) for message in confidences[-6:]] == stamps
    for label, confidence in zip(labels[-6:], confidences[-6:], strict=True):
        assert_layer_can_read(label, confidence)
    assert [label.width for label in labels[-6:]] == [16, 48, 32, 80, 80, 16]


@pytest.mark.parametrize("threshold", [0.25, 1.0])
def test_unlabelled_by_threshold(node, peer: Peer, seen: np.ndarray, threshold: float) -> None:
    assert peer.set_parameter("confidence_threshold", threshold).successful
    try:
        came = everything(peer, "/segmentation/", PICTURES, fresh(enlarged(seen)))
        facts = json.loads(_latched(peer, "/segmentation/model_info", String)[-1].data)
    finally:
        assert peer.set_parameter("confidence_threshold", -1.0).successful
    uncertain = enlarged(seen.max(2)) < threshold * 255
    assert 0 < uncertain.sum() < uncertain.size
    expected = np.where(uncertain, 255, enlarged(seen.argmax(2)))
    np.testing.assert_array_equal(pixels(came["label"]), expected)
    np.testing.assert_array_equal(png_pixels(came["label/compressed"]), expected)
    # The confidence stays as it is: the layer has a threshold of its own.
    np.testing.assert_array_equal(pixels(came["confidence"]), enlarged(seen.max(2)))
    colors = np.where(uncertain[..., None], 0, COLORS[enlarged(seen.argmax(2))])
    np.testing.assert_array_equal(pixels(came["color"]), colors)
    assert_layer_can_read(came["label"], came["confidence"])
    assert facts["confidence_threshold"] == threshold


def test_unlabelled_by_taxonomy_set_live(
    node, peer: Peer, taxonomy: Path, seen: np.ndarray
) -> None:
    assert peer.set_parameter("taxonomy", str(taxonomy)).successful
    try:
        came = everything(peer, "/segmentation/", PICTURES, fresh(enlarged(seen)))
        facts = json.loads(_latched(peer, "/segmentation/model_info", String)[-1].data)
    finally:
        assert peer.set_parameter("taxonomy", "").successful
    expected = in_robots_words(enlarged(seen.argmax(2)), enlarged(seen.max(2)))
    assert set(np.unique(expected)) == {0, 1, 255}
    np.testing.assert_array_equal(pixels(came["label"]), expected)
    np.testing.assert_array_equal(png_pixels(came["label/compressed"]), expected)
    table = np.zeros((256, 3), np.uint8)
    table[0], table[1] = (0, 170, 80), (230, 40, 90)
    np.testing.assert_array_equal(pixels(came["color"]), table[expected])
    assert_layer_can_read(came["label"], came["confidence"])
    assert facts["taxonomy"] == "robot"
    assert facts["confidence_threshold"] == 0.5
    assert facts["classes"] == [
        {"id": 0, "name": "drivable", "color": [0, 170, 80], "cost": 0},
        {"id": 1, "name": "Straße", "color": [230, 40, 90], "cost": 254},
    ]


def test_label_info_follows_threshold_and_taxonomy(node, peer: Peer, taxonomy: Path) -> None:
    messages = pytest.importorskip(
        "vision_msgs.msg", reason="needs vision_msgs: a ROS distribution"
    )
    topic = "/segmentation/label_info"

    def named(message) -> list[tuple[int, str]]:
        return [(item.class_id, item.class_name) for item in message.class_map]

    own = [(0, "red"), (1, "green"), (2, "blue")]
    received = _latched(peer, topic, messages.LabelInfo)
    assert named(received[-1]) == own
    assert received[-1].threshold == 0.0
    assert peer.set_parameter("taxonomy", str(taxonomy)).successful
    peer.until(lambda: named(received[-1]) == [(0, "drivable"), (1, "Straße")], "other names")
    assert received[-1].threshold == 0.5
    assert peer.set_parameter("confidence_threshold", 0.25).successful
    peer.until(lambda: received[-1].threshold == 0.25, "the threshold")
    (late,) = _latched(peer, topic, messages.LabelInfo)
    assert late == received[-1]
    assert stamp_of(late) > (0, 0)
    assert peer.set_parameter("taxonomy", "").successful
    assert peer.set_parameter("confidence_threshold", -1.0).successful
    peer.until(lambda: named(received[-1]) == own and received[-1].threshold == 0, "its own names")


def test_nav2_contract_with_several_cameras_in_a_namespace(two_cameras, peer: Peer, seen) -> None:
    pictures = {"front": seen, "left": 255 - seen}
    for camera, picture in pictures.items():
        level = f"/robot/segmentation/{camera}/"
        message = fresh(enlarged(picture, 3 if camera == "front" else 5))
        message.header.frame_id = f"{camera}_optical"
        topics = (*PICTURES, "uncertainty", "camera_info")
        came = everything(peer, level, topics, message, f"/robot/{camera}")
        expected = in_robots_words(picture.argmax(2), picture.max(2))
        np.testing.assert_array_equal(pixels(came["label"]), expected)
        np.testing.assert_array_equal(png_pixels(came["label/compressed"]), expected)
        np.testing.assert_array_equal(pixels(came["confidence"]), picture.max(2))
        np.testing.assert_array_equal(pixels(came["uncertainty"]), picture.min(2))
        assert_layer_can_read(came["label"], came["confidence"])
        assert all(came_message.header == message.header for came_message in came.values())
        assert came["overlay"].width == message.width
        assert (came["camera_info"].width, came["camera_info"].height) == (16, 12)
        (facts,) = _latched(peer, f"{level}model_info", String)
        classes = json.loads(facts.data)["classes"]
        assert [(c["id"], c["name"]) for c in classes] == [(0, "drivable"), (1, "Straße")]
        names = dict(peer.node.get_topic_names_and_types())
        assert names.get(f"{level}label_info", ["vision_msgs/msg/LabelInfo"]) == [
            "vision_msgs/msg/LabelInfo"
        ]
    assert "/robot/segmentation/label" not in names  # each camera's has its name


def test_label_info_of_several_cameras(two_cameras, peer: Peer) -> None:
    messages = pytest.importorskip(
        "vision_msgs.msg", reason="needs vision_msgs: a ROS distribution"
    )
    for camera in ("front", "left"):
        topic = f"/robot/segmentation/{camera}/label_info"
        (message,) = _latched(peer, topic, messages.LabelInfo)
        names = [(item.class_id, item.class_name) for item in message.class_map]
        assert names == [(0, "drivable"), (1, "Straße")]
        assert message.threshold == 0.5


@pytest.mark.parametrize("codec", [".jpg", ".png"])
def test_compressed_images_follow_a_remapped_image(
    compressed_node, peer: Peer, channel_model, seen, codec: str
) -> None:
    bgr = np.ascontiguousarray(enlarged(seen, 16)[..., ::-1])
    _, content = cv2.imencode(codec, bgr)
    message = CompressedImage(format="whatever", data=array("B", content.tobytes()))
    message.header = fresh(bgr).header
    labels, infos = (
        peer.subscribe(f"/unpacking/{topic}", kind=KINDS[topic])
        for topic in ("label", "camera_info")
    )
    camera = peer.camera("/cam/image_raw/compressed", kind=CompressedImage)
    calibrations = peer.camera("/cam/camera_info", kind=CameraInfo)

    def came() -> bool:
        calibrations.publish(calibration(256, 192))
        return answered([labels, infos], message)

    peer.publish_until(camera, message, came)
    assert peer.node.count_subscribers("/cam/image_raw") == 0
    assert peer.node.count_subscribers("/image/compressed") == 0
    decoded = np.ascontiguousarray(cv2.imdecode(content, cv2.IMREAD_COLOR)[..., ::-1])
    with Segmenter(channel_model) as segmenter:
        np.testing.assert_array_equal(pixels(labels[-1]), segmenter.segment(decoded).labels)
    if codec == ".png":
        np.testing.assert_array_equal(pixels(labels[-1]), enlarged(seen.argmax(2), 16))
    assert labels[-1].header == infos[-1].header == message.header
    assert (labels[-1].width, labels[-1].height) == (256, 192)
    assert (infos[-1].width, infos[-1].height) == (256, 192)


@pytest.fixture(scope="module")
def compressed_node(own_domain, channel_model, tmp_path_factory) -> Iterator[NodeProcess]:
    arguments = ("-p", "image_transport:=compressed", "-r", "image:=/cam/image_raw")
    override = reliable("/cam/image_raw/compressed")
    renamed = ("-r", "__node:=unpacking")
    with running(tmp_path_factory, channel_model, *renamed, *arguments, *override) as process:
        yield process


def test_cameras_exchanged_by_remapping(
    own_domain, channel_model, tmp_path_factory, peer, seen
) -> None:
    rules = ("front/image:=/left/image", "left/image:=/front/image", "__node:=exchanged")
    arguments = ("-p", "cameras:=[front,left]", *(w for rule in rules for w in ("-r", rule)))
    override = (*reliable("/front/image"), *reliable("/left/image"))
    with running(tmp_path_factory, channel_model, *arguments, *override):
        for camera, other, factor in (("front", "left", 2), ("left", "front", 3)):
            message = fresh(enlarged(seen, factor))
            level = f"/exchanged/{camera}/"
            came = everything(peer, level, ("label", "camera_info"), message, f"/{other}")
            np.testing.assert_array_equal(pixels(came["label"]), enlarged(seen.argmax(2), factor))
            assert came["camera_info"].width == 16 * factor
        for camera, topic in (("front", "/left/image"), ("left", "/front/image")):
            peer.until(
                lambda camera=camera, topic=topic: (
                    peer.values(f"{camera} frames").get("image topic") == topic
                ),
                "diagnostics",
            )
