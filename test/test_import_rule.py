"""The rooms' dependency rule, enforced by blocking imports in a fresh interpreter.

A room's modules are all imported while what the room may not use is refused. Refusals are
recorded, so catching ImportError does not hide a violation. Imports inside functions, which
importing does not run, are read from the source.
"""

import ast
import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

PACKAGE = "segnet_ros"
SOURCE = Path(__file__).resolve().parents[1]

_ROS = (
    "rclpy", "sensor_msgs", "std_msgs", "std_srvs", "geometry_msgs", "diagnostic_msgs",
    "vision_msgs", "lifecycle_msgs", "rcl_interfaces", "builtin_interfaces", "cv_bridge",
    "diagnostic_updater", "launch", "launch_ros", "rosidl_runtime_py", "ament_index_python",
)  # fmt: skip
_TRAINING = ("torch", "torchvision", "safetensors", "onnx")
_ENGINES = ("openvino", "tensorrt", "cuda", "onnxruntime")
_ALONE = (*_ROS, *_TRAINING, *_ENGINES, "rosbags")


@dataclass(frozen=True)
class Rule:
    """What a room may use.

    Attributes:
        rooms: Other rooms.
        refused: Libraries that it may not use.
        needs: Libraries without which the room cannot be imported at all.
    """

    rooms: tuple[str, ...]
    refused: tuple[str, ...]
    needs: tuple[str, ...] = ()


RULES = {
    "inference": Rule((), _ALONE),
    "evaluation": Rule(("inference",), _ALONE),
    "simulation": Rule(("inference",), _ALONE),
    "ros": Rule(
        ("inference", "evaluation", "simulation"),
        ("torch", "tensorrt", "cuda", "openvino"),
        ("rclpy", "sensor_msgs", "rosbags"),
    ),
    "training": Rule(
        ("inference", "evaluation", "simulation"), _ROS, ("torch", "onnx", "safetensors")
    ),
}
COMPOSITION = {"demo", "commands"}
"""Folders that put rooms together; no rule binds them."""

OWN_LIBRARY = {"segnet_ros.inference.openvino_runtime": "openvino"}
"""Modules that exist to wrap one refused library, and are imported on demand only."""


# What runs in the fresh interpreter.


class Refusal(MetaPathFinder):
    """Refuses modules and remembers who of our own asked for them."""

    def __init__(self, refused: Iterable[str]) -> None:
        self._refused = tuple(refused)
        self.violations: list[str] = []

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if not _is_below(name, self._refused):
            return
        importer = _importer()
        if _is_below(importer, [PACKAGE]):
            self.violations.append(f"{importer} imports {name}")
        raise ModuleNotFoundError(f"{name} is refused here", name=name)


def _importer() -> str:
    """Name of the module whose import statement is running."""
    frame = sys._getframe(2)
    while frame.f_back and "importlib" in frame.f_code.co_filename:
        frame = frame.f_back
    return str(frame.f_globals.get("__name__"))


def _is_below(name: str, parents: Iterable[str]) -> bool:
    return any(name == parent or name.startswith(f"{parent}.") for parent in parents)


def _modules_of(package: str) -> Iterator[ModuleType]:
    """Import a package and everything below it."""
    found = import_module(package)
    yield found
    for item in pkgutil.iter_modules(getattr(found, "__path__", []), f"{package}."):
        yield from _modules_of(item.name)


def _deferred_violations(module: ModuleType, refused: Sequence[str]) -> Iterator[str]:
    """Refused imports anywhere in the source, run or not."""
    tree = ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = "." * node.level + (node.module or "")
            base = _absolute(start, module.__package__ or "")
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        for name in names:
            if _is_below(name, refused):
                yield f"{module.__name__} imports {name}"
                break


def _absolute(name: str, package: str) -> str:
    level = len(name) - len(name.lstrip("."))
    if level == 0:
        return name
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - level + 1], name[level:]]).rstrip(".")


def _inspect(package: str, refused: Sequence[str], exempt: Sequence[str]) -> dict[str, list[str]]:
    """Import everything below a package but the exempt modules; report names and violations."""
    finder = Refusal([*refused, *exempt])
    sys.meta_path.insert(0, finder)
    imported, deferred = [], []
    for module in _modules_of(package) if not exempt else _without(package, exempt):
        imported.append(module.__name__)
        deferred += _deferred_violations(module, refused)
    return {"imported": imported, "violations": sorted({*finder.violations, *deferred})}
