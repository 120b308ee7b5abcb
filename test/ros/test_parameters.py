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
from segnet_ros.ros.parameters import NodeParameters

SHIPPED = Path(__file__).parents[2] / "config" / "segmentation.yaml"
FROM_CONFIGURE_TO_CLEANUP = {
    "model": "/elsewhere",
    "runtime": "openvino",
    "precision": "int8",
    "engine_cache": "/elsewhere",
    "build_engine": True,
    "image_transport": "compressed",
    "autostart": True,
}
LIVE = {"overlay_alpha": 0.25, "max_age": 2.0}


@pytest.fixture
def context(own_domain: None) -> Iterator[rclpy.Context]:
    context = rclpy.Context()
    context.init(args=[])
    yield context
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


def test_every_parameter_is_described(node: Node):
    NodeParameters(node)
    described = {*FROM_CONFIGURE_TO_CLEANUP, *LIVE}
    for descriptor in node.describe_parameters(sorted(described)):
        when = "at any time." if descriptor.name in LIVE else "while unconfigured."
        assert descriptor.description.endswith(f"Can be set {when}")
    (runtime, precision) = node.describe_parameters(["runtime", "precision"])
    assert runtime.additional_constraints == "One of: auto, openvino, tensorrt."
    assert precision.additional_constraints == "One of: fp16, int8, fp8."


def test_the_shipped_file_holds_the_defaults(node: Node):
    NodeParameters(node)
    (section,) = yaml.safe_load(SHIPPED.read_text()).values()
    shipped = section["ros__parameters"]
    # Launch files state how nodes start.
    names = {*FROM_CONFIGURE_TO_CLEANUP, *LIVE} - {"autostart"}
    assert shipped == {name: node.get_parameter(name).value for name in names}
    assert all(type(shipped[name]) is type(node.get_parameter(name).value) for name in names)


def test_the_engines_options(context: rclpy.Context):
    node = create_node(context)
    assert NodeParameters(node).engine == EngineOptions("fp16", 1, None, False)
    node.destroy_node()
    node = create_node(context, precision="fp8", engine_cache="~/kept", build_engine=True)
    expected = EngineOptions("fp8", 1, Path.home() / "kept", True)
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
def test_unknown_choices_are_refused(context: rclpy.Context, name: str, value: str, choices: str):
    node = create_node(context)
    NodeParameters(node)
    assert change(node, name, value).reason == f"{name} is {value!r}; expected {choices}"
    node.destroy_node()
    node = create_node(context, **{name: value})
    with pytest.raises(InvalidParameterValueException, match=choices):
        NodeParameters(node)
    node.destroy_node()


@pytest.mark.parametrize(("name", "value"), FROM_CONFIGURE_TO_CLEANUP.items())
def test_what_is_in_use_does_not_change(node: Node, name: str, value: Any):
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
def test_live_parameters_change_at_any_time(node: Node, name: str, value: float):
    settings = NodeParameters(node)
    settings.in_use = True
    assert change(node, name, value).successful
    assert settings.number(name) == value


@pytest.mark.parametrize(
    ("name", "value"), [("overlay_alpha", 1.1), ("max_age", -0.1), ("build_engine", "true")]
)
def test_values_out_of_range_or_of_another_type_are_refused(node: Node, name: str, value: Any):
    NodeParameters(node)
    assert not change(node, name, value).successful
