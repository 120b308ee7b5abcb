# SPDX-License-Identifier: Apache-2.0
"""Camera frames of a recording, decoded ahead of their reader."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from segnet_ros.bags.ahead import map_ahead, read_ahead
from segnet_ros.bags.message_types import typestore
from segnet_ros.bags.recorded import COMPRESSED_IMAGE_TYPE, Fault, RecordedMessage
from segnet_ros.inference.preprocessing import resize_image
from segnet_ros.messages.image_conversion import ImageConversionError, decode_compressed, to_rgb

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from segnet_ros.bags.recording import Recording
    from segnet_ros.bags.windows import Window

Pixels = npt.NDArray[np.uint8]

_READ_AHEAD = 8
_DECODE_THREADS = max(2, (os.cpu_count() or 1) // 2)  # what is made of frames wants the others
_DECODE_AHEAD = 2 * _DECODE_THREADS


@dataclass(frozen=True)
class Picture:
    """A camera frame.

    Attributes:
        message: As recorded.
        stamp_ns: Of its header, nanoseconds.
        frame_id: Of its header.
        image: uint8 [H, W, 3] RGB.
        leads: Whether it lies before the window, and is there for its successor's sake only.
        network_input: The image at a network's size, uint8 [H, W, 3] RGB; None if not asked for.
        decode_seconds: Time that decoding took, beside everything else that ran meanwhile.

    """

    message: RecordedMessage
    stamp_ns: int
    frame_id: str
    image: Pixels
    leads: bool = False
    network_input: Pixels | None = None
    decode_seconds: float = field(default=0.0, compare=False)


Item = Picture | RecordedMessage | Fault
"""A frame, a message of another topic, or what cannot be read."""


def read_pictures(
    recording: Recording,
    cameras: Collection[str],
    window: Window,
    *,
    others: bool = False,
    lead_ns: int = 0,
    network_size: tuple[int, int] | None = None,
) -> Iterator[Item]:
    """Read a window in the order of recording; reading and decoding run ahead in threads.

    Args:
        recording: Open; read by nobody else meanwhile.
        cameras: Image topics whose frames are decoded.
        window: The part to read.
        others: Whether messages of the other topics are wanted as well.
        lead_ns: How far before the window each camera's last frame is looked for, nanoseconds; it
            comes first, marked as `leads`. 0 for none.
        network_size: (width, height) in pixels of the network that is to see the frames: the
            threads that decode make `Picture.network_input` as well, so that no engine waits for
            it. None for none.

    Yields:
        What is recorded. A frame that cannot be decoded comes as its message, followed by a fault.

    """
    types = {name: recording.topics[name].type for name in cameras}
    topics = None if others else cameras
    messages = recording.messages(topics, window.start_ns, window.stop_ns)
    before = _last_before(recording, cameras, window, lead_ns)
    yield from _decoded(before, types, network_size, leads=True)
    yield from _decoded(read_ahead(messages, _READ_AHEAD), types, network_size)


def _last_before(
    recording: Recording, cameras: Collection[str], window: Window, lead_ns: int
) -> Iterable[RecordedMessage]:
    if not lead_ns:
        return []
    start = window.start_ns - lead_ns
    last: dict[str, RecordedMessage] = {}
    for message in recording.messages(cameras, start, window.start_ns):
        if isinstance(message, RecordedMessage):
            last[message.topic] = message
    return sorted(last.values(), key=lambda message: message.time_ns)


def _decoded(
    messages: Iterable[RecordedMessage | Fault],
    types: Mapping[str, str],
    network_size: tuple[int, int] | None,
    leads: bool = False,
) -> Iterator[Item]:
    def decode_one(message: RecordedMessage | Fault) -> tuple[Item, ...]:
        if isinstance(message, Fault) or message.topic not in types:
            return (message,)
        items = decode(message, types[message.topic], leads)
        return tuple(_resized(item, network_size) for item in items)

    for items in map_ahead(decode_one, messages, _DECODE_THREADS, _DECODE_AHEAD):
        if not leads:
            yield from items
        else:  # the window before reports what is wrong with them
            yield from (item for item in items if isinstance(item, Picture))


def _resized(item: Item, size: tuple[int, int] | None) -> Item:
    if size is None or not isinstance(item, Picture):
        return item
    return replace(item, network_input=resize_image(item.image, size))


def decode(message: RecordedMessage, kind: str, leads: bool = False) -> tuple[Item, ...]:
    """Decode an Image or CompressedImage.

    Args:
        message: Of an image topic.
        kind: The topic's type.
        leads: See `Picture`.

    Returns:
        The picture; or the message and what is wrong with it.

    """
    started = time.perf_counter()
    try:
        content: Any = typestore().deserialize_cdr(memoryview(message.cdr), kind)
        image = decode_compressed(content) if kind == COMPRESSED_IMAGE_TYPE else to_rgb(content)
    except ImageConversionError as error:
        return message, Fault(str(error), message.topic, message.time_ns, 1)
    except Exception as error:  # noqa: BLE001  # rosbags passes on what struct, NumPy and UTF-8 raise
        cause = str(error) or type(error).__name__
        reason = f"the message of {len(message.cdr)} bytes is no {kind} ({cause})"
        return message, Fault(reason, message.topic, message.time_ns, 1)
    stamp = content.header.stamp
    stamp_ns = stamp.sec * 1_000_000_000 + stamp.nanosec
    seconds = time.perf_counter() - started
    frame_id = content.header.frame_id
    return (Picture(message, stamp_ns, frame_id, image, leads, decode_seconds=seconds),)
