"""A model folder: model.yaml, which holds every fact about a network, beside model.onnx."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.files import replacing

DESCRIPTION = "model.yaml"
GRAPH = "model.onnx"
FORMAT = 1
UNLABELLED = 255
_MAX_DESCRIPTION_BYTES = 1 << 20
_MAX_SIDE = 8192


@dataclass(frozen=True)
class SegmentationClass:
    """One class: its id is its place in the list.

    Attributes:
        name: What users call it.
        color: RGB, 0..255 each.
    """

    name: str
    color: tuple[int, int, int]


@dataclass(frozen=True)
class Model:
    """What model.yaml says.

    Attributes:
        name: Of the model, as folders and diagnostics show it.
        architecture: Of the network.
        size: (width, height) of the network's input, pixels.
        classes: In order of their ids, at most 255.
        sha256: Of model.onnx, hexadecimal.
        details: Everything else: training data, recipe, scores, taxonomy, provenance.
        folder: Where it was read from.
    """

    name: str
    architecture: str
    size: tuple[int, int]
    classes: Sequence[SegmentationClass]
    sha256: str
    folder: Path
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def graph(self) -> Path:
        """The ONNX file."""
        return self.folder / GRAPH


def load_model(folder: Path) -> Model:
    """Read and check a model folder.

    Raises:
        InferenceError: a file is missing, damaged or altered, or a fact is absent or impossible.
    """
    model = _parse(_read_description(folder), folder)
    actual = file_sha256(model.graph)
    if actual != model.sha256:
        raise InferenceError(
            f"{model.graph} has sha256 {actual[:12]}…, {DESCRIPTION} expects "
            f"{model.sha256[:12]}…: the file is truncated or was altered; restore the folder from "
            "its source, or export the model again"
        )
    return model


def save_description(model: Model) -> None:
    """Write model.yaml into the model's folder.

    Raises:
        InferenceError: the details name a fact that the model itself states.
    """
    width, height = model.size
    facts = {
        "format": FORMAT,
        "name": model.name,
        "architecture": model.architecture,
        "input": {"width": width, "height": height},
        "sha256": model.sha256,
        "classes": [{"name": c.name, "color": list(c.color)} for c in model.classes],
    }
    taken = sorted(facts.keys() & model.details.keys())
    if taken:
        raise InferenceError(
            f"details of {model.name} hold {', '.join(taken)}, which the model itself states; "
            "leave them out"
        )
    facts |= model.details
    text = yaml.safe_dump(facts, sort_keys=False, default_flow_style=None, width=100)
    with replacing(model.folder / DESCRIPTION) as partial:
        partial.write_text(text, encoding="utf-8")


def _read_description(folder: Path) -> dict[str, Any]:
    path = folder / DESCRIPTION
    if not path.is_file():
        raise InferenceError(
            f"no {DESCRIPTION} in {folder}; expected a model folder such as "
            "engines/segnet_light_camvid, made by `segnet export`"
        )
    if path.stat().st_size > _MAX_DESCRIPTION_BYTES:
        raise InferenceError(
            f"{path} is over {_MAX_DESCRIPTION_BYTES} bytes; it is no {DESCRIPTION}"
        )
    try:
        facts = yaml.safe_load(path.read_text(encoding="utf-8"))
    # PyYAML lets ValueError (impossible dates) and RecursionError (deep nesting) through.
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        summary = " ".join(str(error).split())
        raise InferenceError(f"{path} is not readable YAML: {summary}; restore it") from error
    if not isinstance(facts, dict):
        raise InferenceError(f"{path} holds {type(facts).__name__}; expected a mapping; restore it")
    return facts


def _parse(facts: dict[str, Any], folder: Path) -> Model:
    path = folder / DESCRIPTION
    if facts.get("format") != FORMAT:
        raise InferenceError(
            f"{path} has format {facts.get('format')!r}; this version reads format {FORMAT}; "
            "export the model again"
        )
    known = ("format", "name", "architecture", "input", "sha256", "classes")
    return Model(
        name=_text(facts, "name", path),
        architecture=_text(facts, "architecture", path),
        size=_size(facts.get("input"), path),
        classes=_classes(facts.get("classes"), path),
        sha256=_text(facts, "sha256", path),
        folder=folder,
        details={key: value for key, value in facts.items() if key not in known},
    )


def _text(facts: dict[str, Any], key: str, path: Path) -> str:
    value = facts.get(key)
    if not isinstance(value, str) or not value:
        raise InferenceError(f"{path}: {key} is {value!r}; expected a text; restore the file")
    return value


def _size(value: Any, path: Path) -> tuple[int, int]:
    sides = value if isinstance(value, dict) else {}
    width: Any = sides.get("width")
    height: Any = sides.get("height")
    if not (_is_side(width) and _is_side(height)):
        raise InferenceError(
            f"{path}: input is {value!r}; expected width and height, 1..{_MAX_SIDE} pixels each"
        )
    return int(width), int(height)


def _is_side(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MAX_SIDE


def _classes(value: Any, path: Path) -> tuple[SegmentationClass, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= UNLABELLED:
        raise InferenceError(f"{path}: classes must list 1..{UNLABELLED} names with colours")
    return tuple(_class(entry, path) for entry in value)


def _class(entry: Any, path: Path) -> SegmentationClass:
    name = entry.get("name") if isinstance(entry, dict) else None
    color = entry.get("color") if isinstance(entry, dict) else None
    in_range = isinstance(color, list) and all(type(c) is int and 0 <= c <= 255 for c in color)
    if not isinstance(name, str) or not in_range or len(color) != 3:  # type: ignore[arg-type]
        raise InferenceError(
            f"{path}: class {entry!r}; expected a name and a color of three numbers 0..255"
        )
    return SegmentationClass(name, tuple(color))  # type: ignore[arg-type]


def file_sha256(path: Path) -> str:
    """Hexadecimal digest of a file; InferenceError if it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InferenceError(
            f"{path} cannot be read ({error.strerror}); restore the model folder"
        ) from error
