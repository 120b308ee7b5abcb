# SPDX-License-Identifier: Apache-2.0
"""Packed models and frames, and what engines over a simulated GPU make of them."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
from accuracy import check_accuracy, compare
from packed_data import (
    read_answers,
    read_images,
    read_models,
    read_truth,
    write_frames,
    write_model,
)
from simulated_tensorrt import SIZE, SimulatedMachine

from segnet_ros.datasets.camvid import CAMVID
from segnet_ros.datasets.frames import LabelledFrame
from segnet_ros.datasets.taxonomy import VOID
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import load_model

WIDTH, HEIGHT = SIZE


def write_frame(folder: Path, name: str, color: tuple[int, int, int], label: int) -> LabelledFrame:
    """A picture of one RGB colour, the right half of its labels void."""
    labels = np.full((HEIGHT, WIDTH), label, np.uint8)
    labels[:, WIDTH // 2 :] = len(CAMVID.classes)
    paths = folder / f"{name}.bmp", folder / f"{name}_labels.png"
    cv2.imwrite(str(paths[0]), np.full((HEIGHT, WIDTH, 3), color[::-1], np.uint8))
    cv2.imwrite(str(paths[1]), labels)
    return LabelledFrame(*paths, "", CAMVID)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two frames: a red one of class 0, and a blue one that is labelled 1 though."""
    source, folder = tmp_path / "source", tmp_path / "data"
    source.mkdir()
    frames = [
        write_frame(source, "a", (250, 10, 20), 0),
        write_frame(source, "b", (10, 20, 250), 1),
    ]
    write_frames(frames, folder)
    return folder


def test_frames_arrive_in_order_nearly_as_they_were(data: Path) -> None:
    red, blue = read_images(data)
    assert red.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(red - np.array([250, 10, 20])).max() <= 4
    assert np.abs(blue - np.array([10, 20, 250])).max() <= 4
    first, second = read_truth(data)
    assert set(np.unique(first[:, : WIDTH // 2])) == {0}
    assert set(np.unique(second[:, : WIDTH // 2])) == {1}
    assert set(np.unique(first[:, WIDTH // 2 :])) == {VOID}


def packed(tmp_path: Path, data: Path, batch: int = 4) -> SimulatedMachine:
    """A simulated machine whose model is packed, with the answer 0 for every pixel."""
    machine_folder = tmp_path / "machine"
    machine_folder.mkdir(exist_ok=True)
    simulated = SimulatedMachine(machine_folder, batch=batch)
    (machine_folder / "model_fp16.onnx").write_bytes(b"graph")
    answers = [np.zeros((HEIGHT, WIDTH), np.uint8)] * 2
    write_model(simulated.model, answers, data)
    return simulated


def test_model_is_packed_without_its_cpu_graph(tmp_path: Path, data: Path) -> None:
    simulated = packed(tmp_path, data)
    (model,) = read_models(data)
    assert model == dataclasses.replace(
        simulated.model, folder=data / "models" / "channel", sha256=model.sha256,
        classes=model.classes,
    )  # fmt: skip
    assert list(model.classes) == list(simulated.model.classes)
    assert (model.folder / "model_fp16.onnx").read_bytes() == b"graph"
    assert model.graph.stat().st_size < 100
    assert read_answers(model).shape == (2, HEIGHT, WIDTH)
    assert not read_answers(model).any()
    model.graph.write_bytes(b"something else")
    with pytest.raises(InferenceError, match="was altered"):
        load_model(model.folder)


def test_engines_are_compared_with_model_onnx_and_the_truth(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated = packed(tmp_path, data, batch=4)
    SimulatedMachine(tmp_path / "machine", batch=1)  # the other engine, into the same cache
    monkeypatch.setattr(
        "segnet_ros.inference.engine.runtime.find_machine", lambda: simulated.machine
    )
    (model,) = read_models(data)
    values = check_accuracy(model, "fp16", data, simulated.options.cache)
    built = values.pop("built")
    assert built.startswith("TensorRT 10.3.0 Simulated GPU fp16")
    # The engine says 0 to red and 2 to blue. model.onnx says 0 to both; the truth is 0 and 1.
    assert values == {
        "frames": 2,
        "agreement": 0.5,
        "batched_agreement": 0.5,
        "miou": pytest.approx(1 / 3),  # class 0 all right, 1 and 2 all wrong
        "reference_miou": pytest.approx((0.5 + 0.0) / 2),  # no class 2 anywhere
    }


def test_single_and_batched_answers_are_told_apart() -> None:
    truth = [np.zeros((2, 2), np.uint8), np.ones((2, 2), np.uint8)]
    swapped = truth[::-1]
    values = compare(truth, swapped, np.stack(truth), truth, classes=2)
    assert values["agreement"] == values["miou"] == values["reference_miou"] == 1.0
    assert values["batched_agreement"] == 0.0
