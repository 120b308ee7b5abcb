# SPDX-License-Identifier: Apache-2.0
"""`segnet evaluate`: what it writes, shows and refuses."""

import builtins
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segnet_ros.cli import main
from segnet_ros.inference.files import write_image

pytest.importorskip("openvino", reason="needs openvino: pip install 'segnet_ros[cpu]'")

RED = (90, 0, 0)
SKY, POLE, STORED_VOID = 0, 2, 11


def _write(root: Path, name: str, labels: int) -> None:
    write_image(root / "val" / name, np.full((12, 16, 3), RED, np.uint8))
    write_image(root / "valannot" / name, np.full((12, 16), labels, np.uint8))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The sky is found in one sequence, a pole is taken for sky in another, a third is void."""
    for name, labels in (("a_0.png", SKY), ("b_0.png", POLE), ("c_0.png", STORED_VOID)):
        _write(tmp_path / "data", name, labels)
    return tmp_path / "data"


def _evaluate(data: Path, model: Path, *arguments: object) -> int:
    return main(["evaluate", "--data", str(data), "--model", str(model), *map(str, arguments)])


def test_scores_are_written_and_shown(
    data: Path, camvid_channel_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new" / "scores.json"
    assert _evaluate(data, camvid_channel_model, "--json", path) == 0
    written = json.loads(path.read_text())
    assert written["global_accuracy"] == 0.5
    assert written["bf"] is None
    assert written["ece"] == pytest.approx(0.5 - 90 / 255)
    assert written["per_class"]["Pole"] == {"iou": 0.0, "accuracy": 0.0, "bf": None}
    assert written["sequences"]["c"]["miou"] is None
    assert [path.name for path in path.parent.iterdir()] == ["scores.json"]

    cells = [line.split("│")[1:-1] for line in capsys.readouterr().out.splitlines()]
    rows = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in cells if row}
    assert rows["Sky"] == ["50.0", "100.0", "-"]
    assert rows["Car"] == ["-", "-", "-"]
    assert rows["a"] == ["100.0", "100.0", "100.0", "100.0", "-", "1"]
    assert rows["b"] == ["0.0", "0.0", "0.0", "0.0", "-", "1"]
    assert rows["c"] == ["-", "-", "-", "-", "-", "1"]
    assert rows["all"] == ["50.0", "50.0", "25.0", "25.0", "-", "3"]
    assert rows["95 % from"] == ["0.0", "0.0", "0.0", "0.0", "-", ""]
    assert rows["to"] == ["100.0", "100.0", "100.0", "100.0", "-", ""]


def test_summary_line(
    data: Path, camvid_channel_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _evaluate(data, camvid_channel_model) == 0
    assert (
        capsys.readouterr()
        .out.splitlines()[-1]
        .startswith(
            "mIoU 25.0, class accuracy 50.0, global accuracy 50.0, frequency-weighted IoU 25.0, "
            "boundary F1 -, calibration error 14.7; 3 frames, "
        )
    )


def test_result_is_shown_even_if_it_cannot_be_written(
    data: Path, camvid_channel_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "scores.json").mkdir()
    assert _evaluate(data, camvid_channel_model, "--json", tmp_path / "scores.json") == 1
    shown = capsys.readouterr()
    assert "mIoU 25.0" in shown.out
    assert shown.err.startswith("segnet evaluate: ")
    assert str(tmp_path / "scores.json") in shown.err
    assert list((tmp_path / "scores.json").iterdir()) == []


def test_older_scores_survive_a_failure(
    data: Path,
    camvid_channel_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "scores.json"
    path.write_text("older")
    write_text = Path.write_text

    def fill_the_disk(self: Path, text: str, **options: Any) -> int:
        write_text(self, text[:20], **options)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fill_the_disk)
    assert _evaluate(data, camvid_channel_model, "--json", path) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert path.read_text() == "older"
    assert sorted(item.name for item in tmp_path.iterdir()) == ["data", "scores.json"]


def test_weights_run_in_pytorch_only(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / "weights.safetensors"
    assert _evaluate(data, weights, "--runtime", "openvino") == 1
    assert "weights run in PyTorch; leave out --runtime" in capsys.readouterr().err


def test_missing_weights(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", reason="needs torch: pip install 'segnet_ros[train]'")
    assert _evaluate(data, tmp_path / "none.safetensors") == 1
    assert "none.safetensors cannot be read" in capsys.readouterr().err


def test_weights_without_pytorch(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    genuine = builtins.__import__

    def without_pytorch(name: str, *rest: Any) -> Any:
        if name == "segnet_ros.training.torch_segmenter":
            msg = "No module named 'torch'"
            raise ModuleNotFoundError(msg, name="torch")
        return genuine(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_pytorch)
    assert _evaluate(data, tmp_path / "weights.safetensors") == 1
    error = capsys.readouterr().err
    assert "need the Python package torch" in error
    assert "pip install 'segnet_ros[train]'" in error
