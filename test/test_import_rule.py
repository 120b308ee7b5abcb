# SPDX-License-Identifier: Apache-2.0
"""The rooms' dependency rule, enforced by refusing imports in a fresh interpreter.

A room's modules are all imported while what the room may not use is refused. Every refusal is
recorded with its importer, so catching ImportError does not hide a violation. Imports inside
functions, which importing a module does not run, are read from the source.
"""

import ast
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.util import find_spec, resolve_name
from pathlib import Path

import pytest

PACKAGE = "segnet_ros"
SOURCE = Path(__file__).resolve().parents[1]

_ROS = (
    "ament_index_python", "builtin_interfaces", "cv_bridge", "diagnostic_msgs",
    "diagnostic_updater", "geometry_msgs", "launch", "launch_ros", "lifecycle_msgs",
    "rcl_interfaces", "rclpy", "sensor_msgs", "std_msgs", "std_srvs", "vision_msgs",
)  # fmt: skip
_WORKSHOP = ("onnx", "safetensors", "torch", "torchvision")
_TENSORRT = ("tensorrt", "tensorrt_rtx", "tensorrt_rtx_bindings", "tensorrt_rtx_libs")
_ENGINES = ("cuda", "openvino", *_TENSORRT)
_RECORDINGS = ("fsspec", "mcap", "rosbags")
_ALL = (*_ROS, *_WORKSHOP, *_ENGINES, *_RECORDINGS, "ray")
_NO_ROOM = (*_ROS, *_WORKSHOP, *_ENGINES)


@dataclass(frozen=True)
class Rule:
    """What a room may use.

    Attributes:
        rooms: The other rooms that it may import.
        refused: The libraries that it may not import.
        needs: Libraries without which the room cannot be imported and the test is skipped.
    """

    rooms: tuple[str, ...]
    refused: tuple[str, ...]
    needs: tuple[str, ...] = ()


_BELOW = ("inference", "datasets", "evaluation", "simulation")
RULES = {
    "inference": Rule((), _ALL),
    "datasets": Rule(("inference",), _ALL),
    "evaluation": Rule(("inference", "datasets"), _ALL, ("jinja2", "matplotlib")),
    "simulation": Rule(("inference",), _ALL),
    "messages": Rule(("inference",), _ALL),
    "health": Rule(("inference",), _ALL),
    "bags": Rule((*_BELOW, "messages", "health"), (*_NO_ROOM, "ray"), _RECORDINGS),
    "fleet": Rule((*_BELOW, "bags"), _NO_ROOM, (*_RECORDINGS, "ray")),
    "ros": Rule(
        (*_BELOW, "messages", "health", "bags"),
        (*_ENGINES, "torch", "ray"),
        ("rclpy", "sensor_msgs", *_RECORDINGS),
    ),
    "training": Rule(_BELOW, _ROS, ("onnx", "openvino", "rich", "safetensors", "torch")),
}
COMPOSITION = {"commands", "demo", "doctor"}
"""Folders that put rooms together; no room may import them."""

WRAPPERS = {
    "segnet_ros.inference.openvino_core": ("openvino",),
    "segnet_ros.inference.openvino_runtime": ("openvino",),
    "segnet_ros.inference.engine.gpu": ("cuda",),
    "segnet_ros.inference.engine.tensorrt_api": _TENSORRT,
    "segnet_ros.messages.image_conversion": ("cv_bridge",),
}
"""The modules that may import one refused library each, under all of its names."""

EAGER = {"segnet_ros.inference.openvino_core", "segnet_ros.inference.openvino_runtime"}
"""Wrappers that cannot be imported without their library; others import it when asked for it."""


@dataclass(frozen=True)
class Inspection:
    """What happened: files by imported module, and every breach of the rule in words."""

    imported: dict[str, str]
    breaches: set[str]


def modules_below(root: Path, room: str) -> dict[str, Path]:
    """Files of a room by module name; taken from the disk, so no file can hide."""
    paths = sorted((root / PACKAGE / room).rglob("*.py"))
    names = [path.relative_to(root).with_suffix("").parts for path in paths]
    return {
        ".".join(parts[:-1] if parts[-1] == "__init__" else parts): path
        for parts, path in zip(names, paths, strict=True)
    }


def refused_by(rule: Rule, root: Path, room: str) -> list[str]:
    """Names that a room may not import: libraries, and all of ours but its own and allowed ones."""
    ours = {path.stem for path in (root / PACKAGE).iterdir()} - {"__init__", "__pycache__"}
    return [*rule.refused, *(f"{PACKAGE}.{name}" for name in ours - {room, *rule.rooms})]


def inspect(root: Path, modules: dict[str, Path], refused: list[str]) -> Inspection:
    """Import modules in a fresh interpreter that refuses some names, and read their source."""
    task = json.dumps({"root": str(root), "modules": list(modules), "refused": refused})
    done = subprocess.run(
        [sys.executable, __file__, task], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    breaches = {*report["breaches"], *_written_breaches(modules, refused)}
    return Inspection(report["imported"], breaches)


def _written_breaches(modules: dict[str, Path], refused: list[str]) -> Iterator[str]:
    for module, path in modules.items():
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for name in _imported_names(node, package):
                if _is_below(name, refused):
                    yield f"{module} imports {name}"


def _imported_names(node: ast.AST, package: str) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    origin = resolve_name("." * node.level + (node.module or ""), package)
    children = [f"{origin}.{alias.name}" for alias in node.names]
    return children if origin == PACKAGE else [origin]


def _is_below(name: str, parents: Iterable[str]) -> bool:
    return any(name == parent or name.startswith(f"{parent}.") for parent in parents)


class Refusal(MetaPathFinder):
    """Refuses names, and remembers which of our modules asked for them."""

    def __init__(self, refused: list[str]) -> None:
        self._refused = refused
        self.breaches: set[str] = set()

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Step aside for everything else."""
        if not _is_below(name, self._refused):
            return
        importer = _importer()
        if _is_below(importer, [PACKAGE]):
            self.breaches.add(f"{importer} imports {name}")
        # What a library of others tries for itself is not our breach, but it gets nothing either.
        msg = f"No module named {name!r}"
        raise ModuleNotFoundError(msg, name=name)


def _importer() -> str:
    frame = sys._getframe(2)
    while "importlib" in frame.f_code.co_filename and frame.f_back:
        frame = frame.f_back
    return str(frame.f_globals["__name__"])


def _import_all(root: str, modules: list[str], refused: list[str]) -> None:
    """Runs in the fresh interpreter; the last line on standard output is the report."""
    sys.path[0] = root
    early = [name for name in sys.modules if _is_below(name, refused)]
    assert not early, f"cannot refuse what the interpreter has loaded by itself: {early}"
    refusal = Refusal(refused)
    sys.meta_path.insert(0, refusal)
    imported = {}
    for name in modules:
        try:
            imported[name] = import_module(name).__file__
        except ImportError as error:
            refusal.breaches.add(f"{name} does not import: {error}")
    print(json.dumps({"imported": imported, "breaches": sorted(refusal.breaches)}))


if __name__ == "__main__":
    _import_all(**json.loads(sys.argv[1]))


def _as_text(modules: dict[str, Path]) -> dict[str, str]:
    return {name: str(path) for name, path in modules.items()}


def test_every_folder_is_bound_by_a_rule() -> None:
    folders = {path.parent.name for path in (SOURCE / PACKAGE).glob("*/*.py")}
    assert folders == {*RULES, *COMPOSITION}


@pytest.mark.parametrize("room", RULES)
def test_room_keeps_the_rule(room: str) -> None:
    rule = RULES[room]
    for library in rule.needs:
        if find_spec(library) is None:
            pytest.skip(f"{library} is not installed")
    modules = modules_below(SOURCE, room)
    modules = {name: path for name, path in modules.items() if name not in WRAPPERS}
    inspection = inspect(SOURCE, modules, refused_by(rule, SOURCE, room))
    assert inspection.breaches == set()
    assert inspection.imported == _as_text(modules)


@pytest.mark.parametrize("module", WRAPPERS)
def test_wrapper_imports_its_own_library_only(module: str) -> None:
    libraries = WRAPPERS[module]
    if module in EAGER:
        pytest.importorskip(libraries[0], reason=f"{libraries[0]} is not installed")
    room = module.split(".")[1]
    path = modules_below(SOURCE, room)[module]
    refused = [name for name in refused_by(RULES[room], SOURCE, room) if name not in libraries]
    inspection = inspect(SOURCE, {module: path}, refused)
    assert inspection.breaches == set()
    assert inspection.imported == {module: str(path)}


@pytest.mark.parametrize("module", sorted(WRAPPERS.keys() - EAGER))
def test_wrapper_waits_until_it_is_asked(module: str) -> None:
    room = module.split(".")[1]
    path = modules_below(SOURCE, room)[module]
    # Its library is refused too. Functions that import it are read in the source, but do not run.
    inspection = inspect(SOURCE, {module: path}, refused_by(RULES[room], SOURCE, room))
    assert inspection.imported == {module: str(path)}


OFFENDERS = {
    "plain.py": ("import torch", "torch"),
    "submodule.py": ("import rclpy.node as node", "rclpy.node"),
    "member.py": ("from openvino import Core", "openvino"),
    "guarded.py": ("try:\n    import onnx\nexcept ImportError:\n    onnx = None", "onnx"),
    "silent.py": ("try:\n    import tensorrt\nexcept BaseException:\n    pass", "tensorrt"),
    "dynamic.py": (
        (
            "from importlib import import_module\n"
            "try:\n    import_module('cuda')\nexcept ImportError:\n    pass"
        ),
        "cuda",
    ),
    "deferred.py": ("def load():\n    import rosbags.rosbag2", "rosbags.rosbag2"),
    "typing_only.py": (
        (
            "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    from sensor_msgs.msg import Image"
        ),
        "sensor_msgs.msg",
    ),
    "room.py": ("from segnet_ros.ros.node import NAME", "segnet_ros.ros"),
    "room_by_name.py": ("def load():\n    from segnet_ros import training", "segnet_ros.training"),
    "relative.py": ("def load():\n    from ..ros import node", "segnet_ros.ros"),
    "new_room.py": ("import segnet_ros.unheard_of", "segnet_ros.unheard_of"),
    "deep/__init__.py": ("import torchvision", "torchvision"),
    "deep/down.py": ("def load():\n    from ...ros.node import NAME", "segnet_ros.ros.node"),
    "no_package/below.py": ("import safetensors", "safetensors"),
}
INNOCENT = {
    "__init__.py": "",
    "good.py": "import json\nfrom segnet_ros.inference import plain_name\nimport torchless",
    "plain_name.py": "from . import other",
    "other.py": "ros = 'segnet_ros.ros'  # import torch",
}


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")


@pytest.fixture(scope="module")
def fake_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package whose inference room breaks the rule in every way that we know."""
    root = tmp_path_factory.mktemp("fake")
    ours = ("__init__.py", "ros/__init__.py", "training/__init__.py", "unheard_of.py")
    _write(root, {"torchless.py": ""} | {f"{PACKAGE}/{name}": "" for name in ours})
    _write(root, {f"{PACKAGE}/ros/node.py": "NAME = 'node'"})
    _write(root / PACKAGE / "inference", INNOCENT)
    _write(root / PACKAGE / "inference", {name: text for name, (text, _) in OFFENDERS.items()})
    return root


@pytest.fixture(scope="module")
def inspection(fake_root: Path) -> Inspection:
    modules = modules_below(fake_root, "inference")
    return inspect(fake_root, modules, refused_by(RULES["inference"], fake_root, "inference"))


def _module(name: str) -> str:
    path = name.removesuffix(".py").removesuffix("/__init__")
    return f"{PACKAGE}.inference.{path.replace('/', '.')}"


@pytest.mark.parametrize("name", OFFENDERS)
def test_deliberate_breach_is_caught(inspection: Inspection, name: str) -> None:
    assert f"{_module(name)} imports {OFFENDERS[name][1]}" in inspection.breaches


def test_innocent_modules_are_not_accused(inspection: Inspection, fake_root: Path) -> None:
    room = fake_root / PACKAGE / "inference"
    for name in ("good.py", "plain_name.py", "other.py"):
        assert inspection.imported[_module(name)] == str(room / name)
        assert not [line for line in inspection.breaches if line.startswith(f"{_module(name)} ")]
