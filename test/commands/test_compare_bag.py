# SPDX-License-Identifier: Apache-2.0

import argparse
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("openvino", reason="needs openvino: pip install 'segnet_ros[cpu]'")
pytest.importorskip("onnx", reason="needs onnx: pip install 'segnet_ros[train]'")
pytest.importorskip("rosbags", reason="needs rosbags: pip install 'segnet_ros[bag]'")
pytest.importorskip("jinja2", reason="needs jinja2: pip install 'segnet_ros[report]'")
pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'segnet_ros[report]'")

from rosbags.rosbag2 import StoragePlugin, Writer

from segnet_ros.bags.message_types import typestore
from segnet_ros.bags.recorded import IMAGE_TYPE
from segnet_ros.bags.writing.image_messages import frame_message
from segnet_ros.cli import main
from segnet_ros.commands import compare_bag
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import SegmentationClass, load_model, save_description

START = 1_700_000_000_000_000_000
SECOND = 1_000_000_000


def segnet(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def write_bag(path: Path, images: list[np.ndarray | None]) -> Path:
    """Frames at 0.5 Hz; None is a message that holds none."""
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection("/image", IMAGE_TYPE, typestore=typestore())
        for index, image in enumerate(images):
            time = START + 2 * index * SECOND
            cdr = b"\0\1\0\0" if image is None else frame_message(image, True, time, "camera")
            writer.write(connection, time, cdr)
    return path


def picture(red: int) -> np.ndarray:
    """Columns of red, then as many of blue as fit into 16, but for four of green at the end."""
    image = np.full((12, 16, 3), 10, np.uint8)
    image[:, :red, 0] = image[:, red:12, 2] = image[:, 12:, 1] = 250
    return image


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    return write_bag(tmp_path / "drive", [picture(4), picture(12)])


@pytest.fixture
def other(channel_model: Path, tmp_path: Path) -> Path:
    """Says green where the other model says blue."""
    folder = tmp_path / "other"
    shutil.copytree(channel_model, folder)
    classes = [SegmentationClass(name, (1, 2, 3)) for name in ("red", "blue", "green")]
    model = load_model(folder)
    save_description(replace(model, name="other", classes=classes))
    return folder


def test_what_is_found_is_told(
    bag: Path, channel_model: Path, other: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, report = tmp_path / "page.html", tmp_path / "report.json"
    arguments = ("--models", channel_model, other, "--html", page, "--json", report)
    assert segnet("compare-bag", bag, *arguments, "--runtime", "openvino") == 0
    facts = json.loads(report.read_text())
    # 4 red, 8 blue, 4 green columns, then 12 red and 4 green; B has blue and green exchanged.
    assert facts["classes"]["names"] == ["red", "green", "blue"]
    assert (np.array(facts["overall"]["matrix"]) / 12).tolist() == [
        [16, 0, 0, 0], [0, 0, 8, 0], [0, 8, 0, 0], [0, 0, 0, 0],
    ]  # fmt: skip
    assert facts["overall"]["agreement"] == 1 / 2
    assert facts["overall"]["miou"] == 1 / 3
    assert facts["cameras"][0]["timeline"]["agreement"] == [4 / 16, 12 / 16]
    assert facts["cameras"][0]["timeline"]["time_ns"] == [START, START + 2 * SECOND]
    assert [frame["agreement"] for frame in facts["worst"]] == [4 / 16, 12 / 16]
    assert facts["gate"] == {"agreement": None, "miou": None, "class_iou": None}
    assert facts["misses"] == facts["skipped"] == []
    assert [facts["models"][side][0]["model"] for side in "ab"] == ["channel", "other"]
    text = page.read_text(encoding="utf-8")
    assert "<title>channel against other</title>" in text
    assert text.count('alt="where the labels differ"') == 2
    assert "Passed" not in text
    printed = capsys.readouterr().out
    assert "pixel agreement 50.00, mean IoU 33.33" in printed
    assert f"the page is {page}" in printed


def test_the_same_again(bag: Path, channel_model: Path, other: Path, tmp_path: Path) -> None:
    written = []
    for name in ("first", "second"):
        folder = tmp_path / name
        files = ("--html", folder / "page.html", "--json", folder / "report.json")
        assert segnet("compare-bag", bag, "--models", channel_model, other, *files) == 0
        written.append([path.read_bytes() for path in sorted(folder.iterdir())])
    assert len(written[0]) == 2
    assert written[0] == written[1]


@pytest.mark.parametrize(
    ("gate", "code", "missed"),
    [
        (("--min-agreement", "0.5", "--min-miou", "0.33", "--min-class-iou", "0"), 0, []),
        (("--min-agreement", "0.51"), 4, ["pixel agreement is 0.500000, expected at least 0.51"]),
        (("--min-miou", "0.34"), 4, ["mean IoU is 0.333333, expected at least 0.34"]),
        (
            ("--min-class-iou", "1"), 4,
            [f"IoU of {name} is 0.000000, expected at least 1" for name in ("green", "blue")],
        ),
    ],
)  # fmt: skip
def test_gate(
    gate: tuple[str, ...],
    code: int,
    missed: list[str],
    bag: Path,
    channel_model: Path,
    other: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    page, report = tmp_path / "page.html", tmp_path / "report.json"
    files = ("--html", page, "--json", report, "--worst", 1)
    assert segnet("compare-bag", bag, "--models", channel_model, other, *files, *gate) == code
    facts = json.loads(report.read_text())
    assert facts["misses"] == missed
    assert len(facts["worst"]) == 1
    printed = capsys.readouterr().out
    assert [line for line in printed.splitlines() if line.startswith("missed: ")] == [
        f"missed: {miss}" for miss in missed
    ]
    assert ("Missed" if missed else "Passed") in page.read_text(encoding="utf-8")


def test_several_recordings_and_what_cannot_be_read(
    bag: Path, channel_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = write_bag(tmp_path / "damaged", [picture(4), None])
    report, page = tmp_path / "report.json", tmp_path / "page.html"
    arguments = ("--models", channel_model, channel_model, "--json", report, "--html", page)
    assert segnet("compare-bag", bag, damaged, *arguments) == 3
    facts = json.loads(report.read_text())
    assert [(each["bag"], each["frames"]) for each in facts["cameras"]] == [
        (str(bag), 2), (str(damaged), 1),
    ]  # fmt: skip
    assert facts["overall"]["agreement"] == 1
    assert facts["worst"] == []
    assert [each["time_ns"] for each in facts["skipped"]] == [START + 2 * SECOND]
    assert "skipped: /image" in capsys.readouterr().err
    assert segnet("compare-bag", damaged, *arguments, "--min-agreement", 1) == 3
    assert "the same model under the same runtime" in page.read_text(encoding="utf-8")


def test_a_missed_gate_outranks_faults(channel_model: Path, other: Path, tmp_path: Path) -> None:
    damaged = write_bag(tmp_path / "damaged", [picture(4), None])
    arguments = ("--models", channel_model, other, "--min-agreement", 1)
    assert segnet("compare-bag", damaged, *arguments) == 4


def choice_of(*arguments: object) -> list[tuple[str, str, str]]:
    parser = argparse.ArgumentParser()
    compare_bag.configure(parser)
    options = parser.parse_args([str(argument) for argument in arguments])
    models = compare_bag.pair_choice(options).models
    return [(each.runtime, each.precision, each.taxonomy) for each in models]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), [("auto", "fp16", ""), ("auto", "fp16", "")]),
        (("--runtime", "openvino"), [("openvino", "fp16", ""), ("openvino", "fp16", "")]),
        (
            ("--runtimes", "openvino", "tensorrt", "--precision", "int8"),
            [("openvino", "int8", ""), ("tensorrt", "int8", "")],
        ),
        (
            ("--precisions", "fp16", "int8"),
            [("tensorrt", "fp16", ""), ("tensorrt", "int8", "")],
        ),
        (
            ("--precisions", "fp16", "fp8", "--runtimes", "auto", "tensorrt"),
            [("tensorrt", "fp16", ""), ("tensorrt", "fp8", "")],
        ),
        (("--taxonomy", "t"), [("auto", "fp16", "t"), ("auto", "fp16", "t")]),
        (("--taxonomies", "t", "u"), [("auto", "fp16", "t"), ("auto", "fp16", "u")]),
    ],
)
def test_what_each_model_runs_under(
    arguments: tuple[str, ...], expected: list[tuple[str, str, str]], channel_model: Path
) -> None:
    assert choice_of("bag", "--models", channel_model, channel_model, *arguments) == expected


@pytest.mark.parametrize("runtime", [("--runtime", "openvino"), ("--runtimes", "auto", "openvino")])
def test_precisions_that_nobody_heeds_are_refused(
    runtime: tuple[str, ...], channel_model: Path
) -> None:
    models = ("--models", channel_model, channel_model)
    with pytest.raises(InferenceError, match="fp16 int8 for the runtime openvino, which heeds no"):
        choice_of("bag", *models, "--precisions", "fp16", "int8", *runtime)


@pytest.mark.parametrize("place", [0, 1])
def test_a_wrong_model_shows_at_once(
    place: int, bag: Path, channel_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models: list[object] = [channel_model, channel_model]
    models[place] = "no_such_model"
    assert segnet("compare-bag", bag, "--models", *models) == 1
    assert "segnet compare-bag: no model 'no_such_model'" in capsys.readouterr().err


def test_a_wrong_topic(bag: Path, channel_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = ("--models", channel_model, channel_model)
    assert segnet("compare-bag", bag, *models, "--topic", "/other") == 1
    assert "has no images on /other" in capsys.readouterr().err


def test_a_missing_library_shows_before_the_work(
    bag: Path,
    channel_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for name in ("charts", "report"):
        monkeypatch.delitem(sys.modules, f"segnet_ros.evaluation.{name}", raising=False)
    models = ("--models", channel_model, channel_model)
    assert segnet("compare-bag", bag, *models, "--html", tmp_path / "page.html") == 1
    printed = capsys.readouterr()
    assert "pip install 'segnet_ros[report]'" in printed.err
    assert "agreement" not in printed.out
