# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace
from pathlib import Path

import pytest

from segnet_ros.doctor import models
from segnet_ros.doctor.finding import Finding
from segnet_ros.inference.model import load_model, save_description


def test_a_whole_model(machine, model_folder: Path) -> None:
    found = "tiny: 16x12, 1 classes, files verified; TensorRT graphs: fp16"
    here = replace(machine(), model=str(model_folder))
    assert models.check(here) == [Finding("models", "ok", found)]


def test_a_model_without_graphs_for_tensorrt(machine, model_folder: Path) -> None:
    save_description(replace(load_model(model_folder), engine_graphs={}))
    found = "tiny: 16x12, 1 classes, files verified; no graph for TensorRT engines"
    remedy = "for TensorRT, export it again with `segnet export`"
    here = replace(machine(), model=str(model_folder))
    assert models.check(here) == [Finding("models", "note", found, remedy)]


@pytest.mark.parametrize("name", ["model.onnx", "model_fp16.onnx", "golden.npz"])
def test_an_altered_file(machine, model_folder: Path, name: str) -> None:
    (model_folder / name).write_text("altered")
    (finding,) = models.check(replace(machine(), model=str(model_folder)))
    assert finding.level == "error"
    assert finding.found.startswith(f"{model_folder / name} has sha256 ")


def test_a_missing_file(machine, model_folder: Path) -> None:
    (model_folder / "golden.npz").unlink()
    (finding,) = models.check(replace(machine(), model=str(model_folder)))
    path = model_folder / "golden.npz"
    found = f"{path} cannot be read (No such file or directory)"
    assert finding == Finding("models", "error", found, "restore the model folder")


def test_a_model_that_nobody_knows(machine) -> None:
    (finding,) = models.check(replace(machine(), model="nobody_knows_it"))
    assert (finding.level, finding.found) == ("error", "no model 'nobody_knows_it'")


def test_every_shipped_model_is_whole(machine) -> None:
    found = {finding.found.partition(":")[0]: finding.level for finding in models.check(machine())}
    assert {"segnet_basic_camvid", "segnet_light_camvid"} <= found.keys()
    assert not {"error", "warning"} & set(found.values())


def test_only_the_model_that_shall_run_can_stop_the_node(
    machine, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (model_folder / "model.onnx").write_text("altered")
    monkeypatch.setattr(models, "shipped_models", lambda: ["segnet_light_camvid", "other"])
    monkeypatch.setattr(models, "find_model", lambda name: model_folder)
    assert [finding.level for finding in models.check(machine())] == ["error", "warning"]


def test_no_model_at_all(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "shipped_models", list)
    remedy = "install the package anew, or export a model with `segnet export`"
    expected = [Finding("models", "error", "no model is installed", remedy)]
    assert models.check(machine()) == expected
