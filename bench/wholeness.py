# SPDX-License-Identifier: Apache-2.0
"""Whether files are whole, by reading each as its readers do."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import cv2
import onnx
import torch
import yaml
from rosbags.rosbag2 import Reader
from safetensors import safe_open

from segnet_ros.inference.engine.cached_engine import inspect
from segnet_ros.inference.model import load_model, read_verified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def damaged(folder: Path) -> list[str]:
    """What below a folder cannot be read by those who shall read it.

    Hidden files are left out: `leftovers` names them.

    """
    return [
        f"{path.relative_to(folder)}: {reason}"
        for path in _visible(folder)
        if (reason := _defect(path))
    ]


def leftovers(folder: Path) -> list[str]:
    """Hidden files and folders below a folder: what is not complete has such names.

    Of hidden folders what they hold is left out.

    """
    found = (path.relative_to(folder) for path in folder.rglob(".*"))
    return sorted(str(path) for path in found if not any(map(_is_hidden, path.parts[:-1])))


def digests(folder: Path) -> dict[str, str]:
    """The sha256 of every file below a folder by its name."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _visible(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if not any(map(_is_hidden, path.relative_to(folder).parts)):
            yield path


def _is_hidden(name: str) -> bool:
    return name.startswith(".")


def _defect(path: Path) -> str:
    read = _READERS.get(path.name) or _READERS.get(path.suffix)
    if read is None or not path.is_file():
        return ""
    try:
        read(path)
    except Exception as error:  # noqa: BLE001  # whatever a reader says
        return f"{type(error).__name__}: {error}"
    return ""


def _read_model(path: Path) -> None:
    model = load_model(path.parent)
    read_verified(model.graph, model.sha256)
    for graph in model.engine_graphs.values():
        read_verified(path.with_name(graph.file), graph.sha256)
    if model.golden:
        read_verified(path.with_name(model.golden.file), model.golden.sha256)


def _read_recording(path: Path) -> None:
    with Reader(path.parent) as reader:
        count = sum(1 for _ in reader.messages())
        assert count == reader.message_count, f"{count} messages of {reader.message_count}"


def _read_picture(path: Path) -> None:
    assert cv2.imread(str(path), cv2.IMREAD_UNCHANGED) is not None, "no picture"


def _read_video(path: Path) -> None:
    video = cv2.VideoCapture(str(path))
    count = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    assert count, "no frame"
    assert all(video.read()[0] for _ in range(count)), "frames are missing"


def _read_page(path: Path) -> None:
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>"), "it ends too early"


def _read_engine(path: Path) -> None:
    defect = inspect(path).defect
    assert not defect, defect


def _read_lines(path: Path) -> None:
    """The last line of a log may be cut short: the next run leaves it out."""
    for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
        json.loads(line)


def _read_weights(path: Path) -> None:
    with safe_open(path, framework="pt") as file:
        for name in file.keys():  # noqa: SIM118  # it is no mapping
            file.get_tensor(name)


_READERS: dict[str, Callable[[Path], object]] = {
    "model.yaml": _read_model,
    "metadata.yaml": _read_recording,
    ".json": lambda path: json.loads(path.read_bytes()),
    ".jsonl": _read_lines,
    ".yaml": lambda path: yaml.safe_load(path.read_bytes()),
    ".png": _read_picture,
    ".jpg": _read_picture,
    ".mp4": _read_video,
    ".html": _read_page,
    ".onnx": onnx.load,
    ".engine": _read_engine,
    ".safetensors": _read_weights,
    ".pt": lambda path: torch.load(path, map_location="cpu", weights_only=True),
}
