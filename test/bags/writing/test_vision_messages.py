# SPDX-License-Identifier: Apache-2.0
"""LabelInfo without vision_msgs: the same bytes, the same type hash."""

from rosbags.typesys import Stores, get_typestore

from segnet_ros.bags.writing.vision_messages import (
    LABEL_INFO_TYPE,
    VISION_CLASS_TYPE,
    label_type_store,
)


def test_type_hashes_are_those_of_vision_msgs_4_1_1() -> None:
    store = label_type_store()
    assert store.hash_rihs01(LABEL_INFO_TYPE) == (
        "RIHS01_3d37df4015cdf660cc851c51897f2acd957e1ca6205ba0a99aebffb9406b0783"
    )
    assert store.hash_rihs01(VISION_CLASS_TYPE) == (
        "RIHS01_1e4a11f0fed50b5623cb8ff26ca0e37952a48a9c074d16f804b44e9164c2037a"
    )


def test_a_label_info_has_the_bytes_of_the_genuine_one() -> None:
    store = label_type_store()
    types = store.types
    message = types[LABEL_INFO_TYPE](
        header=types["std_msgs/msg/Header"](
            stamp=types["builtin_interfaces/msg/Time"](sec=1, nanosec=2), frame_id="camera"
        ),
        class_map=[types[VISION_CLASS_TYPE](class_id=3, class_name="sky")],
        threshold=0.5,
    )
    assert bytes(store.serialize_cdr(message, LABEL_INFO_TYPE)) == (
        b"\x00\x01\x00\x00"
        b"\x01\x00\x00\x00\x02\x00\x00\x00"  # stamp
        b"\x07\x00\x00\x00camera\x00\x00"  # frame_id, padded
        b"\x01\x00\x00\x00"  # one class
        b"\x03\x00\x00\x00\x04\x00\x00\x00sky\x00"
        b"\x00\x00\x00\x3f"  # threshold
    )


def test_the_definition_brings_all_types_in_it() -> None:
    text, _ = label_type_store().generate_msgdef(LABEL_INFO_TYPE, ros_version=2)
    line = "=" * 80
    assert text.split(f"{line}\n") == [
        "std_msgs/Header header\nvision_msgs/VisionClass[] class_map\nfloat32 threshold\n",
        "MSG: std_msgs/Header\nbuiltin_interfaces/Time stamp\nstring frame_id\n",
        "MSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n",
        "MSG: vision_msgs/VisionClass\nuint16 class_id\nstring class_name\n",
    ]


def test_other_stores_are_left_alone() -> None:
    label_type_store()
    assert LABEL_INFO_TYPE not in get_typestore(Stores.ROS2_JAZZY).types
