# SPDX-License-Identifier: Apache-2.0
"""Images or a video as a rosbag2 recording."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from segnet_ros.bags.ahead import map_ahead
from segnet_ros.bags.clip import (
    NOMINAL_RATE,
    BagClip,
    Clip,
    ClipFrame,
    ImagesClip,
    open_clip,
)
from segnet_ros.bags.errors import BagError
from segnet_ros.bags.recorded import COMPRESSED_IMAGE_TYPE, IMAGE_TYPE, RecordedMessage, Topic
from segnet_ros.bags.writing.image_messages import file_message, frame_message
from segnet_ros.bags.writing.new_bag import new_bag
from segnet_ros.bags.writing.new_topics import new_topic

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_THREADS = 2
_AHEAD = 8


@dataclass(frozen=True)
class Packing:
    """How images become messages.

    Attributes:
        topic: Of raw images; "/compressed" is appended for compressed ones.
        frame_id: Of every header.
        start_ns: Stamp of the first image, nanoseconds since 1970.
        rate: Images per second; None for the video's own, or 30.
        raw: Whether images are decoded to rgb8. Otherwise JPEG and PNG files are copied byte for
            byte, BMP files become PNG and the frames of a video JPEG.

    """

    topic: str
    frame_id: str
    start_ns: int
    rate: float | None
    raw: bool


def pack_images(source: Path, output: Path, storage: str, packing: Packing) -> int:
    """Write images to a new recording; log times equal the stamps.

    Args:
        source: Folder of images, in natural order; an image; or a video.
        output: Folder, must not exist.
        storage: One of `new_bag.STORAGES`.
        packing: What the messages look like.

    Returns:
        How many there were.

    Raises:
        BagError: an image cannot be decoded, the source is a recording, or the output exists or
            cannot be written. There is no output then.
        ClipError: the source is missing or holds no images.

    """
    topic = _topic(packing)
    with open_clip(source) as clip:
        if isinstance(clip, BagClip):
            msg = f"{source} is a recording already; expected images or a video"
            raise BagError(msg)
        with new_bag(output, [topic], storage) as write:
            count = 0
            for message in _messages(clip, topic.name, packing):
                write(message)
                count += 1
    return count


def _topic(packing: Packing) -> Topic:
    if packing.raw:
        return new_topic(packing.topic, IMAGE_TYPE)
    return new_topic(f"{packing.topic}/compressed", COMPRESSED_IMAGE_TYPE)


def _messages(clip: Clip, topic: str, packing: Packing) -> Iterator[RecordedMessage]:
    rate = packing.rate or clip.rate or NOMINAL_RATE

    def message(item: tuple[int, Path | ClipFrame]) -> RecordedMessage:
        index, image = item
        stamp_ns = packing.start_ns + round(index * 1e9 / rate)
        return RecordedMessage(topic, stamp_ns, _serialised(image, stamp_ns, packing))

    images: Iterable[Path | ClipFrame] = (
        clip.files if isinstance(clip, ImagesClip) else clip.frames()
    )
    return map_ahead(message, enumerate(images), _THREADS, _AHEAD)


def _serialised(image: Path | ClipFrame, stamp_ns: int, packing: Packing) -> bytes:
    if isinstance(image, Path):
        return file_message(image, packing.raw, stamp_ns, packing.frame_id)
    return frame_message(image.rgb(), packing.raw, stamp_ns, packing.frame_id)
