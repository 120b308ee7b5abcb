# SPDX-License-Identifier: Apache-2.0
"""Recorded camera frames: rosbag2 recordings, videos, folders of images and single images.

Nothing here needs a ROS installation.
"""

from __future__ import annotations

import itertools
import re
from abc import ABC, abstractmethod
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.message_types import typestore
from segnet_ros.bags.recorded import (
    COMPRESSED_IMAGE_TYPE,
    IMAGE_TYPE,
    Fault,
    RecordedMessage,
    Topic,
)
from segnet_ros.bags.recording import Recording
from segnet_ros.inference.excerpts import one_line
from segnet_ros.inference.picture_files import PictureError, read_picture, too_large
from segnet_ros.inference.picture_header import MAX_PIXELS
from segnet_ros.messages.image_conversion import ImageConversionError, decode_compressed, to_rgb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

CAMERA_INFO_TYPE = "sensor_msgs/msg/CameraInfo"

BAG_SUFFIXES = (".mcap", ".db3")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")

NOMINAL_RATE = 30.0
"""Hz given to frames recorded without any timing."""

NOMINAL_FRAME_ID = "camera"
"""Frame of pictures recorded without one."""

RATE_SAMPLE = 30
"""Frames read at the start of a bag to find its rate."""


class ClipError(Exception):
    """A clip cannot be read; the message says what was found, what was expected and what to do."""


@dataclass(frozen=True)
class ClipFrame(ABC):
    """One recorded camera frame.

    Attributes:
        name: File stem of an image, running number (six digits, from zero) otherwise.
        stamp_ns: Recorded header stamp in nanoseconds; for pictures without one, the time since
            the first frame.
        frame_id: Recorded coordinate frame, 'camera' for pictures without one.

    """

    name: str
    stamp_ns: int
    frame_id: str

    @abstractmethod
    def rgb(self) -> npt.NDArray[np.uint8]:
        """Return the picture, RGB uint8 [H,W,3], 0..255."""


@dataclass(frozen=True)
class PictureFrame(ClipFrame):
    """A frame of a video, a folder of images or a single image.

    Attributes:
        pixels: RGB uint8 [H,W,3], 0..255.

    """

    pixels: npt.NDArray[np.uint8]

    def rgb(self) -> npt.NDArray[np.uint8]:
        """Return the picture, RGB uint8 [H,W,3], 0..255."""
        return self.pixels


@dataclass(frozen=True)
class RecordedFrame(ClipFrame):
    """A frame of a rosbag2 recording, still serialised.

    Attributes:
        message_type: 'sensor_msgs/msg/Image' or 'sensor_msgs/msg/CompressedImage'.
        cdr: The message as recorded: CDR with its encapsulation header.
        camera_info: The CameraInfo in force, serialised likewise; None if none was recorded.

    """

    message_type: str
    cdr: bytes
    camera_info: bytes | None

    def message(self) -> Any:
        """Return the decoded message; its arrays are views of `cdr`, not copies.

        Raises:
            ClipError: If the bytes are no such message.

        """
        try:
            return typestore().deserialize_cdr(memoryview(self.cdr), self.message_type)
        except Exception as error:  # rosbags passes on what struct, NumPy and UTF-8 raise
            raise self.damaged(self.message_type, error) from error

    def damaged(self, message_type: str, error: Exception) -> ClipError:
        """Return what to raise for a message that is none of its type."""
        cause = one_line(error) or type(error).__name__
        return ClipError(
            f"frame {self.name}: expected a {message_type}, found other bytes ({cause}). Repair "
            "the recording or record it again."
        )

    def rgb(self) -> npt.NDArray[np.uint8]:
        """Return the picture, RGB uint8 [H,W,3], 0..255.

        Raises:
            ClipError: If the bytes are no such message, or its encoding or data cannot be
                converted.

        """
        decode = decode_compressed if self.message_type == COMPRESSED_IMAGE_TYPE else to_rgb
        try:
            return decode(self.message())
        except ImageConversionError as error:
            msg = f"frame {self.name}: {error}"
            raise ClipError(msg) from error


class Clip(ABC):
    """Recorded camera frames, open for reading until the `with` block or `close()` ends it.

    Attributes:
        path: Where the clip lies.
        name: Folder name or file stem.
        frame_count: Number of frames; None if the file does not tell.
        rate: Recorded frames per second; None where no timing was recorded.
        compressed: Whether the frames were recorded as CompressedImage messages.
        camera_info_topic: Topic of the recorded CameraInfo; None where there is none.

    """

    frame_count: int | None = None
    rate: float | None = None
    compressed: bool = False
    camera_info_topic: str | None = None

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.resolve().name if path.is_dir() else path.stem

    def __enter__(self) -> Clip:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @abstractmethod
    def frames(self) -> Iterator[ClipFrame]:
        """Iterate over the frames in order; every call starts anew, one iteration at a time.

        Raises:
            ClipError: From the iteration, at a frame that cannot be read. A folder's iterator
                goes on behind that frame when asked for the next one; others end there.

        """

    def close(self) -> None:  # noqa: B027 - only recordings hold something open
        """Release the files; harmless when nothing is open."""


class ImagesClip(Clip):
    """Image files, shown in natural order: frame2 before frame10.

    Attributes:
        files: In this order.

    """

    def __init__(self, path: Path, files: Sequence[Path]) -> None:
        super().__init__(path)
        self.frame_count = len(files)
        self.files = files

    def frames(self) -> Iterator[ClipFrame]:
        """See `Clip.frames`."""
        # A generator would be finished by the first unreadable file; starmap goes on.
        return itertools.starmap(_image_frame, enumerate(self.files))


class VideoClip(Clip):
    """A video file.

    Raises:
        ClipError: If OpenCV cannot open the file or read its first frame.

    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with closing(_Video(path)) as video:
            self.frame_count = video.property(cv2.CAP_PROP_FRAME_COUNT, int)
            self.rate = video.property(cv2.CAP_PROP_FPS, float)
            video.read_first()

    def frames(self) -> Iterator[ClipFrame]:
        """See `Clip.frames`."""
        with closing(_Video(self.path)) as video:
            for index, pixels in enumerate(video):
                stamp = _stamp_ns(index, self.rate or NOMINAL_RATE)
                yield PictureFrame(_number(index), stamp, NOMINAL_FRAME_ID, pixels)


class BagClip(Clip):
    """One image topic of a rosbag2 recording: its folder, or a bare .mcap or .db3 file.

    Raises:
        ClipError: If the recording cannot be read or the topic is not clear.

    """

    def __init__(self, path: Path, topic: str | None) -> None:
        super().__init__(path)
        self._recording = _open_bag(path)
        try:
            _refuse_faults(path, self._recording.faults)
            self._select(topic)
        except BaseException:
            self.close()
            raise

    def _select(self, topic: str | None) -> None:
        topics = self._recording.topics
        self.topic = _choose_topic(self.path, topics, topic)
        self.frame_count = topics[self.topic].count
        self.compressed = topics[self.topic].type == COMPRESSED_IMAGE_TYPE
        self.camera_info_topic = _camera_info_topic(topics, self.topic)
        sample = itertools.islice(self.frames(), RATE_SAMPLE)
        self.rate = _rate([frame.stamp_ns for frame in sample])

    def frames(self) -> Iterator[ClipFrame]:
        """See `Clip.frames`."""
        numbers = itertools.count()
        # Drivers send the picture first, so the first calibration lies behind the first frame.
        infos = [self.camera_info_topic] if self.camera_info_topic else []
        first = next(self._messages(infos), None)
        camera_info = first.cdr if first else None
        for message in self._messages([self.topic, *infos]):
            if message.topic == self.topic:
                yield self._frame(next(numbers), message.cdr, camera_info)
            else:
                camera_info = message.cdr

    def _messages(self, topics: Sequence[str]) -> Iterator[RecordedMessage]:
        for item in self._recording.messages(topics):
            if isinstance(item, Fault):
                raise ClipError(_damaged(self.path, item.reason))
            yield item

    def _frame(self, index: int, cdr: bytes, camera_info: bytes | None) -> RecordedFrame:
        message_type = self._recording.topics[self.topic].type
        with _message_errors(self.path):
            message: Any = typestore().deserialize_cdr(memoryview(cdr), message_type)
        header = message.header
        stamp_ns = header.stamp.sec * 1_000_000_000 + header.stamp.nanosec
        return RecordedFrame(
            _number(index), stamp_ns, header.frame_id, message_type, cdr, camera_info
        )

    def close(self) -> None:
        """Release the recording; harmless when it is closed already."""
        self._recording.close()


def open_clip(path: Path, topic: str | None = None) -> Clip:
    """Open recorded camera frames for reading.

    Args:
        path: A rosbag2 folder, a bare .mcap or .db3 file, a video that OpenCV opens, a folder of
            png, jpg, jpeg or bmp images, or one such image.
        topic: Image topic of a recording that has several; other clips have no topics.

    Raises:
        ClipError: If the path is missing, is none of these or cannot be read, or if a
            recording's image topic is missing or not clear.

    """
    if not path.exists():
        msg = f"{path} does not exist; expected a recording, a video or images."
        raise ClipError(msg)
    if path.is_dir():
        return _open_folder(path, topic)
    if path.suffix in BAG_SUFFIXES:
        return BagClip(path, topic)
    if path.suffix == ".bag":
        msg = (
            f"{path} is a ROS 1 recording; expected ROS 2. Convert it first: "
            f"rosbags-convert --src {path.name} --dst {path.stem}"
        )
        raise ClipError(msg)
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return ImagesClip(path, [path])
    return VideoClip(path)


def _open_folder(path: Path, topic: str | None) -> Clip:
    if (path / "metadata.yaml").exists():
        return BagClip(path, topic)
    files = [file for file in path.iterdir() if not file.name.startswith(".")]
    if images := [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES]:
        return ImagesClip(path, sorted(images, key=_natural_order))
    if bags := sorted(file.name for file in files if file.suffix in BAG_SUFFIXES):
        msg = (
            f"{path} holds {', '.join(bags)} but no metadata.yaml; expected a complete recording. "
            f"Open the file itself, or run: ros2 bag reindex {path.name}"
        )
        raise ClipError(msg)
    msg = (
        f"{path} holds {len(files)} entries, none of them an image; expected a rosbag2 folder with "
        f"metadata.yaml, or files ending in {', '.join(IMAGE_SUFFIXES)} directly in the folder."
    )
    raise ClipError(msg)


def _natural_order(path: Path) -> tuple[list[int | str], str]:
    """Sort numbers inside names by value; re.split puts them at the odd places."""
    parts = re.split(r"(\d+)", path.name)
    return [int(part) if i % 2 else part.lower() for i, part in enumerate(parts)], path.name


def _image_frame(index: int, file: Path) -> PictureFrame:
    try:
        bgr = read_picture(file, cv2.IMREAD_COLOR)
    except PictureError as error:
        msg = f"{error}."
        raise ClipError(msg) from error
    return PictureFrame(file.stem, _stamp_ns(index, NOMINAL_RATE), NOMINAL_FRAME_ID, _to_rgb(bgr))


def _to_rgb(bgr: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def _number(index: int) -> str:
    return f"{index:06d}"


def _stamp_ns(index: int, rate: float) -> int:
    return round(index * 1e9 / rate)


class _Video:
    """RGB frames of a video file through OpenCV."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._capture = cv2.VideoCapture(str(path))
        width = self.property(cv2.CAP_PROP_FRAME_WIDTH, int) or 0
        self._check_size(width, self.property(cv2.CAP_PROP_FRAME_HEIGHT, int) or 0)

    def __iter__(self) -> Iterator[npt.NDArray[np.uint8]]:
        while (frame := self._capture.read())[0]:
            yield _to_rgb(frame[1])

    def property(self, code: int, kind: type[Any]) -> Any:
        """Return a property of the file, None where it is unknown (zero, negative or NaN)."""
        value = self._capture.get(code)
        return kind(value) if value > 0 else None

    def _check_size(self, width: int, height: int) -> None:
        """FFmpeg refuses frames beyond 2^28 pixels itself, wherever in the file they come."""
        if width * height > MAX_PIXELS:
            msg = f"{too_large(self._path, f'{width} x {height}')}."
            raise ClipError(msg)

    def read_first(self) -> None:
        if not self._capture.read()[0]:
            msg = (
                f"{self._path} cannot be read as a video; expected a rosbag2 recording "
                f"({', '.join(BAG_SUFFIXES)} or its folder), a video OpenCV can decode, or images "
                f"({', '.join(IMAGE_SUFFIXES)}). Convert it to H.264 MP4, or check that it is "
                "complete."
            )
            raise ClipError(msg)

    def close(self) -> None:
        self._capture.release()


def _open_bag(path: Path) -> Recording:
    try:
        return Recording(str(path))
    except BagError as error:
        msg = f"{error}."
        raise ClipError(msg) from error


def _refuse_faults(path: Path, faults: Sequence[Fault]) -> None:
    """A replay that leaves something out would not be what was recorded."""
    if faults:
        raise ClipError(_damaged(path, faults[0].reason))


@contextmanager
def _message_errors(path: Path) -> Iterator[None]:
    """Turn what rosbags passes on of a damaged message, from struct, NumPy and UTF-8."""
    try:
        yield
    except Exception as error:
        raise ClipError(_damaged(path, str(error) or type(error).__name__)) from error


def _damaged(path: Path, reason: str) -> str:
    return (
        f"{path} cannot be read as a rosbag2 recording ({reason.rstrip('.')}); expected a complete "
        f"{' or '.join(BAG_SUFFIXES)} recording. Repair it (mcap recover, ros2 bag reindex) or "
        "record it again."
    )


def _choose_topic(path: Path, topics: Mapping[str, Topic], wanted: str | None) -> str:
    """Return the wanted image topic, or else the only one."""
    images = {
        name: topic for name, topic in topics.items() if topic.holds_images and topic.count != 0
    }
    if not images:
        found = _list_topics(topics) or "none"
        msg = (
            f"{path} has no frames on any image topic; expected {IMAGE_TYPE} or "
            f"{COMPRESSED_IMAGE_TYPE}. Topics recorded: {found}."
        )
        raise ClipError(msg)
    choice = [wanted] if wanted else _without_compressed_copies(images)
    if len(choice) == 1 and choice[0] in images:
        return choice[0]
    problem = f"has no frames on topic {wanted}" if wanted else f"has {len(choice)} image topics"
    msg = f"{path} {problem}; name one of these as the topic: {_list_topics(images)}."
    raise ClipError(msg)


def _without_compressed_copies(topics: Mapping[str, Topic]) -> list[str]:
    """Leave out the compressed topics whose picture is there raw as well."""
    raw = {name for name, topic in topics.items() if topic.type == IMAGE_TYPE}
    return [name for name in topics if name in raw or _base_topic(name) not in raw]


def _base_topic(topic: str) -> str:
    """Return an image's topic without the transport, '/cam/image_raw/compressed' or not."""
    return topic.removesuffix("/compressed")


def _camera_info_topic(topics: Mapping[str, Topic], image_topic: str) -> str | None:
    """Return the recorded CameraInfo topic beside an image topic, None if there is none."""
    name = f"{_base_topic(image_topic).rpartition('/')[0]}/camera_info"
    info = topics.get(name)
    return name if info and info.type == CAMERA_INFO_TYPE and info.count != 0 else None


def _list_topics(topics: Mapping[str, Topic]) -> str:
    return ", ".join(f"{name} ({topic.type}, {topic.count})" for name, topic in topics.items())


def _rate(stamps_ns: list[int]) -> float | None:
    """Return frames per second; by the median, so that a lost frame does not count."""
    interval = np.median(np.diff(stamps_ns)) if len(stamps_ns) > 1 else 0
    return float(1e9 / interval) if interval > 0 else None
