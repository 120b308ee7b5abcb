# SPDX-License-Identifier: Apache-2.0

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from segnet_ros.doctor.surroundings import Surroundings
from segnet_ros.inference.engine.gpu import Gpu
from segnet_ros.inference.model import (
    EngineGraph,
    Model,
    ModelFile,
    SegmentationClass,
    save_description,
)

Machine = Callable[..., Surroundings]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Makes surroundings of files (by path below the root) and environment variables."""

    def make(files: dict[str, str] | None = None, **environment: str) -> Surroundings:
        for name, text in (files or {}).items():
            path = tmp_path / "root" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return Surroundings(tmp_path / "root", environment, cache=tmp_path / "cache")

    return make


@pytest.fixture
def orin() -> Gpu:
    return Gpu("Orin", "8.7", "540.4.0", "12.6", 32 * 2**30, integrated=True)


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    """A whole model folder named tiny, with an fp16 graph and golden frames; nothing runs it."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    digests = {}
    for name in ("model.onnx", "model_fp16.onnx", "golden.npz"):
        # An ONNX model of nothing but its producer's name.
        content = b"\x1a" + bytes([len(name)]) + name.encode()
        (folder / name).write_bytes(content)
        digests[name] = hashlib.sha256(content).hexdigest()
    graph = EngineGraph("model_fp16.onnx", digests["model_fp16.onnx"], 0.99, "none", 0.5, 0.5)
    save_description(
        Model(
            name="tiny",
            architecture="none",
            size=(16, 12),
            classes=(SegmentationClass("red", (200, 10, 20)),),
            sha256=digests["model.onnx"],
            folder=folder,
            engine_graphs={"fp16": graph},
            golden=ModelFile("golden.npz", digests["golden.npz"]),
        )
    )
    return folder
