# SPDX-License-Identifier: Apache-2.0

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from mcap.writer import Writer

from segnet_ros.bags.message_types import typestore
from segnet_ros.bags.pictures import Item, Picture, decode, read_pictures
from segnet_ros.bags.recorded import COMPRESSED_IMAGE_TYPE, IMAGE_TYPE, Fault, RecordedMessage
from segnet_ros.bags.recording import Recording
from segnet_ros.bags.windows import Window

TYPES = typestore().types
STRING = "std_msgs/msg/String"
SECOND = 1_000_000_000
RAW, COMPRESSED, TEXT = "/raw", "/jpeg/compressed", "/text"


def pixels(number: int) -> np.ndarray:
    rgb = np.zeros((4, 6, 3), np.uint8)
    rgb[..., 0], rgb[..., 1], rgb[..., 2] = number, np.arange(6), 200
    return rgb


def header(number: int) -> Any:
    return TYPES["std_msgs/msg/Header"](TYPES["builtin_interfaces/msg/Time"](number, 7), "front")


def cdr(kind: str, *fields: Any) -> bytes:
    return bytes(typestore().serialize_cdr(TYPES[kind](*fields), kind))


def raw(number: int, encoding: str = "rgb8") -> bytes:
    return cdr(IMAGE_TYPE, header(number), 4, 6, encoding, 0, 18, pixels(number).reshape(-1))


def compressed(number: int) -> bytes:
    _, png = cv2.imencode(".png", pixels(number)[..., ::-1])
    return cdr(COMPRESSED_IMAGE_TYPE, header(number), "png", png.reshape(-1))


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """A raw frame at each second, a compressed one 0.1 s and a text 0.2 s later; two are broken."""
    writer = Writer(str(tmp_path / "bag.mcap"))
    writer.start("ros2", "test")
    channels = {}
    for topic, kind in {RAW: IMAGE_TYPE, COMPRESSED: COMPRESSED_IMAGE_TYPE, TEXT: STRING}.items():
        schema = writer.register_schema(kind, "ros2msg", b"x")
        channels[topic] = writer.register_channel(topic, "cdr", schema)
    for number in range(1, 6):
        broken = number == 3
        messages = {
            RAW: raw(number, "64FC7" if broken else "rgb8"),
            COMPRESSED: compressed(number)[:30] if broken else compressed(number),
            TEXT: cdr(STRING, f"text {number}"),
        }
        for step, (topic, data) in enumerate(messages.items()):
            time_ns = number * SECOND + step * SECOND // 10
            writer.add_message(channels[topic], time_ns, data, time_ns)
    writer.finish()
    return tmp_path / "bag.mcap"


def read(bag: Path, cameras: list[str], start: float, stop: float, **options: Any) -> list[Item]:
    window = Window(0, int(start * SECOND), int(stop * SECOND))
    with Recording(str(bag)) as recording:
        return list(read_pictures(recording, cameras, window, **options))


def test_frames_are_decoded_in_the_order_of_recording(bag: Path) -> None:
    items = read(bag, [COMPRESSED, RAW], 1, 3)
    pictures = [item for item in items if isinstance(item, Picture)]
    assert len(pictures) == len(items) == 4
    assert [picture.message.topic for picture in pictures] == [RAW, COMPRESSED] * 2
    for picture, number in zip(pictures, [1, 1, 2, 2], strict=True):
        np.testing.assert_array_equal(picture.image, pixels(number))
        assert (picture.stamp_ns, picture.frame_id) == (number * SECOND + 7, "front")
        assert not picture.leads
        assert picture.network_input is None
    assert pictures[0].message == RecordedMessage(RAW, SECOND, raw(1))


def test_frames_come_at_the_size_of_the_network_too(bag: Path) -> None:
    (picture,) = read(bag, [RAW], 1, 2, network_size=(3, 2))
    assert isinstance(picture, Picture)
    assert picture.image.shape == (4, 6, 3)
    assert picture.network_input is not None
    assert picture.network_input.shape == (2, 3, 3)
    assert set(picture.network_input[..., 2].ravel().tolist()) == {200}


def test_frame_that_cannot_be_decoded_is_its_message_and_a_fault(bag: Path) -> None:
    first, fault, second, other = read(bag, [COMPRESSED, RAW], 3, 4)
    assert first == RecordedMessage(RAW, 3 * SECOND, raw(3, "64FC7"))
    assert isinstance(fault, Fault)
    assert (fault.topic, fault.time_ns, fault.lost) == (RAW, 3 * SECOND, 1)
    assert "64FC7" in fault.reason
    assert isinstance(second, RecordedMessage)
    assert second.topic == COMPRESSED
    assert isinstance(other, Fault)
    assert other.reason.startswith("the message of 30 bytes is no sensor_msgs/msg/CompressedImage")


def test_other_messages_come_only_if_they_are_wanted(bag: Path) -> None:
    assert len(read(bag, [RAW], 1, 3)) == 2
    items = read(bag, [RAW], 1, 3, others=True)
    assert [type(item) for item in items] == [Picture, RecordedMessage, RecordedMessage] * 2
    assert items[2] == RecordedMessage(TEXT, 12 * SECOND // 10, cdr(STRING, "text 1"))


def test_last_frame_of_each_camera_before_the_window_leads(bag: Path) -> None:
    items = read(bag, [RAW, COMPRESSED], 5, 6, lead_ns=10 * SECOND, others=True)
    assert [isinstance(item, Picture) and item.leads for item in items] == [
        True, True, False, False, False,
    ]  # fmt: skip
    leads = [item for item in items if isinstance(item, Picture) and item.leads]
    assert [(item.message.topic, item.stamp_ns // SECOND) for item in leads] == [
        (RAW, 4),
        (COMPRESSED, 4),
    ]


def test_lead_is_not_looked_for_farther_than_asked(bag: Path) -> None:
    assert len(read(bag, [RAW], 2, 3, lead_ns=SECOND // 2)) == 1
    assert len(read(bag, [RAW], 2, 3, lead_ns=SECOND)) == 2


def test_lead_that_cannot_be_decoded_is_told_by_its_own_window_only(bag: Path) -> None:
    (only,) = read(bag, [RAW], 4, 5, lead_ns=SECOND)
    assert isinstance(only, Picture)
    assert not only.leads


@pytest.mark.parametrize("data", [b"", b"\0\1\0\0", b"\0\1\0\0" + b"\xff" * 40])
def test_message_of_another_kind_is_a_fault(data: bytes) -> None:
    message, fault = decode(RecordedMessage(RAW, 5, data), IMAGE_TYPE)
    assert message == RecordedMessage(RAW, 5, data)
    assert isinstance(fault, Fault)
    assert fault.reason.startswith(f"the message of {len(data)} bytes is no {IMAGE_TYPE} (")
    assert not fault.reason.endswith("()")
