# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy
import yaml
from rcl_interfaces.msg import SetParametersResult
from rclpy.exceptions import InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from segnet_ros.inference.engine.options import EngineOptions
from segnet_ros.inference.excerpts import shown
from segnet_ros.ros.parameters import NodeParameters

SHIPPED = Path(__file__).parents[2] / "config" / "segmentation.yaml"
FROM_CONFIGURE_TO_CLEANUP = {
    "runtime": "openvino",
    "precision": "int8",
    "engine_cache": "/elsewhere",
    "build_engine": True,
    "image_transport": "compressed",
    "autostart": True,
    "cameras": ["front", "left"],
    "label_size": "network",
    "batch_size": 4,
    "batch_window": 0.01,
}
LIVE = {
    "model": "/elsewhere",
    "taxonomy": "driving",
    "confidence_threshold": 0.5,
    "overlay_alpha": 0.25,
    "overlay_legend": True,
    "max_age": 2.0,
    "max_rate": 10.0,
    "deadline": 0.1,
    "frames_folder": "/kept",
    "watchdog": 3.0,
}


@pytest.fixture(scope="module")
def context(own_domain: None) -> Iterator[rclpy.Context]:
    """With a node that stays: else each test would make and end a participant of Fast DDS.

    One of some hundred such ends has been seen to go on for ever.
    """
    context = rclpy.Context()
    context.init(args=[])
    keeper = Node("keeper", context=context)
    yield context
    keeper.destroy_node()
    context.shutdown()


def create_node(context: rclpy.Context, **given: Any) -> Node:
    overrides = [Parameter(name, value=value) for name, value in given.items()]
    return Node("parameters", context=context, parameter_overrides=overrides)


@pytest.fixture
def node(context: rclpy.Context) -> Iterator[Node]:
    node = create_node(context)
    yield node
    node.destroy_node()


def change(node: Node, name: str, value: Any) -> SetParametersResult:
    return node.set_parameters_atomically([Parameter(name, value=value)])


def test_every_parameter_is_described(node: Node) -> None:
    NodeParameters(node)
    described = {*FROM_CONFIGURE_TO_CLEANUP, *LIVE}
    for descriptor in node.describe_parameters(sorted(described)):
        when = "at any time." if descriptor.name in LIVE else "while unconfigured."
        assert descriptor.description.endswith(f"Can be set {when}")
    (runtime, precision) = node.describe_parameters(["runtime", "precision"])
    assert runtime.additional_constraints == "One of: auto, openvino, tensorrt."
    assert precision.additional_constraints == "One of: fp16, int8, fp8."


def test_the_shipped_file_holds_the_defaults(node: Node) -> None:
    NodeParameters(node)
    (section,) = yaml.safe_load(SHIPPED.read_text()).values()
    shipped = section["ros__parameters"]
    # Launch files state how nodes start.
    names = {*FROM_CONFIGURE_TO_CLEANUP, *LIVE} - {"autostart"}
    assert shipped == {name: node.get_parameter(name).value for name in names}
    assert all(type(shipped[name]) is type(node.get_parameter(name).value) for name in names)


def test_the_engines_options(context: rclpy.Context) -> None:
    node = create_node(context)
    assert NodeParameters(node).engine == EngineOptions("fp16", 1, None, False)
    node.destroy_node()
    node = create_node(
        context, precision="fp8", engine_cache="~/kept", batch_size=3, build_engine=True
    )
    expected = EngineOptions("fp8", 3, Path.home() / "kept", True)
    assert NodeParameters(node).engine == expected
    node.destroy_node()


@pytest.mark.parametrize(
    ("name", "value", "choices"),
    [
        ("precision", "fp32", "fp16, int8, fp8"),
        ("runtime", "onnx", "auto, openvino, tensorrt"),
        ("image_transport", "theora", "raw, compressed"),
    ],
)
def test_unknown_choices_are_refused(
    context: rclpy.Context, name: str, value: str, choices: str
) -> None:
    node = create_node(context)
    NodeParameters(node)
    assert change(node, name, value).reason == f"{name} is {value!r}; expected {choices}"
    node.destroy_node()
    node = create_node(context, **{name: value})
    with pytest.raises(InvalidParameterValueException, match=choices):
        NodeParameters(node)
    node.destroy_node()


@pytest.mark.parametrize(("name", "value"), FROM_CONFIGURE_TO_CLEANUP.items())
def test_what_is_in_use_does_not_change(node: Node, name: str, value: Any) -> None:
    settings = NodeParameters(node)
    before = node.get_parameter(name).value
    settings.in_use = True
    refused = change(node, name, value)
    assert not refused.successful
    assert refused.reason.startswith(f"{name} cannot change from configure to cleanup; use the")
    assert node.get_parameter(name).value == before
    settings.in_use = False
    assert change(node, name, value).successful
    assert node.get_parameter(name).value == value != before


@pytest.mark.parametrize(("name", "value"), LIVE.items())
def test_live_parameters_change_at_any_time(node: Node, name: str, value: Any) -> None:
    settings = NodeParameters(node)
    settings.in_use = True
    assert change(node, name, value).successful
    kinds = {str: settings.text, bool: settings.flag, float: settings.number}
    assert kinds[type(value)](name) == value == node.get_parameter(name).value


def test_a_refused_value_changes_nothing(node: Node) -> None:
    settings = NodeParameters(node)
    assert not change(node, "overlay_alpha", 1.5).successful
    assert settings.number("overlay_alpha") == 0.5
    settings.in_use = True
    settings.refuse = lambda changes: f"not {changes}"
    refused = change(node, "taxonomy", "driving")
    assert (refused.successful, refused.reason) == (False, "not {'taxonomy': 'driving'}")
    assert settings.text("taxonomy") == node.get_parameter("taxonomy").value == ""


def test_what_is_accepted_is_told_once(node: Node) -> None:
    settings = NodeParameters(node)
    told: list[Any] = []
    settings.apply = told.append
    assert change(node, "max_rate", 5.0).successful
    assert told == []  # the node reads it when it is configured
    settings.in_use = True
    assert change(node, "max_rate", 7.0).successful
    assert change(node, "max_rate", 7.0).successful  # no change
    assert not change(node, "runtime", "openvino").successful
    assert told == [{"max_rate": 7.0}]


def test_going_back_to_a_value_is_neither_asked_nor_told(node: Node) -> None:
    settings = NodeParameters(node)
    assert change(node, "model", "/new").successful
    settings.in_use = True
    settings.refuse = lambda changes: "no"
    settings.apply = lambda changes: pytest.fail("told")
    settings.restore("model", "/old")
    assert settings.text("model") == node.get_parameter("model").value == "/old"


def test_the_cameras_names(context: rclpy.Context) -> None:
    node = create_node(context)
    assert NodeParameters(node).cameras == [""]
    node.destroy_node()
    node = create_node(context, cameras=["front", "left"])
    assert NodeParameters(node).cameras == ["front", "left"]
    node.destroy_node()


@pytest.mark.parametrize(
    "names",
    [
        ["front", "front"],
        ["1st"],
        ["x" * 65],
        ["a/b"],
        ["front", "left camera"],
        [f"c{i}" for i in range(17)],
    ],
)
def test_wrong_cameras_are_refused(node: Node, names: list[str]) -> None:
    NodeParameters(node)
    refused = change(node, "cameras", names)
    assert not refused.successful
    assert refused.reason.startswith(f"cameras is {shown(names)}; expected up to 16 different")


def test_an_empty_list_is_one_camera(node: Node) -> None:
    """It arrives so from files and command lines."""
    settings = NodeParameters(node)
    assert settings._check([Parameter("cameras", Parameter.Type.NOT_SET)]).successful
    assert settings.cameras == [""]


def test_cameras_have_parameters_of_their_own(context: rclpy.Context) -> None:
    node = create_node(
        context, cameras=["front", "left"], **{"front.priority": 7, "max_rate": 12.0}
    )
    settings = NodeParameters(node)
    settings.declare_cameras()
    settings.declare_cameras()  # at every configure
    settings.in_use = True
    assert (settings.priority("front"), settings.priority("left")) == (7, 0)
    assert settings.max_rate("front") == 12.0
    assert change(node, "front.max_rate", 15.0).successful
    assert settings.max_rate("front") == 12.0
    assert change(node, "front.max_rate", 5.0).successful
    assert (settings.max_rate("front"), settings.max_rate("left")) == (5.0, 12.0)
    assert change(node, "max_rate", 0.0).successful
    assert (settings.max_rate("front"), settings.max_rate("left")) == (5.0, 0.0)
    assert not change(node, "left.priority", 101).successful
    node.destroy_node()


def test_the_folder_of_frames(node: Node) -> None:
    settings = NodeParameters(node)
    assert settings.frames_folder == Path.home() / ".ros" / "segnet_ros" / "frames"
    assert change(node, "frames_folder", "~/drive").successful
    assert settings.frames_folder == Path.home() / "drive"


@pytest.mark.parametrize(
    ("name", "value"), [("overlay_alpha", 1.1), ("max_age", -0.1), ("build_engine", "true")]
)
def test_values_out_of_range_or_of_another_type_are_refused(
    node: Node, name: str, value: Any
) -> None:
    NodeParameters(node)
    assert not change(node, name, value).successful
