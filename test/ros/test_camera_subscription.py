# SPDX-License-Identifier: Apache-2.0
"""Which topics are listened to, after which remapping, and what comes of their messages."""

from array import array
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import pytest
import rclpy
from peer import RELIABLE, Peer, image
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from segnet_ros.messages.image_conversion import ImageConversionError
from segnet_ros.ros.camera_subscription import (
    MESSAGE_TYPES,
    CalibrationSubscription,
    CameraSubscription,
    decode,
    image_name,
)
from segnet_ros.ros.image_reader import ImageReader


@contextmanager
def remapped(peer: Peer, *rules: str, **options) -> Iterator[Node]:
    """`/robot/segmentation` in the peer's executor, under `-r` rules."""
    words = [word for rule in rules for word in ("-r", rule)]
    node = rclpy.create_node(
        "segmentation", namespace="/robot", context=peer.context,
        cli_args=["--ros-args", *words] if words else [], **options,
    )  # fmt: skip
    peer.executor.add_node(node)
    yield node
    peer.executor.remove_node(node)
    node.destroy_node()


@pytest.fixture
def reader(peer: Peer) -> Iterator[ImageReader]:
    reader = ImageReader(peer.context, lambda error: None)
    yield reader
    reader.close()


def ignore(message: object) -> None:
    pass


def heard(node: Node, camera: str, transport: str, reader: ImageReader) -> str:
    """The topic that is really subscribed."""
    subscription = CameraSubscription(node, camera, transport, ignore, reader)
    topic = subscription.topic
    subscription.close()
    return topic


def calibration_heard(node: Node, camera: str = "", transport: str = "raw") -> str:
    before = set(node.subscriptions)
    calibration = CalibrationSubscription(node, camera, transport)
    (subscription,) = set(node.subscriptions) - before
    topic = str(subscription.topic_name)
    calibration.close()
    return topic


NOTHING: tuple[str, ...] = ()
EXCHANGED = ("front/image:=/left/image", "left/image:=/front/image")
BOTH_EXCHANGED = (
    *EXCHANGED, "front/image/compressed:=/left/image/compressed",
    "left/image/compressed:=/front/image/compressed",
)  # fmt: skip


@pytest.mark.parametrize(
    ("rules", "camera", "raw", "compressed"),
    [
        (NOTHING, "", "/robot/image", "/robot/image/compressed"),
        (NOTHING, "front", "/robot/front/image", "/robot/front/image/compressed"),
        (["image:=/cam/image_raw"], "", "/cam/image_raw", "/cam/image_raw/compressed"),
        (["image:=cam/image_raw"], "", "/robot/cam/image_raw", "/robot/cam/image_raw/compressed"),
        (["image:=/image"], "", "/image", "/image/compressed"),
        (["image/compressed:=/front/jpeg"], "", "/robot/image", "/front/jpeg"),
        (["image:=/a/raw", "image/compressed:=/b/jpeg"], "", "/a/raw", "/b/jpeg"),
        # The full name that `image` leads to can be remapped as well.
        (["image:=/a/raw", "/a/raw/compressed:=/b/jpeg"], "", "/a/raw", "/b/jpeg"),
        (["front/image:=/f/raw"], "front", "/f/raw", "/f/raw/compressed"),
        (["front/image:=/f/raw"], "left", "/robot/left/image", "/robot/left/image/compressed"),
        (["image:=/cam/raw"], "front", "/robot/front/image", "/robot/front/image/compressed"),
        (["segmentation:image:=/mine"], "", "/mine", "/mine/compressed"),
        (["another:image:=/others"], "", "/robot/image", "/robot/image/compressed"),
        (EXCHANGED, "front", "/left/image", "/left/image/compressed"),
        (EXCHANGED, "left", "/front/image", "/front/image/compressed"),
        (BOTH_EXCHANGED, "front", "/left/image", "/left/image/compressed"),
        (["__ns:=/other"], "", "/other/image", "/other/image/compressed"),
    ],
)
def test_topics(
    peer: Peer, reader: ImageReader, rules, camera: str, raw: str, compressed: str
) -> None:
    with remapped(peer, *rules) as node:
        assert heard(node, camera, "raw", reader) == raw
        assert heard(node, camera, "compressed", reader) == compressed
        # What is asked of the graph is what is subscribed.
        assert node.resolve_topic_name(image_name(node, camera, "raw")) == raw
        assert node.resolve_topic_name(image_name(node, camera, "compressed")) == compressed


def test_cameras_of_the_root_namespace_can_be_exchanged(peer: Peer, reader: ImageReader) -> None:
    """There, one's new name is the other's old one: remapped twice, each would be itself again."""
    with remapped(peer, "__ns:=/", *EXCHANGED) as node:
        assert node.get_namespace() == "/"
        for transport, suffix in (("raw", ""), ("compressed", "/compressed")):
            assert heard(node, "front", transport, reader) == f"/left/image{suffix}"
            assert heard(node, "left", transport, reader) == f"/front/image{suffix}"
        assert calibration_heard(node, "front") == "/left/camera_info"
        assert calibration_heard(node, "left") == "/front/camera_info"
    rules = ("front/camera_info:=/left/camera_info", "left/camera_info:=/front/camera_info")
    with remapped(peer, "__ns:=/", *EXCHANGED, *rules) as node:
        assert calibration_heard(node, "front") == "/left/camera_info"
        assert calibration_heard(node, "left") == "/front/camera_info"


@pytest.mark.parametrize(
    ("rules", "camera", "transport", "expected"),
    [
        (NOTHING, "", "raw", "/robot/camera_info"),
        (NOTHING, "front", "raw", "/robot/front/camera_info"),
        (["image:=/cam/image_raw"], "", "raw", "/cam/camera_info"),
        (["image:=/image"], "", "raw", "/camera_info"),
        (["image:=/cam/image_raw"], "", "compressed", "/cam/camera_info"),
        (["image/compressed:=/cam/image_raw/compressed"], "", "compressed", "/cam/camera_info"),
        (["image/compressed:=/front/jpeg"], "", "compressed", "/front/camera_info"),
        (["image/compressed:=/front/jpeg"], "", "raw", "/robot/camera_info"),
        (["image:=/cam/raw", "camera_info:=/calib"], "", "raw", "/calib"),
        (["front/image:=/f/raw"], "front", "raw", "/f/camera_info"),
        (["front/image:=/f/raw"], "left", "raw", "/robot/left/camera_info"),
        (["front/camera_info:=/calib"], "front", "compressed", "/calib"),
        (["camera_info:=/calib"], "front", "raw", "/robot/front/camera_info"),
    ],
)
def test_calibration_topics(peer: Peer, rules, camera: str, transport: str, expected: str) -> None:
    with remapped(peer, *rules) as node:
        assert calibration_heard(node, camera, transport) == expected


@pytest.mark.parametrize(("transport", "kind"), [("raw", Image), ("compressed", CompressedImage)])
def test_messages_come_until_it_is_closed(
    peer: Peer, reader: ImageReader, transport: str, kind: type
) -> None:
    assert MESSAGE_TYPES[transport] is kind
    received: list = []
    with remapped(peer, "image:=/cam/raw") as node:
        subscription = CameraSubscription(node, "", transport, received.append, reader)
        camera = peer.camera(subscription.topic, kind=kind)
        message = kind()
        message.header.frame_id = "mast"
        peer.publish_until(camera, message, lambda: received)
        assert received[0] == message
        subscription.close()
        peer.until(lambda: camera.get_subscription_count() == 0, "the end of the subscription")


def test_asks_for_the_newest_as_it_comes(peer: Peer, reader: ImageReader) -> None:
    with remapped(peer) as node:
        subscription = CameraSubscription(node, "", "raw", ignore, reader)
        qos = subscription.qos
        subscription.close()
        assert qos.reliability == QoSReliabilityPolicy.BEST_EFFORT
        assert qos.durability == QoSDurabilityPolicy.VOLATILE
        assert qos.depth == 1


def test_an_override_is_of_its_topic_only(peer: Peer, reader: ImageReader) -> None:
    """rclpy writes overrides into the profile that it is given."""
    name = "qos_overrides./robot/front/image.subscription.reliability"
    override = Parameter(name, value="reliable")
    with remapped(peer, parameter_overrides=[override]) as node:
        front, left = (
            CameraSubscription(node, camera, "raw", ignore, reader) for camera in ("front", "left")
        )
        assert front.qos.reliability == QoSReliabilityPolicy.RELIABLE
        assert left.qos.reliability == QoSReliabilityPolicy.BEST_EFFORT
        front.close()
        again = CameraSubscription(node, "front", "raw", ignore, reader)
        assert again.qos.reliability == QoSReliabilityPolicy.RELIABLE
        left.close()
        again.close()


BEST_EFFORT = QoSProfile(depth=5, reliability=QoSReliabilityPolicy.BEST_EFFORT)


@pytest.mark.parametrize("qos", [RELIABLE, BEST_EFFORT])
def test_the_newest_calibration(peer: Peer, qos: QoSProfile) -> None:
    with remapped(peer, "front/image:=/f/image_raw") as node:
        calibration = CalibrationSubscription(node, "front", "raw")
        assert calibration.newest is None
        assert calibration.problem == (
            "no ~/front/camera_info goes out: nothing came on /f/camera_info, which has 0 "
            "publisher(s); remap front/camera_info to the camera's"
        )
        camera = peer.camera("/f/camera_info", qos, CameraInfo)
        assert "/f/camera_info, which has 1 publisher(s)" in calibration.problem
        for width in (640, 320):
            peer.publish_until(
                camera, CameraInfo(width=width),
                lambda width=width: calibration.newest and calibration.newest.width == width,
            )  # fmt: skip
            assert calibration.problem == ""
        calibration.close()
        peer.until(lambda: camera.get_subscription_count() == 0, "the end of the subscription")


def test_the_problem_of_a_single_camera(peer: Peer) -> None:
    with remapped(peer) as node:
        assert CalibrationSubscription(node, "", "raw").problem == (
            "no ~/camera_info goes out: nothing came on /robot/camera_info, which has 0 "
            "publisher(s); remap camera_info to the camera's"
        )


@pytest.fixture
def picture() -> np.ndarray:
    """uint8 [32, 48, 3] RGB in large tiles, which JPEG keeps nearly as they are."""
    tiles = np.random.default_rng(5).integers(0, 256, (2, 3, 3), np.uint8)
    return np.kron(tiles, np.ones((16, 16, 1), np.uint8))


def test_decodes_every_transport(picture: np.ndarray) -> None:
    np.testing.assert_array_equal(decode(image(picture, "rgb8")), picture)
    bgr = np.ascontiguousarray(picture[..., ::-1])
    np.testing.assert_array_equal(decode(image(bgr, "bgr8")), picture)
    _, png = cv2.imencode(".png", bgr)
    message = CompressedImage(format="bgr8; png compressed bgr8", data=array("B", png.tobytes()))
    np.testing.assert_array_equal(decode(message), picture)
    _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 100])
    message = CompressedImage(format="jpeg", data=array("B", jpeg.tobytes()))
    assert np.abs(decode(message).astype(int) - picture).mean() < 4


def test_refuses_what_is_no_picture() -> None:
    with pytest.raises(ImageConversionError, match="expected a JPEG or PNG"):
        decode(CompressedImage(format="jpeg", data=array("B", b"nothing")))
    with pytest.raises(ImageConversionError, match="no_such"):
        decode(Image(width=1, height=1, step=3, encoding="no_such", data=array("B", b"abc")))
