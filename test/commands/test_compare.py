# SPDX-License-Identifier: Apache-2.0
"""`segnet compare`, and the page of `segnet evaluate`."""

import json
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from segnet_ros import cli
from segnet_ros.datasets.camvid import CAMVID
from segnet_ros.inference.files import write_image
from segnet_ros.training.checkpoint import save_weights
from segnet_ros.training.models import ARCHITECTURES
from segnet_ros.training.models.segnet_light import SegNetLight

RED, GREEN, BLUE = np.diag([90, 90, 90]).astype(np.uint8)
SKY, BUILDING, POLE = range(3)


def segnet(*arguments: object) -> int:
    return cli.main([str(argument) for argument in arguments])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Red, green and blue frames of Sky, Building and Building: the channel model errs on one."""
    root = tmp_path / "data"
    for split in ("val", "train"):
        for name, color, label in (("a", RED, SKY), ("b", GREEN, BUILDING), ("c", BLUE, BUILDING)):
            image = np.broadcast_to(color, (48, 64, 3)).astype(np.uint8)
            write_image(root / split / f"{name}_0.png", image)
            write_image(
                root / f"{split}annot" / f"{name}_0.png", np.full((48, 64), label, np.uint8)
            )
    return root


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(ARCHITECTURES, "tiny", partial(SegNetLight, widths=(4, 6), depths=(1, 1)))
    return "tiny"


@pytest.fixture
def weights(tiny: str, tmp_path: Path) -> Path:
    """A network that says Building everywhere."""
    network = ARCHITECTURES[tiny](len(CAMVID.classes))
    classifier = network.classifier
    torch.nn.init.zeros_(classifier.weight)
    with torch.no_grad():
        classifier.bias.copy_(torch.nn.functional.one_hot(torch.tensor(BUILDING), 11) * 5.0)
    path = tmp_path / "run" / "weights.safetensors"
    metadata = {
        "recipe": json.dumps({"architecture": tiny}),
        "classes": json.dumps([asdict(item) for item in CAMVID.classes]),
    }
    path.parent.mkdir()
    save_weights(path, network, metadata)
    return path


def test_models_of_two_kinds_side_by_side(
    data: Path,
    weights: Path,
    camvid_channel_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    page, report = tmp_path / "page.html", tmp_path / "scores.json"
    arguments = ("--data", data, "--html", page, "--json", report)
    assert segnet("compare", camvid_channel_model, weights, *arguments) == 0
    channel, building = json.loads(report.read_text())
    # Channel: Sky 1 of 1, Building 1 of 2, Pole 0 of 1. Always Building: Sky 0, Building 2 of 3.
    assert channel["miou"] == pytest.approx((1 + 1 / 2 + 0) / 3)
    assert building["miou"] == pytest.approx((0 + 2 / 3) / 2)
    # Frame by frame: 1, 1, 0 against 0, 1, 1.
    assert building["difference"]["mean"] == pytest.approx(0)
    assert channel["difference"] is None
    assert channel["cost"] is None, "its architecture is none of ours"
    assert channel["file_bytes"] == (camvid_channel_model / "model.onnx").stat().st_size
    assert building["cost"]["size"] == [64, 48]
    assert building["cost"]["parameters"] == sum(
        parameter.numel() for parameter in ARCHITECTURES["tiny"](11).parameters()
    )
    assert building["file_bytes"] == weights.stat().st_size
    text = page.read_text(encoding="utf-8")
    assert "<title>2 models on CamVid val</title>" in text
    assert "run/weights.safetensors" in text
    assert text.count("Worst frames") == 2
    assert f"the page is {page}" in capsys.readouterr().out


def test_recipes_are_trained_first(tiny: str, data: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "short.yaml"
    augmentation = {"crop": [32, 24], "scale": [1.0, 1.0]}
    facts = {"architecture": tiny, "epochs": 1, "batch_size": 2, "augmentation": augmentation}
    recipe.write_text(yaml.safe_dump(facts))
    arguments = ("--data", data, "--html", tmp_path / "page.html", "--output", tmp_path / "runs")
    assert segnet("compare", recipe, *arguments, "--train-data", data) == 0
    assert (tmp_path / "runs" / "short" / "weights.safetensors").is_file()
    assert "short/weights.safetensors" in (tmp_path / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("recipe.yaml", "no data to train recipe.yaml on; name a dataset with --train-data"),
        ("no_such_model", "no model 'no_such_model'"),
        ("none.safetensors", "none.safetensors"),
    ],
)
def test_mistakes_show_before_the_first_evaluation(
    model: str,
    message: str,
    data: Path,
    camvid_channel_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ("--data", data, "--html", tmp_path / "page.html")
    assert segnet("compare", camvid_channel_model, model, *arguments) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("segnet compare: ")
    assert message in printed.err
    assert "evaluating" not in printed.out
    assert not (tmp_path / "page.html").exists()


def test_evaluate_writes_a_page(data: Path, camvid_channel_model: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    arguments = ("--model", camvid_channel_model, "--data", data, "--html", page)
    assert segnet("evaluate", *arguments) == 0
    text = page.read_text(encoding="utf-8")
    assert "<title>camvid_channel on CamVid val</title>" in text
    worst = text.index("Worst frames")
    assert text.index("c_0 (c): mIoU 0.0 %") > worst


def test_a_missing_library_shows_before_the_evaluation(
    data: Path,
    camvid_channel_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for name in ("charts", "report"):
        monkeypatch.delitem(sys.modules, f"segnet_ros.evaluation.{name}", raising=False)
    arguments = ("--model", camvid_channel_model, "--data", data, "--html", tmp_path / "page.html")
    assert segnet("evaluate", *arguments) == 1
    printed = capsys.readouterr()
    assert "needs the Python package matplotlib" in printed.err
    assert "pip install 'segnet_ros[report]'" in printed.err
    assert "mIoU" not in printed.out
