# SPDX-License-Identifier: Apache-2.0
"""The messages of a labelled recording: topics, types and contents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from segnet_ros.bags.recorded import COMPRESSED_IMAGE_TYPE, RecordedMessage, Topic
from segnet_ros.bags.writing.new_topics import new_topic
from segnet_ros.bags.writing.vision_messages import (
    LABEL_INFO_TYPE,
    VISION_CLASS_TYPE,
    label_type_store,
)
from segnet_ros.messages.image_conversion import encode_png

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from segnet_ros.bags.pictures import Picture
    from segnet_ros.inference.taxonomy import Taxonomy

Pixels = npt.NDArray[np.uint8]

OUTPUTS = ("label", "confidence", "overlay", "uncertainty", "flicker")
"""What can be written of each frame."""

_STRING_TYPE = "std_msgs/msg/String"
_INFOS = {"label_info": LABEL_INFO_TYPE, "model_info": _STRING_TYPE}
_JPEG_QUALITY = 90


def output_topics(cameras: Collection[str], outputs: Sequence[str]) -> list[Topic]:
    """The topics that labels are written to.

    Args:
        cameras: Names, from `camera_names`; "" for the only one.
        outputs: Some of `OUTPUTS`.

    """
    topics = []
    for camera in sorted(cameras):
        topics += [new_topic(output_topic(camera, name), COMPRESSED_IMAGE_TYPE) for name in outputs]
        topics += [
            new_topic(_topic(camera, name), kind, latched=True) for name, kind in _INFOS.items()
        ]
    return topics


def output_topic(camera: str, output: str) -> str:
    """Full name of a picture topic."""
    return _topic(camera, f"{output}/compressed")


def label_message(picture: Picture, camera: str, output: str, pixels: Pixels) -> RecordedMessage:
    """A map of ids or of levels, uint8 [H, W], as a PNG under the picture's stamp: lossless."""
    message = _compressed_image(picture)
    encode_png(message, pixels)
    return _recorded(output_topic(camera, output), picture.message.time_ns, message)


def overlay_message(picture: Picture, camera: str, overlay: Pixels) -> RecordedMessage:
    """An overlay, uint8 [H, W, 3] RGB, as a JPEG under the picture's stamp."""
    message = _compressed_image(picture)
    bgr = cv2.cvtColor(overlay, cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    message.data = jpeg.reshape(-1)
    message.format = "rgb8; jpeg compressed bgr8"
    return _recorded(output_topic(camera, "overlay"), picture.message.time_ns, message)


def info_messages(
    cameras: Collection[str], taxonomy: Taxonomy, threshold: float, model_info: str, time_ns: int
) -> list[RecordedMessage]:
    """What the labels of each camera mean, and what made them.

    Args:
        cameras: Names.
        taxonomy: Whose classes are written. Unlabelled, 255, is not among them, as in the node.
        threshold: Labels with a lower confidence, 0..1, are unlabelled.
        model_info: JSON.
        time_ns: When they are recorded, nanoseconds since 1970; their stamp, too.

    """
    types = label_type_store().types
    classes = [
        types[VISION_CLASS_TYPE](class_id=index, class_name=item.name)
        for index, item in enumerate(taxonomy.classes)
    ]
    info = types[LABEL_INFO_TYPE](
        header=_header(time_ns, ""), class_map=classes, threshold=threshold
    )
    text = types[_STRING_TYPE](data=model_info)
    return [
        _recorded(_topic(camera, name), time_ns, message)
        for camera in sorted(cameras)
        for name, message in zip(_INFOS, (info, text), strict=True)
    ]


def _topic(camera: str, name: str) -> str:
    return f"/segmentation/{camera}/{name}" if camera else f"/segmentation/{name}"


def _header(stamp_ns: int, frame_id: str) -> Any:
    types = label_type_store().types
    sec, nanosec = divmod(stamp_ns, 1_000_000_000)
    stamp = types["builtin_interfaces/msg/Time"](sec=sec, nanosec=nanosec)
    return types["std_msgs/msg/Header"](stamp=stamp, frame_id=frame_id)


def _compressed_image(picture: Picture) -> Any:
    return label_type_store().types[COMPRESSED_IMAGE_TYPE](
        header=_header(picture.stamp_ns, picture.frame_id),
        format="",
        data=np.empty(0, np.uint8),
    )


def _recorded(topic: str, time_ns: int, message: Any) -> RecordedMessage:
    cdr = label_type_store().serialize_cdr(message, message.__msgtype__)
    return RecordedMessage(topic, time_ns, bytes(cdr))
