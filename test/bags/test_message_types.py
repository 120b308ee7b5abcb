# SPDX-License-Identifier: Apache-2.0

from segnet_ros.bags.message_types import known_definition, typestore


def test_known_type_has_a_text_with_all_types_in_it_and_the_hash_of_ros() -> None:
    text, type_hash = known_definition("sensor_msgs/msg/CompressedImage")
    assert text.startswith("std_msgs/Header header\nstring format\nuint8[] data\n====")
    assert "MSG: std_msgs/Header\n" in text
    assert "MSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n" in text
    assert type_hash == "RIHS01_15640771531571185e2efc8a100baf923961a4d15d5569652e6cb6691e8e371a"


def test_unknown_type_has_none() -> None:
    assert known_definition("my_msgs/msg/Nothing") == ("", "")


def test_message_survives_the_way_there_and_back() -> None:
    types = typestore().types
    header = types["std_msgs/msg/Header"](types["builtin_interfaces/msg/Time"](1, 2), "camera")
    message = types["std_msgs/msg/String"]("héllo")
    data = typestore().serialize_cdr(message, "std_msgs/msg/String")
    assert typestore().deserialize_cdr(data, "std_msgs/msg/String") == message
    data = typestore().serialize_cdr(header, "std_msgs/msg/Header")
    assert typestore().deserialize_cdr(data, "std_msgs/msg/Header") == header
