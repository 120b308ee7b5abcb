import json
import math
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from segnet_ros.datasets.camvid import CAMVID
from segnet_ros.datasets.frames import DatasetError, LabelledFrame
from segnet_ros.datasets.taxonomy import class_names
from segnet_ros.training import train as training
from segnet_ros.training.checkpoint import (
    CheckpointError,
    load_weights,
    read_metadata,
    save_weights,
)
from segnet_ros.training.models import ARCHITECTURES, build_model
from segnet_ros.training.models.segnet_light import SegNetLight
from segnet_ros.training.normalization import Normalization
from segnet_ros.training.recipe import Recipe
from segnet_ros.training.train import TrainingError, train
from segnet_ros.training.training_frames import TrainingFrames
from segnet_ros.training.transforms import Augmentation

WIDTH, HEIGHT = 64, 48
CLASS_NAMES = tuple(class_names(CAMVID.classes))
CLASSES = len(CLASS_NAMES)
STORED_VOID = 11
TINY = partial(SegNetLight, widths=(6, 8), depths=(1, 1))

# Runs in a process of its own, which dies while it writes its second checkpoint.
KILLED_WHILE_SAVING = """
import io, os, pickle, signal, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from segnet_ros.training import train
from segnet_ros.training.models import ARCHITECTURES
recipe, frames, output, ARCHITECTURES["tiny"] = pickle.load(sys.stdin.buffer)
save, calls = torch.save, []
def save_once(state, path):
    calls.append(path)
    if len(calls) == 1:
        return save(state, path)
    whole = io.BytesIO()
    save(state, whole)
    Path(path).write_bytes(whole.getvalue()[:-2000])
    os.kill(os.getpid(), signal.SIGKILL)
torch.save = save_once
train.train(recipe, frames, [], output)
"""


class StoppedError(Exception):
    pass


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(ARCHITECTURES, "tiny", TINY)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def recipe(**changes: Any) -> Recipe:
    """Three epochs of three steps; made in tests, because only there "tiny" is known."""
    values: dict[str, Any] = {
        "epochs": 3,
        "batch_size": 2,
        "learning_rate": 0.01,
        "warmup_epochs": 1,
        "average_decay": 0.5,
        "validate_every": 2,
        "augmentation": Augmentation(crop=(48, 32), scale=(0.8, 1.25)),
    }
    return Recipe("tiny", **(values | changes))


def write_frame(folder: Path, name: str, seed: int) -> LabelledFrame:
    """Sky over road with a car, in noisy class colours; the lowest rows are void."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[rng.integers(15, 30) :] = CLASS_NAMES.index("Road")
    left = rng.integers(0, WIDTH - 16)
    labels[26:40, left : left + 16] = CLASS_NAMES.index("Car")
    rgb = np.array([item.color for item in CAMVID.classes], np.uint8)[labels]
    noisy = np.clip(rgb + rng.normal(0, 10, rgb.shape), 0, 255).astype(np.uint8)
    labels[-4:] = STORED_VOID
    frame = LabelledFrame(
        folder / f"{name}.png", folder / f"{name}_label.png", name.split("_")[0], CAMVID
    )
    cv2.imwrite(str(frame.image_path), cv2.cvtColor(noisy, cv2.COLOR_RGB2BGR))
    cv2.imwrite(str(frame.label_path), labels)
    return frame


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> list[LabelledFrame]:
    folder = tmp_path_factory.mktemp("frames")
    return [write_frame(folder, f"a_{number}", number) for number in range(5)]


@pytest.fixture(scope="module")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> list[LabelledFrame]:
    folder = tmp_path_factory.mktemp("held_out")
    return [write_frame(folder, f"b_{number}", 100 + number) for number in range(2)]


@pytest.fixture
def uninterrupted(frames: list[LabelledFrame], tmp_path: Path) -> Path:
    return train(recipe(), frames, [], tmp_path / "uninterrupted")


def log(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def losses(folder: Path) -> list[object]:
    return [entry["loss"] for entry in log(folder)]


def assert_equal_weights(first: Path, second: Path) -> None:
    one, other = load_file(first), load_file(second)
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


def stop_after_steps(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    original: Callable[..., float] = training._step

    def step(state: training._Training, *arguments: torch.Tensor) -> float:
        if state.step == steps:
            raise StoppedError
        return original(state, *arguments)

    monkeypatch.setattr(training, "_step", step)


def test_training_learns(
    frames: list[LabelledFrame], held_out: list[LabelledFrame], tmp_path: Path
) -> None:
    longer = recipe(
        epochs=12,
        batch_size=1,
        learning_rate=0.02,
        average_decay=0.9,
        validate_every=12,
        augmentation=Augmentation(crop=(WIDTH, HEIGHT), scale=(1, 1), brightness=0.2),
    )
    train(longer, frames, held_out, tmp_path)
    entries = log(tmp_path)
    assert entries[-1]["loss"] < 0.4 * entries[0]["loss"]  # type: ignore[operator]
    # Frames it has never seen: three classes, of which a guess gets one right.
    assert entries[-1]["miou"] > 0.6  # type: ignore[operator]


def test_log_holds_one_line_per_epoch(
    frames: list[LabelledFrame], held_out: list[LabelledFrame], tmp_path: Path
) -> None:
    weights = train(recipe(), frames, held_out, tmp_path / "run")
    assert weights == tmp_path / "run" / "weights.safetensors"
    entries = log(tmp_path / "run")
    assert [entry["epoch"] for entry in entries] == [1, 2, 3]
    plain = {"epoch", "loss", "images_per_second"}
    scored = plain | {"miou", "class_accuracy", "global_accuracy", "iou"}
    # Every second epoch, and the last.
    assert [set(entry) for entry in entries] == [plain, scored, scored]
    assert all(entry["images_per_second"] > 0 for entry in entries)  # type: ignore[operator]
    assert tuple(entries[-1]["iou"]) == CLASS_NAMES  # type: ignore[arg-type]
    metadata = read_metadata(weights)
    assert metadata["epoch"] == "3"
    assert json.loads(metadata["recipe"]) == json.loads(json.dumps(recipe().as_dict()))


def test_held_out_scores_equal_an_independent_evaluation(
    frames: list[LabelledFrame],
    held_out: list[LabelledFrame],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(training, "_cpu_has_bfloat16", lambda: False)
    weights = train(recipe(), frames, held_out, tmp_path)
    network = build_model("tiny", CLASSES).eval()
    load_weights(weights, network)
    truth, predicted = [], []
    for frame in held_out:
        image = cv2.imread(str(frame.image_path))[..., ::-1].copy()  # type: ignore[index]
        truth.append(cv2.imread(str(frame.label_path), cv2.IMREAD_UNCHANGED))
        with torch.inference_mode():
            scores = network(Normalization()(torch.from_numpy(image)[None]))
        predicted.append(scores[0].argmax(0).numpy())
    labelled = np.stack(truth) != STORED_VOID
    t, p = np.stack(truth)[labelled], np.stack(predicted)[labelled]
    ious = {
        name: ((t == k) & (p == k)).sum() / ((t == k) | (p == k)).sum()
        for k, name in enumerate(CLASS_NAMES)
        if ((t == k) | (p == k)).any()
    }
    entry = log(tmp_path)[-1]
    assert entry["miou"] == pytest.approx(np.mean(list(ious.values())), abs=1e-12)
    assert entry["global_accuracy"] == pytest.approx((t == p).mean(), abs=1e-12)
    recalls = [(p[t == k] == k).mean() for k in np.unique(t)]
    assert entry["class_accuracy"] == pytest.approx(np.mean(recalls), abs=1e-12)
    logged = {k: v for k, v in entry["iou"].items() if not math.isnan(v)}  # type: ignore[attr-defined]
    assert logged == pytest.approx(ious, abs=1e-12)


def test_equal_recipes_give_equal_weights_and_another_seed_others(
    frames: list[LabelledFrame], uninterrupted: Path, tmp_path: Path
) -> None:
    assert_equal_weights(train(recipe(), frames, [], tmp_path / "again"), uninterrupted)
    other = train(recipe(seed=1), frames, [], tmp_path / "other")
    name = "classifier.weight"
    assert not torch.equal(load_file(other)[name], load_file(uninterrupted)[name])


def test_seed_decides_the_first_weights(frames: list[LabelledFrame]) -> None:
    def first(seed: int) -> torch.Tensor:
        dataset = TrainingFrames(frames, Augmentation(), seed)
        state = training._Training.start(recipe(seed=seed), dataset, initial_weights=None)
        return next(state.model.parameters())

    assert torch.equal(first(3), first(3))
    assert not torch.equal(first(3), first(4))


def test_validation_does_not_touch_the_weights(
    frames: list[LabelledFrame],
    held_out: list[LabelledFrame],
    uninterrupted: Path,
    tmp_path: Path,
) -> None:
    assert_equal_weights(train(recipe(), frames, held_out, tmp_path / "validated"), uninterrupted)


# Three steps make an epoch: before the first checkpoint, between epochs, and in the midst of one.
@pytest.mark.parametrize("steps", [1, 3, 5, 8])
def test_stopped_run_goes_on_bit_for_bit(
    frames: list[LabelledFrame],
    uninterrupted: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    steps: int,
) -> None:
    folder = tmp_path / "stopped"
    with monkeypatch.context() as patched:
        stop_after_steps(steps, patched)
        with pytest.raises(StoppedError):
            train(recipe(), frames, [], folder)
    assert (folder / "checkpoint.pt").exists() == (steps >= 3)
    torch.manual_seed(99)  # whatever the new process does with the global generator
    assert_equal_weights(train(recipe(), frames, [], folder), uninterrupted)
    assert losses(folder) == losses(uninterrupted.parent)


def test_run_killed_while_saving_goes_on_bit_for_bit(
    frames: list[LabelledFrame], uninterrupted: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_SAVING],
        input=pickle.dumps((recipe(), frames, folder, TINY)),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    # The half-written second checkpoint lies beside the whole first one.
    assert (folder / ".partial-checkpoint.pt").exists()
    assert torch.load(folder / "checkpoint.pt", weights_only=True)["epoch"] == 1
    assert_equal_weights(train(recipe(), frames, [], folder), uninterrupted)
    assert losses(folder) == losses(uninterrupted.parent)
    names = {path.name for path in folder.iterdir()}
    assert names == {"checkpoint.pt", "weights.safetensors", "log.jsonl"}


def test_finished_run_is_left_as_it_is(frames: list[LabelledFrame], uninterrupted: Path) -> None:
    before = uninterrupted.read_bytes()
    assert train(recipe(), frames, [], uninterrupted.parent) == uninterrupted
    assert uninterrupted.read_bytes() == before
    assert len(log(uninterrupted.parent)) == 3


def test_another_recipe_in_the_same_folder_is_refused(
    frames: list[LabelledFrame], uninterrupted: Path
) -> None:
    before = uninterrupted.read_bytes()
    longer = recipe(epochs=4)
    with pytest.raises(TrainingError, match="another recipe; choose another output folder"):
        train(longer, frames, [], uninterrupted.parent)
    assert uninterrupted.read_bytes() == before


def test_damaged_checkpoint_is_not_silently_started_over(
    frames: list[LabelledFrame], uninterrupted: Path
) -> None:
    (uninterrupted.parent / "checkpoint.pt").write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match=r"checkpoint.pt cannot be read"):
        train(recipe(), frames, [], uninterrupted.parent)


@pytest.mark.parametrize("inner_only", [False, True])
def test_loss_that_is_not_finite_ends_training_before_anything_is_saved(
    frames: list[LabelledFrame],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    inner_only: bool,
) -> None:
    def broken() -> SegNetLight:
        network = TINY(CLASSES)
        if not inner_only:
            torch.nn.init.constant_(network.classifier.bias, math.nan)  # type: ignore[arg-type]
        return network

    monkeypatch.setattr(training, "build_model", lambda *arguments: broken())
    if inner_only:
        nan = torch.tensor(math.nan)
        monkeypatch.setattr(training.DeepSupervision, "loss", lambda *arguments: nan)
    with pytest.raises(
        TrainingError, match=r"loss is nan at step 0; lower learning_rate \(now 0.01\)"
    ):
        train(recipe(), frames, [], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_initial_weights_are_where_training_starts(
    frames: list[LabelledFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(5)
    initial = TINY(CLASSES)
    save_weights(tmp_path / "initial.safetensors", initial, {})
    seen = []
    original = training._step

    def step(state: training._Training, *arguments: torch.Tensor) -> float:
        seen.append(state.model.classifier.weight.detach().clone())  # type: ignore[union-attr,operator]
        return original(state, *arguments)

    monkeypatch.setattr(training, "_step", step)
    train(recipe(), frames, [], tmp_path / "run", tmp_path / "initial.safetensors")
    assert torch.equal(seen[0], initial.classifier.weight)
    assert not torch.equal(seen[-1], initial.classifier.weight)


def test_unsuitable_initial_weights_are_refused(
    frames: list[LabelledFrame], tmp_path: Path
) -> None:
    save_weights(tmp_path / "initial.safetensors", TINY(CLASSES - 1), {})
    with pytest.raises(CheckpointError, match="of another network"):
        train(recipe(), frames, [], tmp_path / "run", tmp_path / "initial.safetensors")


def test_frames_without_labels_are_refused(tmp_path: Path) -> None:
    frame = write_frame(tmp_path, "void", 0)
    cv2.imwrite(str(frame.label_path), np.full((HEIGHT, WIDTH), STORED_VOID, np.uint8))
    with pytest.raises(DatasetError, match="nothing to learn from 1 frames: every label is void"):
        train(recipe(), [frame], [], tmp_path / "run")


def test_class_weights_count_void_in_the_image_but_not_as_a_class(tmp_path: Path) -> None:
    frames = [write_frame(tmp_path, f"a_{number}", number) for number in range(2)]
    first, second = np.full((2, HEIGHT, WIDTH), STORED_VOID, np.uint8)
    first[:24], first[24:36] = 0, 3  # half and a quarter of the first picture
    second[:12] = 3  # a quarter of the second one, which has no class 0
    for frame, labels in zip(frames, (first, second), strict=True):
        cv2.imwrite(str(frame.label_path), labels)
    dataset = TrainingFrames(frames, Augmentation(), 0)
    weights = training.class_weights(dataset, power=1.0)
    # Frequencies 1/2 and 1/4, median 3/8.
    assert weights[[0, 3]].tolist() == pytest.approx([0.75, 1.5])
    assert weights.count_nonzero() == 2


def test_learning_rate_warms_up_and_follows_half_a_cosine_to_zero(
    frames: list[LabelledFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = []
    original = training._step

    def step(state: training._Training, *arguments: torch.Tensor) -> float:
        loss = original(state, *arguments)
        rates.append([group["lr"] for group in state.optimizer.param_groups])
        return loss

    monkeypatch.setattr(training, "_step", step)
    train(recipe(), frames, [], tmp_path)
    cosine = [0.5 * (1 + math.cos(math.pi * left / 6)) for left in range(6)]
    expected = [0.01 * factor for factor in [1 / 3, 2 / 3, 1, *cosine]]
    assert [rate for rate, _ in rates] == pytest.approx(expected)
    assert all(kernels == others for kernels, others in rates)


def test_only_kernels_decay() -> None:
    network = TINY(CLASSES)
    kernels, others = training._parameter_groups(list(network.parameters()), recipe())
    assert kernels["weight_decay"] == recipe().weight_decay
    assert others["weight_decay"] == 0.0
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    convolutions = {n for n, m in network.named_modules() if isinstance(m, torch.nn.Conv2d)}
    decaying = {names[id(parameter)] for parameter in kernels["params"]}
    assert decaying == {f"{name}.weight" for name in convolutions}
    assert len(decaying) + len(others["params"]) == len(names)


def test_average_starts_quickly_and_ends_at_its_decay() -> None:
    update = training._warmed_up_average(0.5)
    averaged, current = [torch.tensor([0.0])], [torch.tensor([1.0])]
    update(averaged, current, torch.tensor(2))  # decay (1 + 2) / (10 + 2)
    assert averaged[0].item() == pytest.approx(0.75)
    averaged = [torch.tensor([0.0])]
    update(averaged, current, torch.tensor(1000))
    assert averaged[0].item() == pytest.approx(0.5)
