# SPDX-License-Identifier: Apache-2.0

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import yaml
from torch import nn

from segnet_ros.datasets.camvid import CAMVID
from segnet_ros.datasets.frames import DatasetError
from segnet_ros.inference.files import write_image
from segnet_ros.inference.model import EngineGraph, load_model, read_verified
from segnet_ros.simulation.drive import StreetDrive
from segnet_ros.training import quantize as quantizing
from segnet_ros.training.checkpoint import save_weights
from segnet_ros.training.errors import ExportError
from segnet_ros.training.export import export
from segnet_ros.training.models import ARCHITECTURES
from segnet_ros.training.models.segnet_light import SegNetLight
from segnet_ros.training.quantize import quantize

SIZE = (64, 48)
TINY = partial(SegNetLight, widths=(6, 8), depths=(1, 2))
LAYERS = ["classifier", "decoder.1.0", "encoder.0.0.0", "encoder.1.0.0", "encoder.1.1.0"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six frames to train on and two for validation, in CamVid's layout."""
    root = tmp_path_factory.mktemp("data")
    drive = StreetDrive(3, SIZE)
    for split, indices in (("train", range(0, 60, 10)), ("val", (100, 110))):
        for index in indices:
            image, labels = drive.frame(index)
            write_image(root / split / f"a_{index:03}.png", image)
            write_image(root / f"{split}annot" / f"a_{index:03}.png", labels)
    return root


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    torch.manual_seed(0)
    network = TINY(len(CAMVID.classes)).eval()
    nn.init.normal_(network.classifier.weight)
    recipe = json.dumps({"architecture": "tiny"})
    classes = json.dumps([asdict(item) for item in CAMVID.classes])
    save_weights(folder / "weights", network, {"recipe": recipe, "classes": classes})
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ARCHITECTURES, "tiny", TINY)
        export(folder / "weights", folder / "tiny", SIZE, {"miou": 0.5}, data=data)
    return folder / "tiny"


@pytest.fixture
def folder(exported: Path, tmp_path: Path) -> Path:
    model = tmp_path / "tiny"
    model.mkdir()
    for path in exported.iterdir():
        (model / path.name).write_bytes(path.read_bytes())
    return model


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def no_acceptance(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Refuses every graph; holds how many inputs each had quantised."""
    heard: list[str] = []

    def refuse(content: bytes, precision: str, exam: Any, golden: Any) -> EngineGraph:
        nodes = onnx.load_from_string(content).graph.node
        heard.append(f"{[n.op_type for n in nodes].count('QuantizeLinear')}")
        msg = "too bad"
        raise ExportError(msg)

    monkeypatch.setattr(quantizing, "accept", refuse)
    return heard


@pytest.mark.parametrize("precision", ["int8", "fp8"])
def test_folder_gains_a_graph_and_loses_nothing(folder: Path, data: Path, precision: str) -> None:
    before, description = snapshot(folder), yaml.safe_load((folder / "model.yaml").read_text())
    returned = quantize(folder, data, precision, frames=3)
    model = load_model(folder)
    assert model.engine_graphs == returned.engine_graphs
    graph = model.engine_graphs[precision]
    assert graph.file == f"model_{precision}.onnx"
    assert graph.frames == "CamVid val, 2 frames"
    assert graph.miou > graph.reference_miou - 0.005
    assert 0.5 < graph.agreement < 1.0
    content = read_verified(folder / graph.file, graph.sha256)
    kinds = [node.op_type for node in onnx.load_from_string(content).graph.node]
    assert kinds.count("QuantizeLinear") >= 1
    facts = yaml.safe_load((folder / "model.yaml").read_text())
    quantization = facts.pop("quantization")
    assert facts.pop("engine_graphs") == description.pop("engine_graphs") | {
        precision: asdict(graph)
    }
    assert facts == description
    assert list(quantization) == [precision]
    assert quantization[precision]["calibration"] == "3 frames of train"
    assert set(quantization[precision]["convolutions_in_fp16"]) < set(LAYERS)
    after = snapshot(folder)
    assert after.keys() == before.keys() | {graph.file}
    assert all(after[name] == before[name] for name in before if name != "model.yaml")


def test_second_precision_joins_the_first(folder: Path, data: Path) -> None:
    quantize(folder, data, "int8", frames=2)
    quantize(folder, data, "fp8", frames=2)
    model = load_model(folder)
    assert list(model.engine_graphs) == ["fp16", "int8", "fp8"]
    assert list(model.details["quantization"]) == ["int8", "fp8"]


def test_frames_that_calibrate_are_spread_over_train(
    folder: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[np.ndarray] = []
    original = quantizing.calibrate
    monkeypatch.setattr(
        quantizing,
        "calibrate",
        lambda graph, images: seen.extend(images) or original(graph, images),
    )
    quantize(folder, data, "int8", frames=3)
    drive = StreetDrive(3, SIZE)
    expected = [drive.frame(index)[0] for index in (0, 20, 40)]
    assert all(np.array_equal(a, b) for a, b in zip(seen, expected, strict=True))


def test_frames_that_calibrate_do_not_accept(folder: Path, data: Path, tmp_path: Path) -> None:
    for name in ("train", "trainannot"):
        (tmp_path / "only_train").mkdir(exist_ok=True)
        (tmp_path / "only_train" / name).symlink_to(data / name)
    model = quantize(folder, tmp_path / "only_train", "int8", frames=4)
    assert model.engine_graphs["int8"].frames == "CamVid train, 2 frames"


def test_sensitive_convolutions_stay_in_fp16(
    folder: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[str] = []
    original = quantizing.accept

    def refuse_thrice(content: bytes, *arguments: Any) -> EngineGraph:
        if len(refused) < 3:
            msg = "too bad"
            raise ExportError(msg)
        return original(content, *arguments)

    monkeypatch.setattr(quantizing, "accept", refuse_thrice)
    model = quantize(folder, data, "int8", frames=2, tell=refused.append)
    kept = model.details["quantization"]["int8"]["convolutions_in_fp16"]
    assert refused == [
        "int8 weights with one scale per convolution, all: too bad",
        "int8 weights with a scale per channel, all: too bad",
        "int8 weights with a scale per channel, but classifier, encoder.0.0.0 in fp16: too bad",
    ]
    assert len(kept) == 3
    assert {"classifier", "encoder.0.0.0"} < set(kept) < set(LAYERS)
    content = (folder / "model_int8.onnx").read_bytes()
    heads = [n for n in onnx.load_from_string(content).graph.node if n.op_type == "Conv"]
    in_fp16 = [n.input[1] for n in heads if not n.input[1].endswith("_dequantized")]
    assert sorted(in_fp16) == [f"network.{name}.weight" for name in kept]


def test_model_that_cannot_be_quantised_stays_as_it_is(
    folder: Path, data: Path, no_acceptance: list[str]
) -> None:
    before = snapshot(folder)
    message = (
        r"no int8 graph of tiny does nearly as well as model.onnx on CamVid val, 2 frames; nothing "
        r"was written; calibrate on more frames than 2, or stay with fp16"
    )
    with pytest.raises(ExportError, match=message):
        quantize(folder, data, "int8", frames=2)
    assert no_acceptance == ["5", "5", "3", "2", "1"]
    assert snapshot(folder) == before


def test_disk_that_fills_up_changes_nothing(
    folder: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quantize(folder, data, "int8", frames=2)
    before = snapshot(folder)

    def fail(model: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(quantizing, "save_description", fail)
    with pytest.raises(OSError, match="No space left"):
        quantize(folder, data, "int8", frames=3)
    assert snapshot(folder) == before


def test_another_graph_never_overwrites_the_one_in_use(folder: Path, data: Path) -> None:
    """A kill between both files would leave a model.yaml that names what is gone."""
    names = []
    for frames in (2, 3, 2, 2):
        quantize(folder, data, "int8", frames=frames)
        graph = load_model(folder).engine_graphs["int8"]
        read_verified(folder / graph.file, graph.sha256)
        assert sorted(path.name for path in folder.glob("*int8*")) == [graph.file]
        names.append(graph.file)
    assert names == [
        "model_int8.onnx",
        "model_int8_again.onnx",
        "model_int8.onnx",
        "model_int8.onnx",  # the same content
    ]


def test_a_graph_that_a_kill_left_is_no_obstacle(folder: Path, data: Path) -> None:
    quantize(folder, data, "int8", frames=2)
    (folder / "model_int8_again.onnx").write_text("left by a kill before model.yaml named it")
    quantize(folder, data, "int8", frames=3)
    graph = load_model(folder).engine_graphs["int8"]
    assert graph.file == "model_int8_again.onnx"
    read_verified(folder / graph.file, graph.sha256)
    assert not (folder / "model_int8.onnx").exists()


def test_model_without_fp16_graph_is_refused(channel_model: Path, data: Path) -> None:
    with pytest.raises(ExportError, match=r"channel holds no fp16 graph to quantise; export the"):
        quantize(channel_model, data, "int8")


def test_data_without_train_are_refused(folder: Path, tmp_path: Path, data: Path) -> None:
    (tmp_path / "only_val").mkdir()
    for name in ("val", "valannot"):
        (tmp_path / "only_val" / name).symlink_to(data / name)
    with pytest.raises(DatasetError, match=r"no folder .*only_val/train"):
        quantize(folder, tmp_path / "only_val", "int8")
