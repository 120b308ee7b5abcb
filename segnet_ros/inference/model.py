# SPDX-License-Identifier: Apache-2.0
"""A model folder: model.yaml, which holds every fact about a network, beside model.onnx."""

import hashlib
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.excerpts import shown
from segnet_ros.inference.facts import file_name, fraction, is_line, mapping, read_facts, text
from segnet_ros.inference.files import replacing
from segnet_ros.inference.onnx_file import refuse_unsafe_graph

DESCRIPTION = "model.yaml"
GRAPH = "model.onnx"
FORMAT = 1
UNLABELLED = 255
_MAX_SIDE = 8192
_MAX_BYTES = (1 << 31) - 1  # of any ONNX file that is one


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
class ModelFile:
    """A file in the model folder.

    Attributes:
        file: Its name, without folders.
        sha256: Hexadecimal.

    """

    file: str
    sha256: str


@dataclass(frozen=True)
class EngineGraph(ModelFile):
    """An ONNX graph typed for TensorRT: two-bit switches, explicit precision, free batch.

    Attributes:
        agreement: Share of the golden frames' pixels on which it gives model.onnx's label, 0..1,
            as computed on a CPU.
        frames: What the scores were measured on.
        miou: Of this graph on those labelled frames, 0..1.
        reference_miou: Of model.onnx on the same.

    """

    agreement: float
    frames: str
    miou: float
    reference_miou: float


@dataclass(frozen=True)
class Model:
    """What model.yaml says.

    Attributes:
        name: Of the model, as folders and diagnostics show it.
        architecture: Of the network.
        size: (width, height) of the network's input, pixels.
        classes: In order of their ids, at most 255.
        sha256: Of model.onnx, hexadecimal.
        engine_graphs: What TensorRT engines are built from, by precision; empty if the model was
            exported without.
        golden: File of frames with the labels that model.onnx gives them, which every engine must
            repeat; None if the model was exported without.
        details: Everything else: training data, recipe, scores, taxonomy, provenance.
        folder: Where it was read from.

    """

    name: str
    architecture: str
    size: tuple[int, int]
    classes: Sequence[SegmentationClass]
    sha256: str
    folder: Path
    engine_graphs: Mapping[str, EngineGraph] = field(default_factory=dict)
    golden: ModelFile | None = None
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
    read_graph(model.graph, model.sha256)
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
    if model.engine_graphs:
        facts["engine_graphs"] = {k: asdict(graph) for k, graph in model.engine_graphs.items()}
    if model.golden:
        facts["golden"] = asdict(model.golden)
    taken = sorted(facts.keys() & model.details.keys())
    if taken:
        msg = (
            f"details of {model.name} hold {', '.join(taken)}, which the model itself states; "
            "leave them out"
        )
        raise InferenceError(msg)
    facts |= model.details
    text = yaml.safe_dump(facts, sort_keys=False, default_flow_style=None, width=100)
    with replacing(model.folder / DESCRIPTION) as partial:
        partial.write_text(text, encoding="utf-8")


def _read_description(folder: Path) -> dict[str, Any]:
    path = folder / DESCRIPTION
    if not path.is_file():
        msg = (
            f"no {DESCRIPTION} in {folder}; expected a model folder such as "
            "engines/segnet_light_camvid, made by `segnet export`"
        )
        raise InferenceError(msg)
    return read_facts(path)


def _parse(facts: dict[str, Any], folder: Path) -> Model:
    path = folder / DESCRIPTION
    if facts.get("format") != FORMAT:
        msg = (
            f"{path} has format {shown(facts.get('format'))}; this version reads format {FORMAT}; "
            "export the model again"
        )
        raise InferenceError(msg)
    known = (
        "format", "name", "architecture", "input", "sha256", "classes", "engine_graphs", "golden",
    )  # fmt: skip
    graphs = mapping(facts, "engine_graphs", path)
    return Model(
        name=text(facts, "name", path),
        architecture=text(facts, "architecture", path),
        size=_size(facts.get("input"), path),
        classes=_classes(facts.get("classes"), path),
        sha256=text(facts, "sha256", path),
        folder=folder,
        engine_graphs=dict(_engine_graph(graphs, name, path) for name in graphs),
        golden=_golden(mapping(facts, "golden", path), path),
        details={key: value for key, value in facts.items() if key not in known},
    )


def _engine_graph(graphs: Mapping[str, Any], name: Any, path: Path) -> tuple[str, EngineGraph]:
    if not is_line(name):
        msg = f"{path}: engine_graphs has {shown(name)}; expected names of precisions; restore it"
        raise InferenceError(msg)
    facts = mapping(graphs, name, path)
    graph = EngineGraph(
        file=file_name(facts, "file", path),
        sha256=text(facts, "sha256", path),
        agreement=fraction(facts, "agreement", path),
        frames=text(facts, "frames", path),
        miou=fraction(facts, "miou", path),
        reference_miou=fraction(facts, "reference_miou", path),
    )
    return name, graph


def _golden(facts: Mapping[str, Any], path: Path) -> ModelFile | None:
    if not facts:
        return None
    return ModelFile(file_name(facts, "file", path), text(facts, "sha256", path))


def _size(value: Any, path: Path) -> tuple[int, int]:
    sides = value if isinstance(value, dict) else {}
    width: Any = sides.get("width")
    height: Any = sides.get("height")
    if not (_is_side(width) and _is_side(height)):
        msg = (
            f"{path}: input is {shown(value)}; expected width and height, 1..{_MAX_SIDE} pixels "
            "each"
        )
        raise InferenceError(msg)
    return int(width), int(height)


def _is_side(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MAX_SIDE


def _classes(value: Any, path: Path) -> tuple[SegmentationClass, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= UNLABELLED:
        msg = f"{path}: classes must list 1..{UNLABELLED} names with colours"
        raise InferenceError(msg)
    return tuple(_class(entry, path) for entry in value)


def _class(entry: Any, path: Path) -> SegmentationClass:
    name = entry.get("name") if isinstance(entry, dict) else None
    color = entry.get("color") if isinstance(entry, dict) else None
    in_range = isinstance(color, list) and all(type(c) is int and 0 <= c <= 255 for c in color)
    if not is_line(name) or not in_range or len(color) != 3:  # type: ignore[arg-type]
        msg = f"{path}: class {shown(entry)}; expected a name and a color of three numbers 0..255"
        raise InferenceError(msg)
    return SegmentationClass(name, tuple(color))  # type: ignore[arg-type]


def read_graph(path: Path, sha256: str) -> bytes:
    """An ONNX file's content, if it is what model.yaml says and needs no other file.

    Raises:
        InferenceError: it cannot be read, is another, or is unsafe to read for a library.

    """
    content = read_verified(path, sha256)
    refuse_unsafe_graph(content, str(path))
    return content


def read_verified(path: Path, sha256: str) -> bytes:
    """A file's content, if it is what model.yaml says.

    Raises:
        InferenceError: it cannot be read, or its digest is another.

    """
    content = _read(path)
    actual = hashlib.sha256(content).hexdigest()
    if actual != sha256:
        msg = (
            f"{path} has sha256 {actual[:12]}…, {DESCRIPTION} expects {sha256[:12]}…: the file "
            "is truncated or was altered; restore the folder from its source, or export the model "
            "again"
        )
        raise InferenceError(msg)
    return content


def file_sha256(path: Path) -> str:
    """Hexadecimal digest of a file; InferenceError if it cannot be read."""
    return hashlib.sha256(_read(path)).hexdigest()


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            state = os.fstat(file.fileno())
            _refuse_no_plain_file(path, state)
            return file.read(state.st_size)  # what is asked for is allocated at once
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror}); restore the model folder"
        raise InferenceError(msg) from error


def _refuse_no_plain_file(path: Path, state: os.stat_result) -> None:
    """A device has no end, and a file of a terabyte only too late."""
    if not stat.S_ISREG(state.st_mode) or state.st_size > _MAX_BYTES:
        msg = (
            f"{path} is no plain file, or over {_MAX_BYTES} bytes; expected a file of a model "
            "folder; restore it"
        )
        raise InferenceError(msg)
