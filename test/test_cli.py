# SPDX-License-Identifier: Apache-2.0

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from segnet_ros import cli
from segnet_ros.datasets.camvid import CAMVID
from segnet_ros.inference.model import load_model
from segnet_ros.simulation.drive import StreetDrive
from segnet_ros.training.models import ARCHITECTURES
from segnet_ros.training.models.segnet_light import SegNetLight

# What cli.main does without some packages, in a process of its own.
WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {packages!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
from segnet_ros.cli import main
sys.exit(main({arguments!r}))
"""
RED, GREEN, BLUE = (250, 20, 10), (10, 240, 30), (20, 30, 230)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(ARCHITECTURES, "tiny", partial(SegNetLight, widths=(4, 6), depths=(1, 1)))
    return "tiny"


def segnet(*arguments: object) -> int:
    return cli.main([str(argument) for argument in arguments])


def segnet_without(packages: list[str], *arguments: object) -> subprocess.CompletedProcess[str]:
    script = WITHOUT.format(packages=packages, arguments=[str(item) for item in arguments])
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )


def refused_options(*arguments: object) -> None:
    with pytest.raises(SystemExit) as stopped:
        segnet(*arguments)
    assert stopped.value.code == 2


def solid(color: tuple[int, int, int], size: tuple[int, int] = (32, 24)) -> np.ndarray:
    return np.full((size[1], size[0], 3), color, np.uint8)


def write_picture(path: Path, rgb: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.ascontiguousarray(rgb[..., ::-1]))


def read_picture(path: Path) -> np.ndarray:
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert picture is not None, path
    return picture if picture.ndim == 2 else picture[..., ::-1]


def write_labels(path: Path, labels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), labels)


def write_labelled(root: Path, split: str, name: str, rgb: np.ndarray, label: int) -> None:
    write_picture(root / split / f"{name}.png", rgb)
    labels = np.full(rgb.shape[:2], label, np.uint8)
    write_labels(root / f"{split}annot" / f"{name}.png", labels)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two pictures of one colour each, and one of which the halves differ."""
    folder = tmp_path / "pictures"
    write_picture(folder / "green.png", solid(GREEN))
    write_picture(folder / "blue.png", solid(BLUE))
    halves = solid(RED)
    halves[:, 16:] = BLUE
    write_picture(folder / "halves.png", halves)
    return folder


# The command itself


def test_help_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        segnet("--help")
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    verbs = {
        "node", "run", "replay", "demo", "render", "train", "evaluate", "compare", "export",
        "import-caffe", "pack-bag", "label-bag", "compare-bag", "mine", "report-bag",
    }  # fmt: skip
    assert verbs <= set(text.split())


@pytest.mark.parametrize("arguments", [(), ("fly",), ("render",), ("render", "out", "--wings")])
def test_wrong_usage_exits_with_two(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    refused_options(*arguments)
    assert "usage: segnet" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--size", "480", "'480' is no size; expected WIDTHxHEIGHT, as 480x360"),
        ("--size", "0x360", "'0x360' is no size"),
        ("--size", "480x-360", "'480x-360' is no size"),
        ("--frames", "0", "'0' is not a whole number from 1"),
        ("--frames", "2.5", "'2.5' is not a whole number from 1"),
        ("--seed", "abc", "invalid int value: 'abc'"),
    ],
)
def test_unusable_option_values_are_explained(
    option: str, value: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused_options("render", tmp_path / "out", option, value)
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("alpha", ["-0.1", "1.1", "half", "nan"])
def test_alpha_is_a_fraction(alpha: str, capsys: pytest.CaptureFixture[str]) -> None:
    refused_options("run", "pictures", f"--alpha={alpha}")
    assert f"{alpha!r} is not a number from 0 to 1" in capsys.readouterr().err


def stand_in(error: BaseException) -> Callable[[Any], int]:
    def command(options: Any) -> int:
        raise error

    return command


def render_with(command: Callable[[Any], int], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("segnet_ros.commands.render._run", command)
    return segnet("render", "out")


def test_interrupt_exits_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    assert render_with(stand_in(KeyboardInterrupt()), monkeypatch) == 130


INTERRUPTED_IMPORT = """
import importlib, signal, sys
from segnet_ros import cli

def import_module(name):
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise ImportError("a library that makes something else of it") from None
    return importlib.import_module(name)

signal.signal(signal.SIGINT, getattr(signal, sys.argv[1]))
cli.import_module = import_module
sys.exit(cli.main(["render", "--help"]))
"""


@pytest.mark.parametrize(("handler", "code"), [("default_int_handler", 130), ("SIG_IGN", 0)])
def test_an_interrupt_while_libraries_are_imported_ends_quietly(handler: str, code: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_IMPORT, handler],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (code, "")


def test_another_threads_verb_is_imported_all_the_same() -> None:
    codes: list[int] = []
    arguments = ["taxonomy", "driving"]
    thread = Thread(target=lambda: codes.append(cli.main(arguments)))
    thread.start()
    thread.join()
    assert codes == [cli.main(arguments)]


def test_system_errors_are_explained(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert render_with(stand_in(OSError(5, "Input/output error")), monkeypatch) == 1
    assert capsys.readouterr().err == "segnet render: [Errno 5] Input/output error\n"


def test_defects_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ZeroDivisionError):
        render_with(stand_in(ZeroDivisionError()), monkeypatch)


def test_module_runs_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "segnet_ros", "render", "out", "--frames", "none"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "'none' is not a whole number from 1" in done.stderr


@pytest.mark.parametrize(
    ("package", "arguments", "extra"),
    [
        ("torch", ["train", "recipe.yaml"], "train"),
        ("safetensors", ["export", "weights", "model"], "train,cpu"),
        ("rosbags", ["run", "pictures"], "cpu,bag"),
    ],
)
def test_missing_package_is_explained(package: str, arguments: list[str], extra: str) -> None:
    done = segnet_without([package], *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"segnet {arguments[0]}: the Python package {package} is not installed; "
        f"run `pip install 'segnet_ros[{extra}]'`\n"
    )


def test_missing_runtime_is_explained(pictures: Path, channel_model: Path) -> None:
    done = segnet_without(["openvino"], "run", pictures, "--model", channel_model)
    assert done.returncode == 1
    assert "segnet run: the openvino runtime needs the Python package openvino" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_to_a_full_disk_is_one_error(camvid_channel_model: Path) -> None:
    command = [sys.executable, "-m", "segnet_ros", "taxonomy", "driving"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*command, "--model", camvid_channel_model],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == (
        "segnet taxonomy: standard output or a temporary file cannot be written (No space left on "
        "device); expected room. Make room, or set TMPDIR to another folder\n"
    )


def test_segmenting_pictures_needs_neither_torch_nor_ros(
    pictures: Path, channel_model: Path, tmp_path: Path
) -> None:
    absent = ["torch", "onnx", "safetensors", "rclpy", "sensor_msgs"]
    output = tmp_path / "out"
    done = segnet_without(absent, "run", pictures, "--model", channel_model, "-o", output)
    assert done.returncode == 0, done.stderr
    assert (read_picture(output / "labels" / "green.png") == 1).all()


# segnet render


def test_render_writes_the_drive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--frames", 2, "--seed", 3, "--size", "64x48", "--name", "street")
    assert segnet("render", tmp_path, *arguments) == 0
    assert f"wrote 2 frames to {tmp_path / 'street'}" in capsys.readouterr().out
    drive = StreetDrive(3, (64, 48))
    for index in range(2):
        image, labels = drive.frame(index)
        assert np.array_equal(read_picture(tmp_path / f"street/{index:06d}.png"), image)
        assert np.array_equal(read_picture(tmp_path / f"streetannot/{index:06d}.png"), labels)
    assert len(list((tmp_path / "street").iterdir())) == 2


def test_render_varied_takes_every_frame_from_another_world(tmp_path: Path) -> None:
    assert segnet("render", tmp_path, "--frames", 2, "--size", "64x48", "--varied") == 0
    first, second = (read_picture(tmp_path / f"drive/{index:06d}.png") for index in range(2))
    assert np.array_equal(first, StreetDrive(0, (64, 48)).frame(0)[0])
    assert not np.array_equal(second, StreetDrive(0, (64, 48)).frame(45)[0])


@pytest.mark.parametrize("varied", [(), ("--varied",)])
@pytest.mark.parametrize(
    ("option", "message"),
    [
        (("--size", "32x24"), "size is 32x24 pixels; expected at least 64x48"),
        (("--seed", "-1"), "seed is -1; expected 0 or more"),
    ],
)
def test_impossible_scene_is_explained(
    option: tuple[str, str],
    varied: tuple[str, ...],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert segnet("render", tmp_path / "out", *option, *varied) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


# segnet run


def test_run_labels_a_folder_of_pictures(
    pictures: Path, channel_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    assert segnet("run", pictures, "-o", output, "--model", channel_model, "--alpha", 1) == 0
    assert f"3 label images in {output / 'labels'}" in capsys.readouterr().out
    assert sorted(path.name for path in output.glob("*/*")) == sorted(
        f"{name}.{suffix}" for name in ("green", "blue", "halves") for suffix in ("png", "jpg")
    )
    halves = np.zeros((24, 32), np.uint8)
    halves[:, 16:] = 2
    for name, expected in (("green", 1), ("blue", 2), ("halves", halves)):
        labels = read_picture(output / "labels" / f"{name}.png")
        assert labels.shape == (24, 32)
        assert (labels == expected).all()
    overlay = read_picture(output / "overlays" / "green.jpg")
    # Nothing but the class's colour, as far as JPEG keeps it.
    assert np.abs(overlay - np.array(load_model(channel_model).classes[1].color)).max() <= 4


def test_run_without_colours_shows_the_picture(
    pictures: Path, channel_model: Path, tmp_path: Path
) -> None:
    arguments = ("-o", tmp_path / "out", "--model", channel_model, "--alpha", 0)
    assert segnet("run", pictures / "green.png", *arguments) == 0
    overlay = read_picture(tmp_path / "out" / "overlays" / "green.jpg")
    assert np.abs(overlay.astype(int) - np.array(GREEN)).max() <= 4


def test_run_makes_a_video_of_a_video(channel_model: Path, tmp_path: Path) -> None:
    writer = cv2.VideoWriter(
        str(tmp_path / "clip.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 12.0, (64, 48)
    )
    for color in (RED, GREEN, BLUE):
        writer.write(np.ascontiguousarray(solid(color, (64, 48))[..., ::-1]))
    writer.release()
    output = tmp_path / "out"
    assert segnet("run", tmp_path / "clip.mp4", "-o", output, "--model", channel_model) == 0
    found = [np.unique(read_picture(output / "labels" / f"{i:06d}.png")).tolist() for i in range(3)]
    assert found == [[0], [1], [2]]
    overlay = cv2.VideoCapture(str(output / "overlay.mp4"))
    assert overlay.get(cv2.CAP_PROP_FRAME_COUNT) == 3
    assert overlay.get(cv2.CAP_PROP_FPS) == pytest.approx(12.0)
    overlay.release()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{tmp}/none", "--model", "{model}"], "none does not exist"),
        (["{tmp}", "--model", "{model}"], "none of them an image"),
        (["{pictures}", "--model", "no_such_model"], "no model 'no_such_model'; expected a folder"),
        (["{pictures}", "--model", "{pictures}"], "no model.yaml in"),
        (
            ["{pictures}", "--model", "{model}", "--runtime", "abacus"],
            "runtime 'abacus' is unknown",
        ),
    ],
)
def test_run_explains_mistakes(
    arguments: list[str],
    message: str,
    pictures: Path,
    channel_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    places = {"tmp": tmp_path, "pictures": pictures, "model": channel_model}
    filled = [argument.format(**places) for argument in arguments]
    assert segnet("run", *filled, "-o", tmp_path / "out") == 1
    error = capsys.readouterr().err
    assert error.startswith("segnet run: ")
    assert message in error
    assert not (tmp_path / "out").exists()


# segnet evaluate


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Sky is seen as sky twice and a pole as a pole; a building is taken for a pole."""
    write_labelled(tmp_path / "data", "val", "a_0", solid(RED), 0)
    write_labelled(tmp_path / "data", "val", "a_1", solid(RED), 0)
    write_labelled(tmp_path / "data", "val", "a_2", solid(BLUE), 2)
    write_labelled(tmp_path / "data", "val", "b_0", solid(BLUE), 1)
    return tmp_path / "data"


def test_evaluate_scores_a_split(
    labelled: Path,
    camvid_channel_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = tmp_path / "scores.json"
    arguments = ("--data", labelled, "--model", camvid_channel_model, "--json", report)
    assert segnet("evaluate", *arguments) == 0
    scores = json.loads(report.read_text())
    assert scores["frames"] == 4
    assert scores["global_accuracy"] == 0.75
    assert scores["class_accuracy"] == pytest.approx(2 / 3)
    assert scores["miou"] == pytest.approx((1 + 0 + 0.5) / 3)
    assert scores["per_class"]["Pole"] == {"iou": 0.5, "accuracy": 1.0, "bf": None}
    assert scores["per_class"]["Car"] == {"iou": None, "accuracy": None, "bf": None}
    text = capsys.readouterr().out
    assert "mIoU 50.0, class accuracy 66.7, global accuracy 75.0" in text
    assert "4 frames" in text


def test_evaluate_scores_chosen_sequences(
    labelled: Path, camvid_channel_model: Path, tmp_path: Path
) -> None:
    report = tmp_path / "scores.json"
    arguments = ("--data", labelled, "--model", camvid_channel_model, "--json", report)
    assert segnet("evaluate", *arguments, "--sequence", "a") == 0
    scores = json.loads(report.read_text())
    assert (scores["frames"], scores["miou"]) == (3, 1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--split", "test"], "expected {data} to hold test/ and testannot/"),
        (["--sequence", "a", "--sequence", "c"], "no sequence c; there are a, b"),
        (["--model", "no_such_model"], "no model 'no_such_model'"),
    ],
)
def test_evaluate_explains_mistakes(
    arguments: list[str],
    message: str,
    labelled: Path,
    camvid_channel_model: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = ["--data", labelled, "--model", camvid_channel_model, *arguments]
    assert segnet("evaluate", *given) == 1
    error = capsys.readouterr().err
    assert error.startswith("segnet evaluate: ")
    assert message.format(data=labelled) in error


# segnet train, segnet export


def write_recipe(folder: Path, **values: Any) -> Path:
    augmentation = {"crop": [32, 24], "scale": [1.0, 1.0]}
    facts = {"epochs": 1, "batch_size": 2, "augmentation": augmentation} | values
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(facts))
    return path


def test_train_then_export_then_evaluate(
    tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for root, names in (("one", ("a_0", "a_1", "b_0")), ("two", ("c_0",))):
        for name in names:
            write_labelled(tmp_path / root, "train", name, solid(RED, (64, 48)), 1)
    recipe = write_recipe(tmp_path, architecture=tiny)
    data = ("--data", tmp_path / "one", "--data", tmp_path / "two", "--hold-out", "b")
    assert segnet("train", recipe, *data, "--output", tmp_path / "run") == 0
    weights = tmp_path / "run" / "weights.safetensors"
    text = capsys.readouterr().out
    assert "3 training frames, 1 held out" in text
    # Rich may wrap what it shows while training, but not these lines.
    assert f"weights are in {weights}" in text
    entry = json.loads((tmp_path / "run" / "log.jsonl").read_text())
    assert entry["epoch"] == 1
    assert "miou" in entry

    details = tmp_path / "details.yaml"
    details.write_text("training_data: [one, two]\n")
    model = tmp_path / "model"
    assert segnet("export", weights, model, "--size", "64x48", "--details", details) == 0
    assert f"{model}: PyTorch's label on " in capsys.readouterr().out
    described = load_model(model)
    assert (described.size, described.architecture) == ((64, 48), tiny)
    assert described.details["training_data"] == ["one", "two"]
    assert described.classes == CAMVID.classes

    arguments = ("--data", tmp_path / "one", "--split", "train", "--model", model)
    assert segnet("evaluate", *arguments) == 0
    assert "3 frames" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("values", "hold_out", "message"),
    [
        ({"architecture": "resnet"}, (), "architecture 'resnet' is not one of"),
        ({"architecture": "tiny", "epochs": "ten"}, (), "epochs is 'ten'; expected a whole number"),
        ({"architecture": "tiny"}, ("--hold-out", "z"), "no sequence z; there are a"),
        ({"architecture": "tiny"}, ("--hold-out", "a"), "leaves no frame to train on"),
        ({"architecture": "tiny"}, ("--init", "none.safetensors"), "cannot be read"),
    ],
)
def test_train_explains_mistakes(
    values: dict[str, Any],
    hold_out: tuple[str, ...],
    message: str,
    tiny: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_labelled(tmp_path / "data", "train", "a_0", solid(RED), 1)
    recipe = write_recipe(tmp_path, **values)
    arguments = ("--data", tmp_path / "data", "--output", tmp_path / "run", *hold_out)
    assert segnet("train", recipe, *arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("segnet train: ")
    assert message in error


def test_train_explains_a_missing_recipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_labelled(tmp_path / "data", "train", "a_0", solid(RED), 1)
    arguments = ("--data", tmp_path / "data", "--output", tmp_path / "run")
    assert segnet("train", tmp_path / "none.yaml", *arguments) == 1
    assert "none.yaml cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("details", "message"),
    [
        (b"- a list", "holds list; expected a mapping"),
        (b"a: [1", "is not readable YAML"),
        (b"\xff\xfe", "is not readable YAML"),
        (None, "No such file"),
    ],
)
def test_export_explains_unusable_details(
    details: bytes | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "details.yaml"
    if details is not None:
        path.write_bytes(details)
    assert segnet("export", "weights", tmp_path / "model", "--details", path) == 1
    error = capsys.readouterr().err
    assert error.startswith("segnet export: ")
    assert message in error


def test_export_explains_missing_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert segnet("export", tmp_path / "none.safetensors", tmp_path / "model") == 1
    assert "none.safetensors cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()
