# SPDX-License-Identifier: Apache-2.0
"""`segnet export` and `segnet quantize`: what they say about the graphs for TensorRT."""

import json
import re
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from segnet_ros.cli import main
from segnet_ros.datasets.camvid import CAMVID
from segnet_ros.inference.files import write_image
from segnet_ros.inference.model import load_model

for package in ("onnx", "onnxruntime", "openvino", "torch"):
    pytest.importorskip(package, reason=f"needs {package}: pip install 'segnet_ros[cpu,train]'")

import torch  # noqa: E402

from segnet_ros.training import acceptance, quantize  # noqa: E402
from segnet_ros.training.checkpoint import save_weights  # noqa: E402
from segnet_ros.training.models import ARCHITECTURES  # noqa: E402
from segnet_ros.training.models.segnet_light import SegNetLight  # noqa: E402

TINY = partial(SegNetLight, widths=(6, 8), depths=(1, 2))
COMPARED = r"mIoU \d+\.\d\d% where model.onnx has \d+\.\d\d% \(CamVid val, 1 frames\); "


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        image = rng.integers(0, 256, (48, 64, 3), np.uint8)
        labels = rng.integers(0, 11, (48, 64), np.uint8)
        write_image(tmp_path / "data" / split / "a_0.png", image)
        write_image(tmp_path / "data" / f"{split}annot" / "a_0.png", labels)
    return tmp_path / "data"


@pytest.fixture
def export_arguments(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setitem(ARCHITECTURES, "tiny", TINY)
    torch.manual_seed(0)
    facts = {"recipe": {"architecture": "tiny"}, "classes": [asdict(c) for c in CAMVID.classes]}
    weights = tmp_path / "weights.safetensors"
    save_weights(weights, TINY(11), {key: json.dumps(value) for key, value in facts.items()})
    options = ["--size", "64x48", "--data", str(data)]
    return ["export", str(weights), str(tmp_path / "tiny"), *options]


@pytest.fixture
def folder(export_arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert main(export_arguments) == 0
    capsys.readouterr()
    return tmp_path / "tiny"


def test_export_tells_how_its_graph_compares(
    export_arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(export_arguments) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"{tmp_path}/tiny: PyTorch's label on \d+\.\d{{4}}% of the pixels", first)
    label = r"model.onnx's label on \d+\.\d\d% of the golden frames"
    assert re.fullmatch(rf"{tmp_path}/tiny/model_fp16.onnx: {COMPARED}{label}", second)


@pytest.mark.parametrize("precision", ["int8", "fp8"])
def test_quantize_tells_how_its_graph_compares(
    folder: Path, data: Path, precision: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--data", str(data), "--precision", precision, "--frames", "1"]
    assert main(["quantize", str(folder), *options]) == 0
    *_, compared, kept = capsys.readouterr().out.splitlines()
    assert re.match(rf"{folder}/model_{precision}.onnx: {COMPARED}", compared)
    assert kept.startswith("in fp16: ")
    assert precision in load_model(folder).engine_graphs


def test_refusal_is_explained(
    folder: Path, data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceptance, "MAX_DROP", -1.0)
    monkeypatch.setattr(quantize, "_SENSITIVITY_FRAMES", 1)
    assert main(["quantize", str(folder), "--data", str(data)]) == 1
    shown = capsys.readouterr()
    assert "int8 weights with one scale per convolution, all: the int8 graph reaches" in shown.out
    assert shown.err.startswith("segnet quantize: no int8 graph of tiny does nearly as well")
    assert not (folder / "model_int8.onnx").exists()


def test_missing_data_are_explained(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["quantize", str(folder), "--data", str(tmp_path / "nothing")]) == 1
    assert "nothing is no data folder of a known layout" in capsys.readouterr().err


def test_unknown_model_is_explained(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quantize", "no_such_model", "--data", str(data)]) == 1
    assert "no model 'no_such_model'; expected a folder" in capsys.readouterr().err
