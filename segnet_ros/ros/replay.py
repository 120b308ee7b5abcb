# SPDX-License-Identifier: Apache-2.0
"""Publish a recorded clip as a camera would, where `ros2 bag play` is not at hand.

Frames are read, converted and serialised ahead of time in one background thread; the calling
thread only keeps time, stamps and publishes.
"""

from __future__ import annotations

import itertools
import math
import signal
import struct
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np
import numpy.typing as npt
import rclpy
from rclpy.context import Context
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from segnet_ros.bags.clip import (
    CAMERA_INFO_TYPE,
    NOMINAL_RATE,
    BagClip,
    Clip,
    ClipFrame,
    RecordedFrame,
    open_clip,
)
from segnet_ros.bags.recorded import COMPRESSED_IMAGE_TYPE
from segnet_ros.messages.image_conversion import fill_image
from segnet_ros.ros.camera_info import scaled_camera_info

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

FRAMES_AHEAD = 8
"""Frames held ready before they are due."""

HISTORY_DEPTH = 5
"""Messages a publisher keeps for subscribers that have not acknowledged them."""

JPEG_QUALITY = 95

NOMINAL_FIELD_OF_VIEW = math.radians(60.0)
"""Horizontal field of view given to pictures recorded without a calibration."""

POLL_SECONDS = 0.05
"""Longest sleep, so that a request to stop is noticed."""

ACKNOWLEDGE_SECONDS = 4.0
"""Longest wait for the last frames to arrive; Fast DDS asks subscribers about them every 3 s."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class ReplayReport:
    """What was published.

    Attributes:
        frames: Number of images.
        seconds: Time from the first image to the last one.
        rate: Achieved images per second; 0 for fewer than two images.
        worst_lateness_ms: Longest time by which an image went out after it was due.
        stamps_ns: Header stamps of the images in the order of publishing, nanoseconds.

    """

    frames: int
    seconds: float
    rate: float
    worst_lateness_ms: float
    stamps_ns: tuple[int, ...]


@dataclass(frozen=True)
class Outgoing:
    """One frame ready to publish.

    Attributes:
        image: Serialised Image or CompressedImage.
        camera_info: Serialised CameraInfo under the same stamp; None where none was recorded.

    """

    image: bytes
    camera_info: bytes | None


def replay(
    clip_path: Path,
    *,
    topic: str | None = None,
    image_topic: str = "/camera/image_raw",
    rate: float | None = None,
    loop: bool = False,
    compressed: bool = False,
    size: tuple[int, int] | None = None,
    restamp: bool | None = None,
    subscribers: int = 1,
    wait_for_subscribers: float = 10.0,
    best_effort: bool = False,
) -> ReplayReport:
    """Publish a clip until it ends or SIGINT or SIGTERM comes, and say what was published.

    Recorded images are passed on as they are, at most under another stamp. A CameraInfo goes with
    every image, under the image's stamp: the recorded one, or for videos and image files a nominal
    one (see `nominal_camera_info`). A recording without CameraInfo is replayed without.

    Args:
        clip_path: Anything `open_clip` reads.
        topic: Image topic within a recording that has several.
        image_topic: Topic to publish on. CompressedImage messages go to `<image_topic>/compressed`,
            CameraInfo messages to `camera_info` beside it.
        rate: Images per second; by default the recorded rate, or 30.
        loop: Start again at the end, until a signal comes.
        compressed: Publish JPEG pictures. A clip recorded compressed stays compressed anyway.
        size: Width and height to resize the pictures to; the calibration follows.
        restamp: Whether stamps are the time of publishing (the default for videos and image files)
            or the recorded ones (the default for recordings).
        subscribers: How many subscribers to the images to wait for.
        wait_for_subscribers: Longest time in seconds to wait for them.
        best_effort: Publish best-effort instead of reliable.

    Raises:
        ClipError: If the clip cannot be read, or one of its frames; the earlier ones are published.
        ValueError: If `rate` or `size` is not positive.

    """
    _check(rate, size)
    with open_clip(clip_path, topic) as clip, _stop_signals() as stopping, _node() as node:
        schedule = _Schedule(rate or clip.rate or NOMINAL_RATE, stopping)
        stamps_now = not isinstance(clip, BagClip) if restamp is None else restamp
        as_jpeg = compressed or clip.compressed
        prepare = partial(prepare_frame, as_jpeg=as_jpeg, size=size)
        with closing(_Camera(node, image_topic, as_jpeg, best_effort, stopping)) as camera:
            camera.wait_for_subscribers(subscribers, wait_for_subscribers)
            with closing(_read_ahead(map(prepare, _frames(clip, loop)))) as frames:
                for frame in frames:
                    if not schedule.wait():
                        break
                    stamp_ns = time.time_ns() if stamps_now else None
                    camera.publish(frame, stamp_ns)
                    schedule.count(stamp_of(frame.image) if stamp_ns is None else stamp_ns)
    return schedule.report()


def prepare_frame(frame: ClipFrame, *, as_jpeg: bool, size: tuple[int, int] | None) -> Outgoing:
    """Serialise a frame under its recorded stamp; a recorded one passes if nothing changes.

    Args:
        frame: Frame to publish.
        as_jpeg: Whether to make it a CompressedImage instead of an Image.
        size: Width and height to resize the picture to; None keeps it.

    Raises:
        ClipError: If a recorded picture has to be converted and cannot be.

    """
    if isinstance(frame, RecordedFrame) and _stays_as_recorded(frame, as_jpeg, size):
        return Outgoing(frame.cdr, _recorded_camera_info(frame, None))
    pixels = frame.rgb()
    resized = _resize(pixels, size) if size else pixels
    message = _jpeg(resized) if as_jpeg else _raw(resized)
    message.header = _header(frame)
    return Outgoing(serialize_message(message), _camera_info(frame, pixels, resized))


def with_stamp(cdr: bytes, stamp_ns: int) -> bytes:
    """Return a serialised message that begins with a Header, under another stamp.

    Args:
        cdr: Message with its encapsulation header, whose second byte tells the byte order.
        stamp_ns: Stamp in nanoseconds.

    """
    order = "<" if cdr[1] & 1 else ">"
    stamp = struct.pack(f"{order}iI", *divmod(stamp_ns, 1_000_000_000))
    return b"".join((cdr[:4], stamp, memoryview(cdr)[12:]))


def stamp_of(cdr: bytes) -> int:
    """Return the stamp of a serialised message that begins with a Header, in nanoseconds."""
    seconds, nanoseconds = struct.unpack_from("<iI" if cdr[1] & 1 else ">iI", cdr, 4)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)


def nominal_camera_info(width: int, height: int) -> CameraInfo:
    """Return the CameraInfo of an ideal camera with a horizontal field of view of 60 degrees.

    It lets subscribers run that demand one; nothing measured with it means anything.
    """
    focal = width / 2 / math.tan(NOMINAL_FIELD_OF_VIEW / 2)
    message = CameraInfo(width=width, height=height, distortion_model="plumb_bob", d=[0.0] * 5)
    message.k = [focal, 0.0, width / 2, 0.0, focal, height / 2, 0.0, 0.0, 1.0]
    message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    message.p = [focal, 0.0, width / 2, 0.0, 0.0, focal, height / 2, 0.0, 0.0, 0.0, 1.0, 0.0]
    return message


class _Camera:
    """The publishers of one camera: its images, raw or JPEG, and their CameraInfo."""

    def __init__(
        self,
        node: Node,
        image_topic: str,
        as_jpeg: bool,
        best_effort: bool,
        stopping: Callable[[], bool],
    ) -> None:
        policy = ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE
        qos = QoSProfile(depth=HISTORY_DEPTH, reliability=policy)
        namespace, slash, _ = image_topic.rpartition("/")
        self._type = CompressedImage if as_jpeg else Image
        name = f"{image_topic}/compressed" if as_jpeg else image_topic
        self._images = node.create_publisher(self._type, name, qos)
        self._infos = node.create_publisher(CameraInfo, f"{namespace}{slash}camera_info", qos)
        self._logger = node.get_logger()
        self._stopping = stopping

    def wait_for_subscribers(self, count: int, seconds: float) -> None:
        """Wait until so many subscribe to the images; after `seconds` warn and go on."""
        end = time.monotonic() + seconds
        while self._images.get_subscription_count() < count and not self._stopping():
            if time.monotonic() >= end:
                self._warn_unheard(count, seconds)
                return
            time.sleep(POLL_SECONDS)

    def _warn_unheard(self, count: int, seconds: float) -> None:
        self._logger.warning(
            f"{self._images.get_subscription_count()} of {count} subscribed to "
            f"{self._images.topic_name} (sensor_msgs/msg/{self._type.__name__}) within "
            f"{seconds:g} s; publishing anyway. Check the subscriber's topic, message type and "
            "ROS_DOMAIN_ID."
        )

    def publish(self, frame: Outgoing, stamp_ns: int | None) -> None:
        """Publish an image and its CameraInfo, under another stamp unless that is None."""
        for publisher, cdr in ((self._images, frame.image), (self._infos, frame.camera_info)):
            if cdr is not None:
                publisher.publish(cdr if stamp_ns is None else with_stamp(cdr, stamp_ns))

    def close(self) -> None:
        """Wait until reliable subscribers have what was published last, unless asked to stop."""
        end = time.monotonic() + ACKNOWLEDGE_SECONDS
        while not (self._arrived() or self._stopping() or time.monotonic() >= end):
            pass

    def _arrived(self) -> bool:
        slice_of_time = Duration(seconds=POLL_SECONDS)
        publishers = (self._images, self._infos)
        return all(publisher.wait_for_all_acked(slice_of_time) for publisher in publishers)


class _Schedule:
    """Due times at a constant rate from the first frame on; being late shifts none of them."""

    def __init__(self, rate: float, stopping: Callable[[], bool]) -> None:
        self._interval = 1.0 / rate
        self._stopping = stopping
        self._stamps_ns: list[int] = []
        self._first = self._last = self._due = 0.0
        self._worst = 0.0

    def wait(self) -> bool:
        """Sleep until the next frame is due; return False if a request to stop comes first."""
        if not self._stamps_ns:
            self._first = time.monotonic()
        self._due = self._first + len(self._stamps_ns) * self._interval
        while not self._stopping() and (left := self._due - time.monotonic()) > 0:
            time.sleep(min(left, POLL_SECONDS))
        return not self._stopping()

    def count(self, stamp_ns: int) -> None:
        """Note that the frame waited for has gone out under a stamp."""
        self._stamps_ns.append(stamp_ns)
        self._last = time.monotonic()
        self._worst = max(self._worst, self._last - self._due)

    def report(self) -> ReplayReport:
        frames = len(self._stamps_ns)
        seconds = self._last - self._first if frames else 0.0
        rate = (frames - 1) / seconds if frames > 1 else 0.0
        return ReplayReport(frames, seconds, rate, 1e3 * self._worst, tuple(self._stamps_ns))


def _check(rate: float | None, size: tuple[int, int] | None) -> None:
    if rate is not None and not 0 < rate < math.inf:
        msg = f"rate is {rate}; expected images per second above 0."
        raise ValueError(msg)
    if size is not None and min(size) < 1:
        msg = f"size is {size[0]}x{size[1]}; expected width and height of at least 1."
        raise ValueError(msg)


@contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether SIGINT or SIGTERM has come instead of acting on them.

    Only the main thread may watch signals; elsewhere they keep their meaning.
    """
    received: list[int] = []
    in_main_thread = threading.current_thread() is threading.main_thread()
    watched = (signal.SIGINT, signal.SIGTERM) if in_main_thread else ()
    # The handler takes no lock: it may run while this thread holds one.
    previous = {number: signal.signal(number, lambda *_: received.append(1)) for number in watched}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def _node() -> Iterator[Node]:
    """Yield a node in a context of its own, which leaves signals alone; it needs no executor."""
    context = Context()
    rclpy.init(context=context)
    try:
        node = Node("segnet_replay", context=context, start_parameter_services=False)
        try:
            yield node
        finally:
            node.destroy_node()
    finally:
        rclpy.shutdown(context=context)


def _frames(clip: Clip, loop: bool) -> Iterator[ClipFrame]:
    rounds = itertools.repeat(None) if loop else (None,)
    return itertools.chain.from_iterable(clip.frames() for _ in rounds)


def _read_ahead(items: Iterator[Item]) -> Generator[Item, None, None]:
    """Yield the items in order, up to FRAMES_AHEAD of them taken early by one other thread."""
    with ThreadPoolExecutor(1) as reader:
        pending = deque(reader.submit(next, items, None) for _ in range(FRAMES_AHEAD))
        try:
            while (item := pending.popleft().result()) is not None:
                pending.append(reader.submit(next, items, None))
                yield item
        finally:
            reader.shutdown(cancel_futures=True)


def _stays_as_recorded(frame: RecordedFrame, as_jpeg: bool, size: tuple[int, int] | None) -> bool:
    return size is None and as_jpeg == (frame.message_type == COMPRESSED_IMAGE_TYPE)


def _camera_info(
    frame: ClipFrame, pixels: npt.NDArray[np.uint8], resized: npt.NDArray[np.uint8]
) -> bytes | None:
    height, width, _ = resized.shape
    if isinstance(frame, RecordedFrame):
        return _recorded_camera_info(
            frame, None if resized.shape == pixels.shape else (width, height)
        )
    message = nominal_camera_info(width, height)
    message.header = _header(frame)
    return bytes(serialize_message(message))


def _recorded_camera_info(frame: RecordedFrame, size: tuple[int, int] | None) -> bytes | None:
    """Return the calibration of a frame under its stamp; for pictures resized to a size, if any."""
    if frame.camera_info is None:
        return None
    try:
        message = deserialize_message(frame.camera_info, CameraInfo)
    except Exception as error:  # each middleware has its own
        raise frame.damaged(CAMERA_INFO_TYPE, error) from error
    if size is None:
        return with_stamp(frame.camera_info, frame.stamp_ns)
    return with_stamp(serialize_message(scaled_camera_info(message, size)), frame.stamp_ns)


def _resize(pixels: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    shrinks = size[0] < pixels.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, size, interpolation=method), np.uint8)


def _raw(pixels: npt.NDArray[np.uint8]) -> Image:
    message = Image()
    fill_image(message, np.ascontiguousarray(pixels), "rgb8")
    return message


def _jpeg(pixels: npt.NDArray[np.uint8]) -> CompressedImage:
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    # The wording of image_transport, by which subscribers know the channel order.
    message = CompressedImage(format="rgb8; jpeg compressed bgr8")
    message.data.frombytes(jpeg.data)  # assigning checks the bytes one by one: 100 times slower
    return message


def _header(frame: ClipFrame) -> Header:
    header = Header(frame_id=frame.frame_id)
    header.stamp.sec, header.stamp.nanosec = divmod(frame.stamp_ns, 1_000_000_000)
    return header
