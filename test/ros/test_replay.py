# SPDX-License-Identifier: Apache-2.0

import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message, serialize_message
from rosbags.rosbag2 import StoragePlugin, Writer
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from segnet_ros.bags.clip import ClipError, PictureFrame, RecordedFrame
from segnet_ros.bags.message_types import typestore
from segnet_ros.ros.replay import nominal_camera_info, prepare_frame, replay, with_stamp

NAMESPACE = f"/replay_test_{os.getpid()}"
IMAGE_TOPIC = f"{NAMESPACE}/image_raw"
START_NS = 1_700_000_000_000_000_000
PERIOD_NS = 100_000_000  # 10 Hz


class Listener:
    """Receives what a replay publishes, in arrival order, and notes how it is offered."""

    def __init__(self, node: Node, executor: SingleThreadedExecutor) -> None:
        self.images: list[Any] = []
        self.infos: list[CameraInfo] = []
        self.policies: set[ReliabilityPolicy] = set()
        self._topics: list[str] = []
        self._node = node
        self._executor = executor

    def subscribe(
        self, image_type: type, topic: str, policy: ReliabilityPolicy = ReliabilityPolicy.RELIABLE
    ) -> None:
        qos = QoSProfile(depth=100, reliability=policy)
        info_topic = f"{NAMESPACE}/camera_info"
        self._topics += [topic, info_topic]
        self._node.create_subscription(CameraInfo, info_topic, self.infos.append, qos)
        self._node.create_subscription(image_type, topic, self.images.append, qos)

    def spin_until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < end, f"received {len(self.images)} images"
            self._executor.spin_once(timeout_sec=0.02)
            for topic in self._topics:
                publishers = self._node.get_publishers_info_by_topic(topic)
                self.policies |= {publisher.qos_profile.reliability for publisher in publishers}

    def play(self, path: Path, frames: int, infos: int, **options: Any) -> Any:
        """Replay a clip in another thread until all of it has been received."""
        with ThreadPoolExecutor(1) as thread:
            report = thread.submit(replay, path, image_topic=IMAGE_TOPIC, **options)
            self.spin_until(lambda: len(self.images) == frames and len(self.infos) == infos)
            return report.result()


@pytest.fixture
def listener(own_domain) -> Iterator[Listener]:
    context = Context()
    rclpy.init(context=context)
    node = Node("listener", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    yield Listener(node, executor)
    executor.shutdown()
    node.destroy_node()
    rclpy.shutdown(context=context)


def picture(index: int) -> np.ndarray:
    """RGB [32,48,3], the same in blocks of 8: red tells the frame, green the column."""
    blocks = np.full((4, 6, 3), 200, np.uint8)
    blocks[..., 0] = 40 * index
    blocks[..., 1] = 30 * np.arange(6)
    return np.kron(blocks, np.ones((8, 8, 1), np.uint8))


@pytest.fixture
def folder(tmp_path) -> Path:
    path = tmp_path / "frames"
    path.mkdir()
    for index in range(4):
        cv2.imwrite(str(path / f"{index}.png"), picture(index)[..., ::-1])
    return path


def stamp(message: Any) -> int:
    return message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec


def stamped(message: Any, stamp_ns: int, frame_id: str = "front_camera") -> Any:
    message.header.frame_id = frame_id
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 1_000_000_000)
    return message


def recorded_image(index: int) -> Image:
    message = Image(height=32, width=48, step=144, encoding="bgr8")
    message.data.frombytes(picture(index)[..., ::-1].tobytes())
    return stamped(message, START_NS + index * PERIOD_NS)


def recorded_jpeg(index: int) -> CompressedImage:
    message = CompressedImage(format="bgr8; jpeg compressed bgr8")
    message.data.frombytes(cv2.imencode(".jpg", picture(index)[..., ::-1])[1].tobytes())
    return stamped(message, START_NS + index * PERIOD_NS)


def recorded_info(index: int) -> CameraInfo:
    message = CameraInfo(height=36, width=56, distortion_model="plumb_bob", d=[0.1, 0, 0, 0, 0])
    message.k = [60.0, 0, 25, 0, 50, 17, 0, 0, 1]
    message.p = [60.0, 0, 25, -6, 0, 50, 17, 2, 0, 0, 1, 0]
    message.roi.x_offset, message.roi.width = 4, 48
    message.roi.y_offset, message.roi.height = 4, 32
    return stamped(message, START_NS + index * PERIOD_NS + 1000)  # a microsecond after the image


def write_bag(path: Path, topics: dict[str, list[Any]]) -> Path:
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        for topic, messages in topics.items():
            kind = f"sensor_msgs/msg/{type(messages[0]).__name__}"
            connection = writer.add_connection(topic, kind, typestore=typestore())
            for message in messages:
                writer.write(connection, stamp(message), serialize_message(message))
    return path


def recorded_frame(message: Image | CompressedImage, info: CameraInfo | None) -> RecordedFrame:
    kind = f"sensor_msgs/msg/{type(message).__name__}"
    camera_info = serialize_message(info) if info else None
    cdr = serialize_message(message)
    return RecordedFrame("0", stamp(message), "front_camera", kind, cdr, camera_info)


def rgb(message: Image) -> np.ndarray:
    assert message.encoding == "rgb8"
    assert message.step == 3 * message.width
    return np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)


@pytest.mark.parametrize("little_endian", [True, False])
def test_stamp_is_changed_and_nothing_else(little_endian) -> None:
    kind = "sensor_msgs/msg/Image"
    message = typestore().deserialize_cdr(serialize_message(recorded_image(1)), kind)
    cdr = bytes(typestore().serialize_cdr(message, kind, little_endian=little_endian))
    patched = with_stamp(cdr, 1_234_567_890_987_654_321)
    assert (cdr[:4], cdr[12:]) == (patched[:4], patched[12:])
    decoded = typestore().deserialize_cdr(patched, kind)
    assert (decoded.header.stamp.sec, decoded.header.stamp.nanosec) == (1_234_567_890, 987_654_321)
    assert (decoded.header.frame_id, decoded.width) == ("front_camera", 48)


def test_recorded_message_passes_unchanged() -> None:
    frame = recorded_frame(recorded_image(1), None)
    outgoing = prepare_frame(frame, as_jpeg=False, size=None)
    assert outgoing.image is frame.cdr
    assert outgoing.camera_info is None


def test_recorded_calibration_takes_the_stamp_of_its_image() -> None:
    frame = recorded_frame(recorded_jpeg(1), recorded_info(0))
    outgoing = prepare_frame(frame, as_jpeg=True, size=None)
    info = deserialize_message(outgoing.camera_info, CameraInfo)
    assert info == stamped(recorded_info(0), frame.stamp_ns)


def test_resizing_scales_picture_and_calibration() -> None:
    frame = recorded_frame(recorded_image(2), recorded_info(2))
    outgoing = prepare_frame(frame, as_jpeg=False, size=(24, 8))
    image = deserialize_message(outgoing.image, Image)
    np.testing.assert_array_equal(rgb(image), picture(2)[::4, ::2])
    info = deserialize_message(outgoing.camera_info, CameraInfo)
    assert (info.width, info.height) == (28, 9)
    assert info.k.tolist() == [30, 0, 12.25, 0, 12.5, 3.875, 0, 0, 1]
    assert info.p.tolist() == [30, 0, 12.25, -3, 0, 12.5, 3.875, 0.5, 0, 0, 1, 0]
    assert info.d.tolist() == [0.1, 0, 0, 0, 0]
    roi = info.roi
    assert (roi.x_offset, roi.width, roi.y_offset, roi.height) == (2, 24, 1, 8)
    assert stamp(info) == stamp(image) == frame.stamp_ns
    assert info.header.frame_id == image.header.frame_id == "front_camera"


def test_jpeg_of_the_same_size_keeps_its_calibration() -> None:
    frame = recorded_frame(recorded_image(2), recorded_info(2))
    for size in (None, (48, 32)):
        outgoing = prepare_frame(frame, as_jpeg=True, size=size)
        info = deserialize_message(outgoing.camera_info, CameraInfo)
        assert info == stamped(recorded_info(2), frame.stamp_ns)


def test_picture_becomes_a_jpeg() -> None:
    frame = PictureFrame("0", 1_500_000_000, "camera", picture(3))
    outgoing = prepare_frame(frame, as_jpeg=True, size=None)
    image = deserialize_message(outgoing.image, CompressedImage)
    assert image.format == "rgb8; jpeg compressed bgr8"
    assert (stamp(image), image.header.frame_id) == (1_500_000_000, "camera")
    decoded = cv2.imdecode(np.frombuffer(image.data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_allclose(decoded.astype(int), picture(3), atol=8)


def test_nominal_calibration_sees_60_degrees() -> None:
    info = nominal_camera_info(640, 480)
    assert (info.width, info.height, info.distortion_model) == (640, 480, "plumb_bob")
    focal = info.k[0]
    assert math.degrees(2 * math.atan(320 / focal)) == pytest.approx(60)
    assert info.k.tolist() == [focal, 0, 320, 0, focal, 240, 0, 0, 1]
    assert info.p.tolist() == [focal, 0, 320, 0, 0, focal, 240, 0, 0, 0, 1, 0]
    assert info.r.tolist() == np.eye(3).ravel().tolist()
    assert info.d.tolist() == [0] * 5


def test_folder_is_published_in_order_under_the_time_of_publishing(listener, folder) -> None:
    listener.subscribe(Image, IMAGE_TOPIC)
    before = time.time_ns()
    report = listener.play(folder, 4, 4, rate=20.0)
    after = time.time_ns()
    for index, message in enumerate(listener.images):
        np.testing.assert_array_equal(rgb(message), picture(index))
        assert message.header.frame_id == "camera"
    stamps = [stamp(message) for message in listener.images]
    assert before < stamps[0]
    assert stamps == sorted(stamps)
    assert stamps[-1] < after
    assert 0.05e9 < stamps[-1] - stamps[0] < 3e9  # 0.15 s when nothing else runs
    assert [stamp(info) for info in listener.infos] == stamps
    expected = nominal_camera_info(48, 32)
    for info in listener.infos:
        assert info.header.frame_id == "camera"
        assert (info.width, info.height) == (48, 32)
        assert info.k.tolist() == expected.k.tolist()
    assert listener.policies == {ReliabilityPolicy.RELIABLE}
    assert report.frames == 4
    assert report.rate == pytest.approx(3 / report.seconds)
    assert report.worst_lateness_ms >= 0


def test_best_effort_subscriber_gets_resized_jpegs(listener, folder) -> None:
    listener.subscribe(CompressedImage, f"{IMAGE_TOPIC}/compressed", ReliabilityPolicy.BEST_EFFORT)
    options = {"compressed": True, "size": (12, 8), "best_effort": True, "restamp": False}
    with ThreadPoolExecutor(1) as thread:
        report = thread.submit(replay, folder, image_topic=IMAGE_TOPIC, rate=5.0, **options)
        fourth = 100_000_000  # at the nominal 30 Hz; earlier ones may go before discovery is over
        listener.spin_until(lambda: fourth in map(stamp, listener.images))
    assert listener.policies == {ReliabilityPolicy.BEST_EFFORT}
    assert report.result().frames == 4
    last = listener.images[-1]
    decoded = cv2.imdecode(np.frombuffer(last.data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_allclose(decoded.astype(int), picture(3)[::4, ::4], atol=12)


def test_recording_is_published_as_recorded(listener, tmp_path) -> None:
    topics = {
        "/front/image_raw": [recorded_image(index) for index in range(4)],
        "/front/camera_info": [recorded_info(index) for index in range(4)],
    }
    listener.subscribe(Image, IMAGE_TOPIC)
    report = listener.play(write_bag(tmp_path / "bag", topics), 4, 4)
    assert listener.images == topics["/front/image_raw"]
    stamps = [stamp(image) for image in listener.images]
    assert listener.infos == [stamped(recorded_info(0), stamp_ns) for stamp_ns in stamps]
    assert report.frames == 4


def test_compressed_recording_can_be_restamped(listener, tmp_path) -> None:
    jpegs = [recorded_jpeg(index) for index in range(3)]
    path = write_bag(tmp_path / "bag", {"/front/compressed": jpegs, "/rear": [recorded_image(0)]})
    listener.subscribe(CompressedImage, f"{IMAGE_TOPIC}/compressed")
    before = time.time_ns()
    listener.play(path, 3, 0, topic="/front/compressed", restamp=True)
    stamps = [stamp(message) for message in listener.images]
    assert before < stamps[0] < stamps[1] < stamps[2] < time.time_ns()
    assert stamps[2] - stamps[0] > 0.13e9  # 0.2 s at the recorded 10 Hz, 0.07 s at 30 Hz
    for message, jpeg in zip(listener.images, jpegs, strict=True):
        assert stamped(message, stamp(jpeg)) == jpeg


@pytest.mark.parametrize(
    ("number", "rate", "received"), [(signal.SIGINT, 50, 9), (signal.SIGTERM, 0.01, 1)]
)
def test_signal_ends_an_endless_replay_with_its_report(
    listener, folder, number, rate, received
) -> None:
    listener.subscribe(Image, IMAGE_TOPIC)
    code = (
        "import sys; from pathlib import Path; from segnet_ros.ros.replay import replay; "
        "clip, topic, rate = sys.argv[1:]; "
        "print(replay(Path(clip), image_topic=topic, rate=float(rate), loop=True))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder), IMAGE_TOPIC, str(rate)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        listener.spin_until(lambda: len(listener.images) >= received)
        process.send_signal(number)
        process.send_signal(number)  # launch may send it twice
        output, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "Traceback" not in errors
    frames = int(re.search(r"ReplayReport\(frames=(\d+)", output)[1])
    assert frames >= received
    shown = [rgb(message)[0, 0, 0] // 40 for message in listener.images]
    assert shown[:received] == [(shown[0] + index) % 4 for index in range(received)]


def test_replay_without_subscribers_warns_and_goes_on(folder, capfd) -> None:
    play = partial(replay, folder, image_topic=IMAGE_TOPIC, rate=200.0, wait_for_subscribers=0.1)
    assert play().frames == 4
    warning = capfd.readouterr().err
    assert f"0 of 1 subscribed to {IMAGE_TOPIC} (sensor_msgs/msg/Image) within 0.1 s" in warning


def test_unreadable_frame_ends_the_replay_behind_the_earlier_ones(listener, folder) -> None:
    (folder / "2.png").write_bytes(b"no image")
    listener.subscribe(Image, IMAGE_TOPIC)
    with pytest.raises(ClipError, match=r"2\.png cannot be decoded as a picture"):
        listener.play(folder, 2, 2, rate=50.0)
    np.testing.assert_array_equal(rgb(listener.images[1]), picture(1))


@pytest.mark.parametrize("rate", [0.0, -1.0, math.inf, math.nan])
def test_rate_must_be_positive(folder, rate) -> None:
    with pytest.raises(ValueError, match=f"rate is {rate}; expected images per second above 0"):
        replay(folder, rate=rate)


def test_size_must_be_positive(folder) -> None:
    with pytest.raises(ValueError, match="size is 0x10; expected width and height"):
        replay(folder, size=(0, 10))
