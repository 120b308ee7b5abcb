# SPDX-License-Identifier: Apache-2.0
"""What a recording is made of."""

from __future__ import annotations

from dataclasses import dataclass

IMAGE_TYPE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE_TYPE = "sensor_msgs/msg/CompressedImage"


@dataclass(frozen=True)
class Topic:
    """A recorded topic.

    Attributes:
        name: Full name.
        type: Such as "sensor_msgs/msg/Image".
        definition: Text of the type with all types in it; empty if it was not recorded.
        definition_format: "ros2msg" or "ros2idl"; of a missing definition empty.
        type_hash: "RIHS01_...", or empty.
        qos: YAML text of the offered QoS profiles, as recorded; may be empty.
        serialization: "cdr" of every ROS 2 middleware so far.
        count: Messages; None if the recording does not tell.

    """

    name: str
    type: str
    definition: str = ""
    definition_format: str = ""
    type_hash: str = ""
    qos: str = ""
    serialization: str = "cdr"
    count: int | None = None

    @property
    def holds_images(self) -> bool:
        """Whether these are Image or CompressedImage messages."""
        return self.type in (IMAGE_TYPE, COMPRESSED_IMAGE_TYPE)


@dataclass(frozen=True)
class RecordedMessage:
    """A message, still serialised.

    Attributes:
        topic: Full name.
        time_ns: When it was recorded, nanoseconds since 1970.
        cdr: With its encapsulation header.

    """

    topic: str
    time_ns: int
    cdr: bytes


@dataclass(frozen=True)
class Fault:
    """Something in a recording that cannot be read; it is left out and counted.

    Attributes:
        reason: One sentence.
        topic: Full name; empty if it cannot be known.
        time_ns: When the first of it was recorded, nanoseconds since 1970; None if unknown.
        lost: Messages lost; 0 if unknown.

    """

    reason: str
    topic: str = ""
    time_ns: int | None = None
    lost: int = 0
