# SPDX-License-Identifier: Apache-2.0
"""Message definitions that recordings are read and written with."""

from functools import cache

from rosbags.typesys import Stores, TypesysError, get_typestore
from rosbags.typesys.store import Typestore

MESSAGE_DEFINITION = "ros2msg"
"""What rosbag2 calls the format of .msg files, all types of a message in one text."""


@cache
def typestore() -> Typestore:
    """Return the message definitions recordings are read with.

    Always the ones of Jazzy: the image messages are the same in every ROS 2 distribution, and
    many recordings carry no definitions.
    """
    return get_typestore(Stores.ROS2_JAZZY)


@cache
def known_definition(kind: str) -> tuple[str, str]:
    """Text of a type with all types in it, and its hash "RIHS01_..."; empty for an unknown one."""
    try:
        text, _ = typestore().generate_msgdef(kind, ros_version=2)
        return text, typestore().hash_rihs01(kind)
    except TypesysError:
        return "", ""
