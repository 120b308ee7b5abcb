"""The node's parameters: descriptors, ranges, and which of them a running node takes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from segnet_ros.inference.engine.options import DEFAULT_PRECISION, PRECISIONS, EngineOptions
from segnet_ros.inference.runtime import RUNTIMES

TRANSPORTS = ("raw", "compressed")
DEFAULT_MODEL = "segnet_light_camvid"


@dataclass(frozen=True)
class _Declared:
    default: Any
    description: str
    live: bool = False
    choices: tuple[str, ...] = ()
    bounds: tuple[float, float] | None = None

    def descriptor(self) -> ParameterDescriptor:
        when = "Can be set at any time." if self.live else "Can be set while unconfigured."
        descriptor = ParameterDescriptor(description=f"{self.description} {when}")
        if self.choices:
            descriptor.additional_constraints = f"One of: {', '.join(self.choices)}."
        if self.bounds is not None:
            low, high = self.bounds
            descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
        return descriptor


_PARAMETERS = {
    "model": _Declared(
        DEFAULT_MODEL, "Folder of model.yaml and model.onnx, or the name of a shipped model."
    ),
    "runtime": _Declared(
        "auto",
        "Library that runs the network; auto is tensorrt where that and a GPU are found, else "
        "openvino.",
        choices=("auto", *RUNTIMES),
    ),
    "precision": _Declared(
        DEFAULT_PRECISION,
        "Of the TensorRT engine; the model must have been exported with it.",
        choices=PRECISIONS,
    ),
    "engine_cache": _Declared(
        "", "Folder of built TensorRT engines; empty is the user's cache folder."
    ),
    "build_engine": _Declared(
        False,
        "Build the TensorRT engine on configure if there is none that fits; this takes minutes.",
    ),
    "image_transport": _Declared(
        "raw",
        "raw subscribes to `image`, compressed to `image/compressed` (JPEG or PNG).",
        choices=TRANSPORTS,
    ),
    "autostart": _Declared(
        False, "Configure and activate at start, for systems without a lifecycle manager."
    ),
    "overlay_alpha": _Declared(
        0.5, "Share of the class colours in ~/overlay.", live=True, bounds=(0.0, 1.0)
    ),
    "max_age": _Declared(
        0.0,
        "Frames whose stamp is older than this when their turn comes are dropped; seconds, "
        "0 keeps every frame.",
        live=True,
        bounds=(0.0, 3600.0),
    ),
}


class NodeParameters:
    """Declares the parameters on a node and guards every later change.

    Args:
        node: The node to declare them on.

    Attributes:
        in_use: Whether only the live ones may change: from configure to cleanup.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self.in_use = False
        # Before declaring: initial values from the command line are checked, too.
        node.add_on_set_parameters_callback(self._check)
        for name, declared in _PARAMETERS.items():
            node.declare_parameter(name, declared.default, declared.descriptor())

    def text(self, name: str) -> str:
        """A text parameter's value."""
        return str(self._node.get_parameter(name).value)

    def number(self, name: str) -> float:
        """A numeric parameter's value."""
        return float(self._node.get_parameter(name).value)

    def flag(self, name: str) -> bool:
        """A yes-or-no parameter's value."""
        return bool(self._node.get_parameter(name).value)

    @property
    def engine(self) -> EngineOptions:
        """The wishes about a TensorRT engine."""
        folder = self.text("engine_cache")
        return EngineOptions(
            precision=self.text("precision"),
            cache=Path(folder).expanduser() if folder else None,
            build=self.flag("build_engine"),
        )

    def _check(self, changes: list[Parameter]) -> SetParametersResult:
        for change in changes:
            reason = self._refusal(change)
            if reason:
                return SetParametersResult(successful=False, reason=reason)
        return SetParametersResult(successful=True)

    def _refusal(self, change: Parameter) -> str:
        declared = _PARAMETERS.get(change.name)
        if declared is None:
            return ""
        if self.in_use and not declared.live:
            return (
                f"{change.name} cannot change from configure to cleanup; use the transitions "
                "deactivate and cleanup, set it, then configure and activate"
            )
        if declared.choices and change.value not in declared.choices:
            return f"{change.name} is {change.value!r}; expected {', '.join(declared.choices)}"
        return ""
