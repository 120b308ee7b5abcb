# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

import pytest
from diagnostic_msgs.msg import DiagnosticStatus

from segnet_ros.inference.engine.jetson_health import JetsonHealth
from segnet_ros.ros.books import Books
from segnet_ros.ros.diagnostics import SILENCE_SECONDS, silence_explained, statuses
from segnet_ros.ros.health import CameraHealth, NodeHealth

NODE = NodeHealth("active", model="segnet", runtime="OpenVINO 1 CPU bf16")
CAMERA = CameraHealth(
    "",
    "active",
    topic="/image",
    publishers=1,
    books=Books(received=3, published=3),
    recent=Books(received=3, published=3),
    rate_in=30.0,
    rate_out=30.0,
    image="1280x720 bgr8",
    stamp_offset=0.0,
    image_values={"brightness": "97"},
    label_values={"confidence": "0.91"},
)
OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


JETSON = JetsonHealth({"cpu-thermal": 51.5, "gpu-thermal": 62.25}, "15W", "", 0.5)


def made(*cameras: CameraHealth, node: NodeHealth = NODE, jetson=None) -> dict:
    found = statuses("segmentation", node, cameras, jetson)
    return {status.name: status for status in found}


def values(status: DiagnosticStatus) -> dict[str, str]:
    return {item.key: item.value for item in status.values}


def test_one_camera() -> None:
    found = made(CAMERA)
    assert list(found) == [f"segmentation: {t}" for t in ("node", "frames", "image", "labels")]
    assert {status.level for status in found.values()} == {OK}
    assert {status.hardware_id for status in found.values()} == {"segnet_ros"}
    assert found["segmentation: node"].message == "active: segnet"
    assert values(found["segmentation: node"])["model"] == "segnet"
    assert found["segmentation: frames"].message == "30.0 labels/s of 30.0 images/s"
    assert values(found["segmentation: frames"])["frames received"] == "3"
    assert values(found["segmentation: image"]) == {"image": "1280x720 bgr8", "brightness": "97"}
    assert values(found["segmentation: labels"]) == {"confidence": "0.91"}


def test_each_of_several_cameras_has_its_own() -> None:
    left = replace(CAMERA, name="left", silence=9.0, hints=["nobody publishes /left/image"])
    found = made(replace(CAMERA, name="front"), left)
    tasks = ("node", "front frames", "front image", "front labels", "left frames", "left image")
    assert list(found)[:-1] == [f"segmentation: {task}" for task in tasks]
    assert found["segmentation: front frames"].level == OK
    assert found["segmentation: left frames"].level == ERROR
    told = found["segmentation: left frames"].message
    assert told == "no image for 9 s: nobody publishes /left/image"


def test_a_node_without_cameras_yet() -> None:
    (only,) = made(node=NodeHealth("unconfigured", refusal="no GPU")).values()
    assert only.name == "segmentation: node"
    assert only.level == ERROR
    assert only.message.startswith("cannot configure: no GPU | unconfigured: no labels")


def test_problems_of_picture_and_labels() -> None:
    found = made(
        replace(CAMERA, image_problems=["black", "blurred"], label_problems=["no drivable area"])
    )
    image, labels = found["segmentation: image"], found["segmentation: labels"]
    assert (image.level, image.message) == (WARN, "black | blurred")
    assert (labels.level, labels.message) == (WARN, "no drivable area")
    assert found["segmentation: frames"].level == OK


@pytest.mark.parametrize(
    "changes", [{"silence": 9.0}, {"idle": True}, {"state": "inactive"}, {"image": ""}]
)
def test_without_pictures_there_is_nothing_to_look_at(changes: dict) -> None:
    image = made(replace(CAMERA, image_problems=["black"], **changes))["segmentation: image"]
    assert (image.level, image.message) == (OK, "nothing to look at")


def test_a_jetson() -> None:
    jetson = made(jetson=JETSON)["segmentation: jetson"]
    assert (jetson.level, jetson.message) == (OK, "15W, hottest: gpu-thermal 62 deg C")
    assert values(jetson)["GPU load [%]"] == "50"
    hot = replace(JETSON, throttled="throttled: too hot")
    jetson = made(CAMERA, jetson=hot)["segmentation: jetson"]
    assert (jetson.level, jetson.message) == (WARN, "throttled: too hot")


def test_silence_is_exported_for_the_log() -> None:
    camera = replace(CAMERA, silence=SILENCE_SECONDS, publishers=0)
    assert "nobody publishes /image" in silence_explained(camera, NODE)


def test_long_messages_are_repeated_in_lines_that_are_echoed_in_full() -> None:
    hint = f"nobody publishes /image; image topics there are: {'/a/rather/long/name, ' * 9}/b"
    frames = made(replace(CAMERA, silence=9.0, hints=[hint]))["segmentation: frames"]
    lines = [item for item in frames.values if item.key.startswith("message, line ")]
    assert [item.key for item in lines] == [f"message, line {n}" for n in (1, 2, 3)]
    assert frames.values[0] == lines[0]
    assert " ".join(item.value for item in lines) == frames.message == f"no image for 9 s: {hint}"
    assert max(len(item.value) for item in lines) <= 128


def test_short_messages_are_not_repeated() -> None:
    found = made(replace(CAMERA, image_problems=["x" * 128]))
    assert list(values(found["segmentation: image"])) == ["image", "brightness"]
