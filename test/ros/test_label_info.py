# SPDX-License-Identifier: Apache-2.0
"""What the ids mean, as a message."""

import importlib.util
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import Header

from segnet_ros.inference.model import SegmentationClass
from segnet_ros.inference.taxonomy import Taxonomy
from segnet_ros.ros.label_info import label_info, label_info_type

CLASSES = (
    SegmentationClass("drivable", (128, 64, 128)),
    SegmentationClass("Straße", (0, 10, 255)),
    SegmentationClass("person", (1, 2, 3)),
)


def taxonomy(name: str = "robot", costs: tuple[int, ...] = (0, 100, 254)) -> Taxonomy:
    ids = np.full(256, 255, np.uint8)
    return Taxonomy(name=name, classes=CLASSES, ids=ids, costs=costs, confidence_threshold=0.25)


def test_type_is_there_if_vision_msgs_is() -> None:
    installed = importlib.util.find_spec("vision_msgs") is not None
    assert (label_info_type() is not None) == installed


def test_label_info_names_the_published_ids() -> None:
    messages = pytest.importorskip(
        "vision_msgs.msg", reason="needs vision_msgs: a ROS distribution"
    )
    header = Header(frame_id="front_camera", stamp=Time(sec=12, nanosec=34))
    kind = label_info_type()
    assert kind is messages.LabelInfo
    message = deserialize_message(
        serialize_message(label_info(kind, taxonomy(), 0.25, header)), kind
    )
    assert message.header == header
    assert message.threshold == 0.25
    assert message.class_map == [
        messages.VisionClass(class_id=0, class_name="drivable"),
        messages.VisionClass(class_id=1, class_name="Straße"),
        messages.VisionClass(class_id=2, class_name="person"),
    ]


def test_label_info_where_vision_msgs_is_simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    messages = ModuleType("vision_msgs.msg")
    messages.LabelInfo = type("LabelInfo", (SimpleNamespace,), {})
    messages.VisionClass = type("VisionClass", (SimpleNamespace,), {})
    monkeypatch.setitem(sys.modules, "vision_msgs", ModuleType("vision_msgs"))
    monkeypatch.setitem(sys.modules, "vision_msgs.msg", messages)
    kind, header = label_info_type(), Header(frame_id="front_camera", stamp=Time(sec=12))
    assert kind is messages.LabelInfo
    message = label_info(kind, taxonomy(), 0.25, header)
    assert (message.header, message.threshold) == (header, 0.25)
    assert [(item.class_id, item.class_name) for item in message.class_map] == [
        (0, "drivable"), (1, "Straße"), (2, "person"),
    ]  # fmt: skip


def test_label_info_of_the_most_classes_leaves_255_out() -> None:
    pytest.importorskip("vision_msgs.msg", reason="needs vision_msgs: a ROS distribution")
    classes = tuple(SegmentationClass(str(index), (0, 0, 0)) for index in range(255))
    most = Taxonomy("", classes, np.arange(256, dtype=np.uint8), (), 0.0)
    message = label_info(label_info_type(), most, 0.0, Header())
    assert [item.class_id for item in message.class_map] == list(range(255))
