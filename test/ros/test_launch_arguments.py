# SPDX-License-Identifier: Apache-2.0
"""The launch files' arguments, without a launch system."""

from pathlib import Path
from typing import Any

import pytest

from segnet_ros.ros.launch_arguments import LaunchArgumentError, LaunchArguments, misspelt

DEFAULTS = {
    "image": "image",
    "camera_info": "",
    "label": "",
    "confidence": "",
    "label_info": "",
    "cameras": "",
    "node_name": "segmentation",
    "use_sim_time": "auto",
    "replay": "",
    "rate": "",
    "bag": "",
}


def arguments(**given: str) -> LaunchArguments:
    return LaunchArguments({**DEFAULTS, **given})


def refusal(**given: str) -> str:
    with pytest.raises(LaunchArgumentError) as error:
        assert arguments(**given).remappings
    return str(error.value)


def test_one_camera_has_no_name_and_its_calibration_lies_beside_the_image() -> None:
    assert arguments().cameras == ("",)
    assert arguments(image="/camera/image_raw").remappings == [
        ("image", "/camera/image_raw"),
        ("image/compressed", "/camera/image_raw/compressed"),
        ("camera_info", "/camera/camera_info"),
    ]
    assert dict(arguments().remappings)["camera_info"] == "camera_info"
    assert dict(arguments(camera_info="/intrinsics").remappings)["camera_info"] == "/intrinsics"


def test_renamed_outputs_and_the_compressed_label_beside_the_label() -> None:
    renamed = arguments(label="/labels", confidence="sure", label_info="/label_info").remappings
    assert renamed[3:] == [
        ("~/label", "/labels"),
        ("~/confidence", "sure"),
        ("~/label_info", "/label_info"),
        ("~/label/compressed", "/labels/compressed"),
    ]


def test_every_camera_has_its_own_topics() -> None:
    several = arguments(cameras="front, left", image="/{camera}/image_raw", label="{camera}/label")
    assert several.cameras == ("front", "left")
    assert several.remappings == [
        ("front/image", "/front/image_raw"),
        ("front/image/compressed", "/front/image_raw/compressed"),
        ("front/camera_info", "/front/camera_info"),
        ("~/front/label", "front/label"),
        ("~/front/label/compressed", "front/label/compressed"),
        ("left/image", "/left/image_raw"),
        ("left/image/compressed", "/left/image_raw/compressed"),
        ("left/camera_info", "/left/camera_info"),
        ("~/left/label", "left/label"),
        ("~/left/label/compressed", "left/label/compressed"),
    ]


def test_rviz_finds_the_topics_under_the_names_of_its_configuration() -> None:
    assert arguments(image="/cam", node_name="street", label="/labels").shown == [
        ("image", "/cam"),
        ("segmentation/label", "/labels"),
        ("segmentation/confidence", "street/confidence"),
        ("segmentation/color", "street/color"),
        ("segmentation/overlay", "street/overlay"),
    ]
    several = dict(arguments(cameras="left,rear", image="{camera}").shown)
    assert several["rear/image"] == "rear"
    assert several["segmentation/rear/overlay"] == "segmentation/rear/overlay"


@pytest.mark.parametrize("cameras", ["front,front", "front,", ",", "1st", "front left", "a/b"])
def test_cameras_that_are_no_names(cameras: str) -> None:
    assert refusal(cameras=cameras, image="{camera}") == (
        f"cameras is {cameras!r}; expected different names of up to 64 letters, digits and _, "
        "separated by commas, such as front,left"
    )


@pytest.mark.parametrize("name", ["image", "camera_info", "label", "confidence", "label_info"])
def test_cameras_that_would_share_a_topic(name: str) -> None:
    given = {"cameras": "front,left", "image": "{camera}", name: "/shared"}
    assert refusal(**given) == (
        f"{name} is '/shared' for 2 cameras; expected a pattern such as /{{camera}}/{name}"
    )


def test_one_named_camera_needs_no_pattern() -> None:
    assert dict(arguments(cameras="front", image="/cam").remappings)["front/image"] == "/cam"


def test_a_pattern_without_cameras() -> None:
    assert refusal(image="/{camera}/image") == (
        "image is '/{camera}/image', but cameras is empty; expected names such as "
        "cameras:=front,left"
    )


def test_footage_that_contradicts_itself() -> None:
    assert refusal(replay="clip", bag="bag").startswith("replay and bag are both given")
    assert refusal(rate="5").startswith("rate is given without replay")
    assert refusal(rate="5", bag="bag").startswith("rate is given without replay")


def test_paths_exist_and_may_differ_by_camera(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "front.mp4").touch()
    replay = arguments(cameras="front,left", replay="~/{camera}.mp4")
    assert replay.path("replay", "front") == str(tmp_path / "front.mp4")
    with pytest.raises(LaunchArgumentError) as error:
        replay.path("replay", "left")
    assert str(error.value) == f"replay is '{tmp_path}/left.mp4', which does not exist"


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [("2025", str, "2025"), ("4", int, 4), ("2.5", float, 2.5), ("true", bool, True)]
    + [("false", bool, False)],
)
def test_typed_values(text: str, kind: type, value: Any) -> None:
    typed = arguments(any=text).typed("any", kind)
    assert typed == value
    assert type(typed) is kind


@pytest.mark.parametrize(("kind", "expected"), [(int, "a whole number"), (float, "a number")])
def test_a_number_that_is_none(kind: type, expected: str) -> None:
    with pytest.raises(LaunchArgumentError, match=f"any is 'few'; expected {expected}"):
        arguments(any="few").typed("any", kind)


@pytest.mark.parametrize(
    ("use_sim_time", "bag", "expected"),
    [("auto", "", None), ("auto", "bag", True), ("true", "", True), ("false", "bag", False)],
)
def test_a_bag_brings_its_own_time(use_sim_time: str, bag: str, expected: bool | None) -> None:
    assert arguments(use_sim_time=use_sim_time, bag=bag).sim_time is expected


def test_misspelt_arguments_are_named_and_foreign_ones_pass() -> None:
    known = ["image", "image_transport", "autostart"]
    given = ["imagee:=/x", "image:=/y", "robot:=7", "autostrat:=false"]
    assert list(misspelt(given, known)) == [
        "segnet_ros has no argument imagee; did you mean image?",
        "segnet_ros has no argument autostrat; did you mean autostart?",
    ]
