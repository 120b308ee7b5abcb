# SPDX-License-Identifier: Apache-2.0

import json
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from segnet_ros.cli import main
from segnet_ros.training.checkpoint import save_weights
from segnet_ros.training.models import ARCHITECTURES
from segnet_ros.training.models.segnet_light import SegNetLight

TINY = partial(SegNetLight, widths=(6, 8), depths=(1, 1))
RECIPE = """
architecture: segnet_light
epochs: 2
batch_size: 2
balance_power: 0
augmentation: none
"""


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ARCHITECTURES, "tiny", TINY)


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    """`train` with a recipe, three frames of sequence a and one of b, and an output folder."""
    for folder in ("train", "trainannot"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    for name in ("a_1", "a_2", "a_3", "b_1"):
        image = np.random.default_rng(0).integers(0, 255, (12, 16, 3), np.uint8)
        cv2.imwrite(str(tmp_path / "data" / "train" / f"{name}.png"), image)
        labels = np.repeat(np.array([[0], [3]], np.uint8), 16, axis=1).repeat(6, axis=0)
        cv2.imwrite(str(tmp_path / "data" / "trainannot" / f"{name}.png"), labels)
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    data, output = str(tmp_path / "data"), str(tmp_path / "run")
    recipe = str(tmp_path / "recipe.yaml")
    return ["train", recipe, "--data", data, "--output", output, "--architecture", "tiny"]


def test_run_leaves_weights_of_the_architecture_asked_for(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--hold-out", "b"]) == 0
    printed = capsys.readouterr().out
    assert "3 training frames, 1 held out" in printed
    assert f"weights are in {tmp_path / 'run' / 'weights.safetensors'}" in printed
    entries = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert [json.loads(entry)["epoch"] for entry in entries] == [1, 2]
    saved = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    assert saved["recipe"]["architecture"] == "tiny"


def test_dry_run_prints_costs_and_writes_nothing(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert main([*arguments, "--dry-run", "--workers", "1"]) == 0
    printed = capsys.readouterr().out
    assert "tiny: 0.0" in printed
    assert "4 training frames, 11 classes with the weights Sky 1, Building 0, " in printed
    assert "4 steps, 0:00:0" in printed
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == before
    assert not (tmp_path / "run").exists()


def test_weights_of_other_classes_start_all_but_the_head(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    colors = [{"name": str(k), "color": [k, k, k]} for k in range(4)]
    metadata = {"recipe": '{"architecture": "tiny"}', "classes": json.dumps(colors)}
    save_weights(tmp_path / "four.safetensors", TINY(4), metadata)
    assert main([*arguments, "--init", str(tmp_path / "four.safetensors")]) == 0
    assert "not loaded: classifier (2)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("further", "message"),
    [
        (["--architecture", "pspnet"], "architecture 'pspnet' is not one of"),
        (["--hold-out", "c"], "no sequence c; there are a, b"),
        (["--init", "none.safetensors"], "weights none.safetensors cannot be read"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    arguments: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    further: list[str],
    message: str,
) -> None:
    assert main([*arguments, *further]) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert message in errors[0]
    assert not (tmp_path / "run").exists()
