# SPDX-License-Identifier: Apache-2.0
"""The node's parameters: descriptors, ranges, and which of them a running node takes."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.parameter import Parameter

from segnet_ros.inference.engine.options import DEFAULT_PRECISION, PRECISIONS, EngineOptions
from segnet_ros.inference.excerpts import shown
from segnet_ros.inference.runtime import RUNTIMES

TRANSPORTS = ("raw", "compressed")
LABEL_SIZES = ("camera", "network")
DEFAULT_MODEL = "segnet_light_camvid"
MAX_CAMERAS = 16

# Topics have up to 247 characters, those of the namespace and of the outputs included.
_CAMERA_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_LONGEST = 3600.0  # seconds
_FASTEST = 1000.0  # Hz


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
            self._bound(descriptor, *self.bounds)
        return descriptor

    def _bound(self, descriptor: ParameterDescriptor, low: float, high: float) -> None:
        if isinstance(self.default, int):
            descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high))]
        else:
            descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]


_PARAMETERS = {
    "model": _Declared(
        DEFAULT_MODEL,
        "Folder of model.yaml and model.onnx, or the name of a shipped model. Set on a running "
        "node, the new one is loaded in the background and the old one stays if that fails.",
        live=True,
    ),
    "taxonomy": _Declared(
        "",
        "YAML file, or the name of a shipped one, that maps the model's classes to what the robot "
        "cares about; empty publishes the model's own classes.",
        live=True,
    ),
    "confidence_threshold": _Declared(
        -1.0,
        "Pixels with a lower confidence, 0..1, become 255 (unlabelled); -1 is the taxonomy's own.",
        live=True,
        bounds=(-1.0, 1.0),
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
    "cameras": _Declared(
        [""],
        "Names of the cameras that one engine serves: `front` is subscribed as `front/image` and "
        "published as `~/front/label`; [''] is one camera, `image` and `~/label`.",
    ),
    "image_transport": _Declared(
        "raw",
        "raw subscribes to `image`, compressed to `image/compressed` (JPEG or PNG).",
        choices=TRANSPORTS,
    ),
    "label_size": _Declared(
        "camera",
        "Size of label, confidence, uncertainty and color: the camera's or the network's.",
        choices=LABEL_SIZES,
    ),
    "batch_size": _Declared(
        1,
        "Frames of several cameras in one inference, at most; the engine is built for it. Other "
        "runtimes than tensorrt take one at a time.",
        bounds=(1, MAX_CAMERAS),
    ),
    "batch_window": _Declared(
        0.005,
        "How long a frame waits for those of other cameras to fill a batch, seconds.",
        bounds=(0.0, 1.0),
    ),
    "autostart": _Declared(
        False, "Configure and activate at start, for systems without a lifecycle manager."
    ),
    "max_age": _Declared(
        0.0,
        "Frames whose stamp is older than this when their turn comes are dropped; seconds, "
        "0 keeps every frame.",
        live=True,
        bounds=(0.0, _LONGEST),
    ),
    "max_rate": _Declared(
        0.0,
        "Frames per second of each camera, at most; 0 is no limit.",
        live=True,
        bounds=(0.0, _FASTEST),
    ),
    "deadline": _Declared(
        0.0,
        "Labels published later than this after the image's stamp count as missed deadlines; "
        "seconds, 0 counts none.",
        live=True,
        bounds=(0.0, _LONGEST),
    ),
    "watchdog": _Declared(
        10.0,
        "A frame longer than this in work means that the runtime hangs: the process ends, to be "
        "started again; seconds, 0 waits for ever.",
        live=True,
        bounds=(0.0, _LONGEST),
    ),
    "overlay_alpha": _Declared(
        0.5, "Share of the class colours in ~/overlay.", live=True, bounds=(0.0, 1.0)
    ),
    "overlay_legend": _Declared(
        False, "Draw colour, name and share of every class into ~/overlay.", live=True
    ),
    "frames_folder": _Declared(
        "", "Where ~/save_frame writes; empty is ~/.ros/segnet_ros/frames.", live=True
    ),
}

_OF_A_CAMERA = {
    "priority": _Declared(
        0, "Frames of cameras with a higher one go first.", live=True, bounds=(0, 100)
    ),
    "max_rate": _Declared(
        0.0,
        "Frames per second of this camera, at most; 0 is no limit but that of all cameras.",
        live=True,
        bounds=(0.0, _FASTEST),
    ),
}

Changes = Mapping[str, Any]


class NodeParameters:
    """Declares the parameters on a node and guards every later change.

    Args:
        node: The node to declare them on.

    Attributes:
        in_use: Whether only the live ones may change: from configure to cleanup.
        refuse: Asked about changes of a node in use that are right in themselves: why they cannot
            take effect, or nothing.
        apply: Told about changes of a node in use.

    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._declared = dict(_PARAMETERS)
        self._values: dict[str, Any] = {}
        self.in_use = False
        self.refuse: Callable[[Changes], str] = lambda _changes: ""
        self.apply: Callable[[Changes], None] = lambda _changes: None
        # Before declaring: initial values from the command line are checked, too.
        node.add_on_set_parameters_callback(self._check)
        for name, declared in _PARAMETERS.items():
            node.declare_parameter(name, declared.default, declared.descriptor())

    def declare_cameras(self) -> None:
        """Declare the parameters of every camera that `cameras` names.

        Raises:
            ParameterException: the value given at the start is of another type or out of range.

        """
        for camera in filter(None, self.cameras):
            for name, declared in _OF_A_CAMERA.items():
                if (full := f"{camera}.{name}") not in self._declared:
                    self._declare(full, declared)

    def _declare(self, name: str, declared: _Declared) -> None:
        self._declared[name] = declared
        try:
            self._node.declare_parameter(name, declared.default, declared.descriptor())
        except ParameterException:
            del self._declared[name]
            raise

    def text(self, name: str) -> str:
        """A text parameter's value."""
        return str(self._values[name])

    def number(self, name: str) -> float:
        """A numeric parameter's value."""
        return float(self._values[name])

    def flag(self, name: str) -> bool:
        """A yes-or-no parameter's value."""
        return bool(self._values[name])

    @property
    def cameras(self) -> Sequence[str]:
        """The cameras' names; one empty name if there is only one camera, without a name."""
        return _given(self._values["cameras"]) or [""]

    def max_rate(self, camera: str) -> float:
        """The limit that holds for a camera, Hz; 0 is none."""
        limits = (self.number("max_rate"), self._values.get(f"{camera}.max_rate", 0.0))
        return min(filter(None, limits), default=0.0)

    def priority(self, camera: str) -> int:
        """A camera's priority."""
        return int(self._values.get(f"{camera}.priority", 0))

    @property
    def engine(self) -> EngineOptions:
        """The wishes about a TensorRT engine."""
        folder = self.text("engine_cache")
        return EngineOptions(
            precision=self.text("precision"),
            batch=int(self.number("batch_size")),
            cache=_folder(folder) if folder else None,
            build=self.flag("build_engine"),
        )

    @property
    def frames_folder(self) -> Path:
        """Where frames are saved."""
        return _folder(self.text("frames_folder") or "~/.ros/segnet_ros/frames")

    def restore(self, name: str, value: Any) -> None:
        """Set a parameter of a node in use without asking and telling."""
        self._values[name] = value
        self._node.set_parameters([Parameter(name, value=value)])

    def _check(self, parameters: list[Parameter]) -> SetParametersResult:
        ours = {p.name: p.value for p in parameters if p.name in self._declared}
        changes = {name: value for name, value in ours.items() if self._differs(name, value)}
        reason = next(filter(None, (self._refusal(*change) for change in changes.items())), "")
        if self.in_use and changes and not reason:
            reason = self.refuse(changes)
        if reason:
            return SetParametersResult(successful=False, reason=reason)
        self._values |= ours
        if self.in_use and changes:
            self.apply(changes)
        return SetParametersResult(successful=True)

    def _differs(self, name: str, value: Any) -> bool:
        return name not in self._values or self._values[name] != value

    def _refusal(self, name: str, value: Any) -> str:
        declared = self._declared[name]
        if self.in_use and not declared.live and name in self._values:
            return (
                f"{name} cannot change from configure to cleanup; use the transitions "
                "deactivate and cleanup, set it, then configure and activate"
            )
        if declared.choices and value not in declared.choices:
            return f"{name} is {shown(value)}; expected {', '.join(declared.choices)}"
        return _wrong_cameras(value) if name == "cameras" else ""


def _folder(text: str) -> Path:
    # Path.expanduser raises for unknown users; this leaves them to whoever opens the folder.
    return Path(os.path.expanduser(text))  # noqa: PTH111


def _given(names: Sequence[str] | None) -> list[str]:
    # An empty list on the command line or in a file arrives as None.
    return [name for name in names or () if name]


def _wrong_cameras(names: Sequence[str] | None) -> str:
    given = _given(names)
    wrong = [name for name in given if not _CAMERA_NAME.fullmatch(name)]
    if wrong or len(set(given)) < len(given) or len(given) > MAX_CAMERAS:
        return (
            f"cameras is {shown(given)}; expected up to {MAX_CAMERAS} different names of up to "
            "64 letters, digits and underscores that begin with a letter"
        )
    return ""
