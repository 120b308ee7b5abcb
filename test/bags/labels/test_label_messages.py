# SPDX-License-Identifier: Apache-2.0
"""The messages of a labelled recording."""

from typing import Any

import cv2
import numpy as np

from segnet_ros.bags.labels.label_messages import (
    info_messages,
    label_message,
    output_topic,
    output_topics,
    overlay_message,
)
from segnet_ros.bags.pictures import Picture
from segnet_ros.bags.recorded import RecordedMessage
from segnet_ros.bags.writing.vision_messages import label_type_store
from segnet_ros.inference.model import SegmentationClass
from segnet_ros.inference.taxonomy import Taxonomy

STAMP = 12 * 10**9 + 345
RECORDED = 99 * 10**9 + 7
PICTURE = Picture(
    RecordedMessage("/camera/image_raw", RECORDED, b""),
    STAMP,
    "front_camera",
    np.zeros((6, 8, 3), np.uint8),
)


def read(message: RecordedMessage, kind: str = "sensor_msgs/msg/CompressedImage") -> Any:
    return label_type_store().deserialize_cdr(message.cdr, kind)


def test_a_map_is_lossless_under_the_pictures_stamp() -> None:
    labels = np.random.default_rng(0).integers(0, 256, (6, 8)).astype(np.uint8)
    message = label_message(PICTURE, "left", "confidence", labels)
    content = read(message)
    assert (message.topic, message.time_ns) == (
        "/segmentation/left/confidence/compressed",
        RECORDED,
    )
    assert (content.header.stamp.sec, content.header.stamp.nanosec) == (12, 345)
    assert content.header.frame_id == "front_camera"
    assert content.format == "mono8; png compressed "
    decoded = cv2.imdecode(content.data, cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(decoded, labels)


def test_an_overlay_is_a_jpeg_close_to_it() -> None:
    overlay = np.zeros((64, 48, 3), np.uint8)
    overlay[:, :24], overlay[:, 24:] = (200, 30, 60), (20, 90, 180)
    message = overlay_message(PICTURE, "", overlay)
    content = read(message)
    assert message.topic == "/segmentation/overlay/compressed"
    assert (content.header.stamp.sec, content.header.stamp.nanosec) == (12, 345)
    assert content.format == "rgb8; jpeg compressed bgr8"
    assert content.data[:3].tobytes() == b"\xff\xd8\xff"
    decoded = np.asarray(cv2.imdecode(content.data, cv2.IMREAD_COLOR))[..., ::-1]
    error = np.abs(decoded.astype(int) - overlay)
    assert np.delete(error, slice(16, 32), axis=1).max() <= 2  # the edge is in these blocks


def test_the_ids_are_named() -> None:
    classes = (SegmentationClass("road", (1, 2, 3)), SegmentationClass("sky", (4, 5, 6)))
    taxonomy = Taxonomy("", classes, np.arange(256).astype(np.uint8), (), 0.0)
    messages = info_messages(["right", "left"], taxonomy, 0.25, '{"model": "x"}', RECORDED)
    assert [message.topic for message in messages] == [
        "/segmentation/left/label_info",
        "/segmentation/left/model_info",
        "/segmentation/right/label_info",
        "/segmentation/right/model_info",
    ]
    assert {message.time_ns for message in messages} == {RECORDED}
    info = read(messages[0], "vision_msgs/msg/LabelInfo")
    assert [(item.class_id, item.class_name) for item in info.class_map] == [
        (0, "road"),
        (1, "sky"),
    ]
    assert info.threshold == 0.25
    assert (info.header.stamp.sec, info.header.stamp.nanosec) == (99, 7)
    assert read(messages[1], "std_msgs/msg/String").data == '{"model": "x"}'


def test_players_are_told_what_late_subscribers_get() -> None:
    topics = {topic.name: topic for topic in output_topics([""], ["label"])}
    assert topics.keys() == {
        output_topic("", "label"),
        "/segmentation/label_info",
        "/segmentation/model_info",
    }
    assert "durability: 1" in topics["/segmentation/label_info"].qos  # transient local
    assert "durability: 2" in topics["/segmentation/label/compressed"].qos  # volatile
    assert "uint16 class_id" in topics["/segmentation/label_info"].definition
