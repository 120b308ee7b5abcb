# SPDX-License-Identifier: Apache-2.0
"""Trained models with labelled frames, as one folder: what accuracy is measured on.

FOLDER/frames/NAME.jpg and NAME.png (class ids), and FOLDER/models/NAME with the engine graphs and
`reference.npz`: what model.onnx answers to the frames in float32. model.onnx itself is left out.
"""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from segnet_ros.datasets.frames import LabelledFrame, read_frame
from segnet_ros.inference.model import Model, load_model, save_description

Pixels = npt.NDArray[np.uint8]

_QUALITY = 98
# An ONNX model of nothing but its producer's name.
_NOTE = b"left out: reference.npz holds its answers"
_LEFT_OUT = b"\x1a" + bytes([len(_NOTE)]) + _NOTE


def write_frames(frames: Sequence[LabelledFrame], folder: Path) -> None:
    """Copy frames, the pictures as JPEG."""
    target = folder / "frames"
    target.mkdir(parents=True)
    for frame in frames:
        image, labels = read_frame(frame)
        stem = frame.image_path.stem
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(target / f"{stem}.jpg"), bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        cv2.imwrite(str(target / f"{stem}.png"), labels)


def write_model(model: Model, answers: Sequence[Pixels], folder: Path) -> None:
    """Copy a model's engine graphs beside what model.onnx answers to `read_images`."""
    target = folder / "models" / model.name
    target.mkdir(parents=True)
    files = [graph.file for graph in model.engine_graphs.values()]
    files += [model.golden.file] if model.golden else []
    for name in files:
        shutil.copyfile(model.folder / name, target / name)
    (target / model.graph.name).write_bytes(_LEFT_OUT)
    save_description(replace(model, folder=target, sha256=hashlib.sha256(_LEFT_OUT).hexdigest()))
    np.savez_compressed(target / "reference.npz", labels=np.stack(answers))


def read_models(folder: Path) -> list[Model]:
    """The models, by their names."""
    return [load_model(path) for path in sorted((folder / "models").iterdir())]


def read_answers(model: Model) -> Pixels:
    """What model.onnx answers to `read_images`, uint8 [K, H, W]."""
    with np.load(model.folder / "reference.npz") as arrays:
        return np.asarray(arrays["labels"], dtype=np.uint8)


def read_images(folder: Path) -> list[Pixels]:
    """The pictures by their names, uint8 [H, W, 3] RGB each."""
    paths = sorted((folder / "frames").glob("*.jpg"))
    return [np.ascontiguousarray(_read(path, cv2.IMREAD_COLOR)[..., ::-1]) for path in paths]


def read_truth(folder: Path) -> list[Pixels]:
    """The pictures' labels, uint8 [H, W] class ids, 255 = void."""
    paths = sorted((folder / "frames").glob("*.png"))
    return [_read(path, cv2.IMREAD_UNCHANGED) for path in paths]


def _read(path: Path, flags: int) -> Pixels:
    return np.asarray(cv2.imread(str(path), flags), dtype=np.uint8)
