# SPDX-License-Identifier: Apache-2.0
"""What fuzzing the messages and parameters has found, a case each; bags and files have theirs."""

import random
import subprocess
import sys
from array import array
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
from pictures import joined, mutated_picture, pictures

from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.shipped import find_model
from segnet_ros.messages.image_conversion import ImageConversionError, decode_compressed, to_rgb
from segnet_ros.ros.launch_arguments import LaunchArgumentError, LaunchArguments

NEEDS_ROS = pytest.mark.skipif(find_spec("rclpy") is None, reason="needs rclpy")
LONG = "x" * 10**6


def refusal_of(content: bytes) -> str:
    with pytest.raises(ImageConversionError) as error:
        decode_compressed(SimpleNamespace(format="", data=array("B", content)))
    return str(error.value)


def test_an_encoding_of_a_megabyte_is_not_repeated() -> None:
    message = SimpleNamespace(encoding=LONG, height=1, width=1, step=1, is_bigendian=0, data=b"1")
    with pytest.raises(ImageConversionError, match=r"image encoding 'x+\.\.\.x+' is not") as error:
        to_rgb(message)
    assert len(str(error.value)) < 1000


def test_58_bytes_that_cost_three_gigabytes() -> None:
    png = bytes.fromhex(
        "89504e470d0a1a0a0000000d494844520000000b0000000d08000000005af8f8"
        "b7b70000a74944415478" "9c019c0063ff00f7ceecd2043b6c5123"
    )  # fmt: skip
    assert "is corrupt or cut short: a chunk ends at byte 3070230740" in refusal_of(png)


def test_an_end_before_the_pixels_that_cost_two_gigabytes() -> None:
    header, *_, end = _chunks(pictures()[-1])
    hidden = b"\x82\0\0\x10tRNS"
    assert "it ends before its pixels" in refusal_of(joined([header, end]) + hidden)


def test_an_animation_that_crashed_the_decoder() -> None:
    """Frame data twice: OpenCV 4.14 ends the process."""
    header, control, _, whole, part, data, end = _chunks(pictures()[-2])
    crashing = joined([header, control, whole, part, data, (b"tRNS", data[1]), data, end])
    assert "is an animated PNG, expected a single picture" in refusal_of(crashing)


def _chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    chunks, at = [], 8
    while at < len(png):
        size = int.from_bytes(png[at : at + 4], "big")
        chunks.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + size]))
        at += 12 + size
    return chunks


@pytest.mark.parametrize("name", ["x" * 10**6, "a/" * 5000, "~nobody/x", "\0"])
def test_names_that_no_model_has(name: str) -> None:
    with pytest.raises(InferenceError, match=r"^no model ") as error:
        find_model(name)
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize("given", ["~nobody/x", "x" * 300, "\0", "a/" * 5000])
def test_paths_that_cannot_exist(given: str) -> None:
    values = {"cameras": "", "replay": given, "bag": "", "rate": ""}
    with pytest.raises(LaunchArgumentError, match=r"^replay is .*, which does not exist$") as error:
        LaunchArguments(values).path("replay")
    assert len(str(error.value)) < 500


@NEEDS_ROS
@pytest.mark.parametrize(
    "fields",
    [
        {"width": 2**32 - 1, "height": 480},
        {"width": 640, "height": 480, "binning_x": 600, "binning_y": 2**29},
    ],
)
def test_calibrations_of_sensors_larger_than_can_be_told(fields: dict[str, int]) -> None:
    from rclpy.serialization import deserialize_message, serialize_message
    from sensor_msgs.msg import CameraInfo, RegionOfInterest

    from segnet_ros.ros.camera_info import picture_size, scaled_camera_info

    window = RegionOfInterest(x_offset=2**31, width=2, height=2)
    info = CameraInfo(k=np.ones(9), p=np.ones(12), roi=window, **fields)
    scaled = scaled_camera_info(info, (320, 240))
    sent = deserialize_message(serialize_message(scaled), CameraInfo)
    assert (sent.width, sent.height, picture_size(sent)) == (320, 240, (320, 240))
    assert not sent.k.any()
    assert not sent.p.any()


@NEEDS_ROS
@pytest.mark.parametrize("calibration", [b"", b"\0", b"\0\1\0\0" + b"\xff" * 40])
def test_a_damaged_calibration_in_a_recording(calibration: bytes) -> None:
    from segnet_ros.bags.clip import ClipError, RecordedFrame
    from segnet_ros.ros.replay import prepare_frame

    kind = "sensor_msgs/msg/Image"
    frame = RecordedFrame("000007", 5, "camera", kind, b"\0\1\0\0", calibration)
    with pytest.raises(ClipError, match=r"^frame 000007: expected a sensor_msgs/msg/CameraInfo"):
        prepare_frame(frame, as_jpeg=False, size=None)


def test_changed_pictures_keep_their_outer_form() -> None:
    """Else every case would die at the first check, and the rest would never be tried."""
    rng = random.Random(1)
    for picture in pictures():
        assert mutated_picture(picture, rng)[:2] == picture[:2]


@NEEDS_ROS
def test_a_command_line_that_is_no_utf_8() -> None:
    command = [sys.executable, "-m", "segnet_ros", "node", "--ros-args", "-p", b"model:=\xff"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("segnet node: 'utf-8' codec can't encode character '\\udcff'")
    assert len(ended.stderr.splitlines()) == 1
