# SPDX-License-Identifier: Apache-2.0
"""Bytes that are no messages, and requests that make no sense, sent to the running node."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs rclpy: pip install 'segnet_ros[ros]'")
pytest.importorskip("openvino", reason="needs openvino: pip install 'segnet_ros[cpu]'")

from lifecycle_msgs.srv import ChangeState
from peer import NodeProcess, Peer, image, pixels, reliable, running_node
from rcl_interfaces.msg import Parameter, ParameterValue
from rcl_interfaces.srv import ListParameters, SetParameters, SetParametersAtomically
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo

PICTURE = np.random.default_rng(3).integers(0, 256, (12, 16, 3), np.uint8)
MOST_MEMORY = 128 << 20
"""That garbage may cost a node, bytes; one sequence of 2^32 - 1 elements would be 4 GiB or more."""

LOST = "image lost: UnreadableMessageError: what came on /image is no Image, or not a whole one"


@pytest.fixture
def node(channel_model: Path, tmp_path: Path, own_domain: None) -> Iterator[NodeProcess]:
    arguments = ("-p", f"model:={channel_model}", "-p", "autostart:=true", *reliable("/image"))
    with running_node(tmp_path / "log", *arguments) as node:
        yield node


def most_memory(node: NodeProcess) -> int:
    """The node's greatest resident memory so far, bytes."""
    status = Path(f"/proc/{node.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) << 10


def garbage(message: bytes) -> Iterator[bytes]:
    """Bytes in the place of a message: cut, random, and with every number the greatest one."""
    yield b"\0\1\0\0"
    yield message[: len(message) // 2]
    yield message[:40]
    yield np.random.default_rng(1).bytes(1000)
    for at in range(4, min(len(message), 120), 4):
        for number in (b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f"):
            yield message[:at] + number + message[at + 4 :]


def send_all(peer: Peer, publisher: Any, contents: Iterator[bytes]) -> int:
    count = 0
    for content in contents:
        publisher.publish(content)
        peer.executor.spin_once(timeout_sec=0.01)
        count += 1
    return count


def test_images_and_calibrations_that_are_none(node: NodeProcess, peer: Peer) -> None:
    labels = peer.subscribe("/segmentation/label")
    infos = peer.subscribe("/segmentation/camera_info", kind=CameraInfo)
    camera, calibration = peer.camera("/image"), peer.camera("/camera_info", kind=CameraInfo)
    good = image(PICTURE, "rgb8")
    info = CameraInfo(width=16, height=12, k=np.ones(9), p=np.ones(12), d=[0.5] * 5)
    calibration.publish(info)
    peer.publish_until(camera, good, lambda: labels and infos)
    before = most_memory(node)

    sent = send_all(peer, calibration, garbage(serialize_message(info)))
    sent += send_all(peer, camera, garbage(serialize_message(good)))
    assert sent > 80
    # One at a time, again: of those that came in a row some were superseded.
    cut = serialize_message(good)[:-1]
    peer.publish_until(camera, cut, lambda: LOST in node.text())
    peer.publish_until(camera, image(PICTURE, "none"), lambda: peer.books()["failed"] > 0)
    labels.clear()
    peer.publish_until(camera, image(PICTURE, "rgb8", (777, 0)), lambda: _of(labels, 777))

    np.testing.assert_array_equal(pixels(_of(labels, 777)[0]), PICTURE.argmax(2))
    assert most_memory(node) - before < MOST_MEMORY
    peer.until(lambda: peer.books()["pending"] == 0, "the books")
    books = peer.books()
    assert books["received"] == books["published"] + books["superseded"] + books["failed"]
    assert "frame dropped: " in node.text()


def _of(labels: list[Any], second: int) -> list[Any]:
    return [label for label in labels if label.header.stamp.sec == second]


def test_requests_that_make_no_sense(node: NodeProcess, peer: Peer) -> None:
    peer.until(lambda: peer.values().get("state") == "active", "an active node")
    no_type = Parameter(name="max_age", value=ParameterValue(type=200))
    text = Parameter(name="max_age", value=ParameterValue(type=4, string_value="\n" * 10_000))
    unknown = Parameter(name="x" * 10_000, value=ParameterValue(type=1))
    of_nothing = ChangeState.Request()
    of_nothing.transition.id, of_nothing.transition.label = 255, "\n" * 10_000
    requests = {
        "set_parameters": (SetParameters, SetParameters.Request(parameters=[no_type])),
        "set_parameters_atomically": (
            SetParametersAtomically,
            SetParametersAtomically.Request(parameters=[no_type]),
        ),
        "list_parameters": (
            ListParameters,
            ListParameters.Request(prefixes=["\n", ".", ""], depth=2**64 - 1),
        ),
        "change_state": (ChangeState, of_nothing),
    }
    for name, (kind, request) in requests.items():
        peer.ask(kind, f"/segmentation/{name}", request)
    for parameter in (text, unknown):
        request = SetParameters.Request(parameters=[parameter])
        (result,) = peer.call(SetParameters, "/segmentation/set_parameters", request).results
        assert not result.successful
        assert result.reason

    assert peer.set_parameter("max_age", 2.0).successful
    assert peer.parameter("max_age") == 2.0
    assert peer.state() == "active"
    told = "a request failed and got no answer: ValueError: 200 is not a valid Parameter.Type"
    assert told in node.text()
