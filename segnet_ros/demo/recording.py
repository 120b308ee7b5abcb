# SPDX-License-Identifier: Apache-2.0
"""Read back what the recorder wrote."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rosbags.rosbag2 import Reader

from segnet_ros.bags.message_types import typestore
from segnet_ros.demo.recorder import CAMERA, LABEL, OVERLAY
from segnet_ros.messages.image_conversion import decode_compressed

Pixels = npt.NDArray[np.uint8]


def labels(recording: Path) -> Iterator[tuple[int, Pixels]]:
    """Header stamp in nanoseconds and label image uint8 [H, W] of every recorded label."""
    for stamp, message in _messages(recording, LABEL):
        yield stamp, np.asarray(message.data, np.uint8).reshape(message.height, message.step)


def camera(recording: Path) -> Iterator[tuple[int, Pixels]]:
    """Header stamp in nanoseconds and picture uint8 [H, W, 3] RGB of every camera image."""
    return _pictures(recording, CAMERA)


def overlays(recording: Path) -> Iterator[tuple[int, Pixels]]:
    """Header stamp in nanoseconds and picture uint8 [H, W, 3] RGB of every overlay."""
    return _pictures(recording, OVERLAY)


def _pictures(recording: Path, topic: str) -> Iterator[tuple[int, Pixels]]:
    for stamp, message in _messages(recording, f"{topic}/compressed"):
        yield stamp, decode_compressed(message)


def _messages(recording: Path, topic: str) -> Iterator[tuple[int, Any]]:
    store = typestore()
    with Reader(recording) as reader:
        connections = [c for c in reader.connections if c.topic == topic]
        for connection, _, cdr in reader.messages(connections):
            message: Any = store.deserialize_cdr(cdr, connection.msgtype)
            stamp = message.header.stamp
            yield stamp.sec * 1_000_000_000 + stamp.nanosec, message
