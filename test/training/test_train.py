# SPDX-License-Identifier: Apache-2.0

import json
import math
import pickle
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.optim.swa_utils import update_bn

from segnet_ros.datasets.camvid import CAMVID
from segnet_ros.datasets.frames import DatasetError, LabelledFrame
from segnet_ros.datasets.taxonomy import class_names
from segnet_ros.training import device, initial_weights
from segnet_ros.training import train as training
from segnet_ros.training.batches import BatchPlan
from segnet_ros.training.checkpoint import (
    CheckpointError,
    load_weights,
    read_metadata,
    save_weights,
)
from segnet_ros.training.deep_supervision import DeepSupervision
from segnet_ros.training.errors import TrainingError
from segnet_ros.training.models import ARCHITECTURES, build_model
from segnet_ros.training.models.segnet_light import SegNetLight
from segnet_ros.training.normalization import Normalization
from segnet_ros.training.recipe import Recipe, RecipeError
from segnet_ros.training.train import train
from segnet_ros.training.training_frames import TrainingFrames
from segnet_ros.training.training_state import TrainingState
from segnet_ros.training.training_step import take_step
from segnet_ros.training.transforms import Augmentation

WIDTH, HEIGHT = 64, 48
CLASS_NAMES = tuple(class_names(CAMVID.classes))
CLASSES = len(CLASS_NAMES)
STORED_VOID = 11
TINY = partial(SegNetLight, widths=(6, 8), depths=(1, 1))

# Runs in a process of its own, which dies while it writes its second checkpoint.
KILLED_WHILE_SAVING = """
import io, os, pickle, signal, sys
import torch
torch.set_num_threads(1)
from segnet_ros.training import train
from segnet_ros.training.models import ARCHITECTURES
train.SECONDS_BETWEEN_CHECKPOINTS = 0
recipe, frames, output, ARCHITECTURES["tiny"] = pickle.load(sys.stdin.buffer)
save, calls = torch.save, []
def save_once(state, file):
    calls.append(file)
    if len(calls) == 1:
        return save(state, file)
    whole = io.BytesIO()
    save(state, whole)
    file.write(whole.getvalue()[:-2000])
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
torch.save = save_once
train.train(recipe, frames, [], output)
"""


class StoppedError(Exception):
    pass


class Forgetful(SegNetLight):
    """TINY with dropout."""

    def __init__(self, classes: int) -> None:
        super().__init__(classes, widths=(6, 8), depths=(1, 1))
        self.encoder[-1].append(nn.Dropout(0.5))  # type: ignore[operator]


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(ARCHITECTURES, "tiny", TINY)
    monkeypatch.setitem(ARCHITECTURES, "forgetful", Forgetful)
    monkeypatch.setattr(training, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
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
        "inner_weight": 0.5,
        "validate_every": 2,
        "augmentation": Augmentation(crop=(48, 32), scale=(0.8, 1.25)),
    }
    return Recipe(**({"architecture": "tiny"} | values | changes))


# Without a worker process, except where workers are what is tested.
run = partial(train, workers=0)


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
        folder / f"{name}.png", folder / f"{name}_label.png", name.split("_", maxsplit=1)[0], CAMVID
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


@pytest.fixture(scope="module")
def finished(frames: list[LabelledFrame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(ARCHITECTURES, "tiny", TINY)
        folder = tmp_path_factory.mktemp("finished")
        weights = run(recipe(), frames, [], folder)
    torch.set_num_threads(threads)
    return weights


@pytest.fixture
def uninterrupted(finished: Path, tmp_path: Path) -> Path:
    """The weights of a finished run in a folder that the test may change."""
    shutil.copytree(finished.parent, tmp_path / "uninterrupted")
    return tmp_path / "uninterrupted" / finished.name


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
    def step(state: TrainingState, *batch: torch.Tensor) -> torch.Tensor:
        if state.step == steps:
            raise StoppedError
        return take_step(state, *batch)

    monkeypatch.setattr(training, "take_step", step)


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
    run(longer, frames, held_out, tmp_path)
    entries = log(tmp_path)
    assert entries[-1]["loss"] < 0.4 * entries[0]["loss"]  # type: ignore[operator]
    # Frames it has never seen: three classes, of which a guess gets one right.
    assert entries[-1]["miou"] > 0.6  # type: ignore[operator]


def test_log_holds_one_line_per_epoch(
    frames: list[LabelledFrame], held_out: list[LabelledFrame], tmp_path: Path
) -> None:
    weights = run(recipe(), frames, held_out, tmp_path / "run")
    assert weights == tmp_path / "run" / "weights.safetensors"
    entries = log(tmp_path / "run")
    assert [entry["epoch"] for entry in entries] == [1, 2, 3]
    plain = {"epoch", "loss", "gradient_norm", "learning_rate", "images_per_second"}
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
    monkeypatch.setattr(device, "cpu_has_bfloat16", lambda: False)
    weights = run(recipe(), frames, held_out, tmp_path)
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
    assert_equal_weights(run(recipe(), frames, [], tmp_path / "again"), uninterrupted)
    other = run(recipe(seed=1), frames, [], tmp_path / "other")
    name = "classifier.weight"
    assert not torch.equal(load_file(other)[name], load_file(uninterrupted)[name])


def test_validation_does_not_touch_the_weights(
    frames: list[LabelledFrame],
    held_out: list[LabelledFrame],
    uninterrupted: Path,
    tmp_path: Path,
) -> None:
    assert_equal_weights(run(recipe(), frames, held_out, tmp_path / "validated"), uninterrupted)


@pytest.mark.parametrize("workers", [None, 2])
def test_weights_do_not_depend_on_the_number_of_workers(
    frames: list[LabelledFrame], uninterrupted: Path, tmp_path: Path, workers: int | None
) -> None:
    weights = train(recipe(), frames, [], tmp_path / "workers", workers=workers)
    assert_equal_weights(weights, uninterrupted)


# Three steps make an epoch: before the first checkpoint, between epochs, and in the midst of one.
@pytest.mark.parametrize(
    ("steps", "changes"),
    [
        (1, {}),
        (3, {}),
        (5, {}),
        (8, {}),
        (5, {"architecture": "forgetful", "optimizer": "sgd", "inner_weight": 0.0}),
    ],
)
def test_stopped_run_goes_on_bit_for_bit(
    frames: list[LabelledFrame],
    uninterrupted: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    steps: int,
    changes: dict[str, Any],
) -> None:
    folder = tmp_path / "stopped"
    if changes:
        uninterrupted = run(recipe(**changes), frames, [], tmp_path / "whole")
    with monkeypatch.context() as patched:
        stop_after_steps(steps, patched)
        with pytest.raises(StoppedError):
            run(recipe(**changes), frames, [], folder)
    assert (folder / "checkpoint.pt").exists() == (steps >= 3)
    torch.manual_seed(99)  # whatever the new process does with the global generator
    assert_equal_weights(run(recipe(**changes), frames, [], folder), uninterrupted)
    assert losses(folder) == losses(uninterrupted.parent)


def test_epochs_since_the_last_checkpoint_are_repeated_and_logged_once(
    frames: list[LabelledFrame],
    uninterrupted: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(training, "SECONDS_BETWEEN_CHECKPOINTS", 1e9)
        stop_after_steps(4, patched)
        with pytest.raises(StoppedError):
            run(recipe(), frames, [], folder)
    assert not (folder / "checkpoint.pt").exists()
    assert len(log(folder)) == 1
    assert_equal_weights(run(recipe(), frames, [], folder), uninterrupted)
    assert losses(folder) == losses(uninterrupted.parent)


def test_long_pauses_between_checkpoints_change_no_weights(
    frames: list[LabelledFrame],
    uninterrupted: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(training, "SECONDS_BETWEEN_CHECKPOINTS", 1e9)
    assert_equal_weights(run(recipe(), frames, [], tmp_path / "run"), uninterrupted)
    saved = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    assert (saved["epoch"], saved["step"]) == (3, 9)


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
    assert_equal_weights(run(recipe(), frames, [], folder), uninterrupted)
    assert losses(folder) == losses(uninterrupted.parent)
    names = {path.name for path in folder.iterdir()}
    assert names == {"checkpoint.pt", "weights.safetensors", "log.jsonl", "tensorboard"}


def test_finished_run_is_left_as_it_is(frames: list[LabelledFrame], uninterrupted: Path) -> None:
    before = uninterrupted.read_bytes()
    assert run(recipe(), frames, [], uninterrupted.parent) == uninterrupted
    assert uninterrupted.read_bytes() == before
    assert len(log(uninterrupted.parent)) == 3


def test_another_recipe_in_the_same_folder_is_refused(
    frames: list[LabelledFrame], uninterrupted: Path
) -> None:
    before = uninterrupted.read_bytes()
    longer = recipe(epochs=4)
    with pytest.raises(TrainingError, match="another recipe; choose another output folder"):
        run(longer, frames, [], uninterrupted.parent)
    assert uninterrupted.read_bytes() == before


def test_other_frames_in_the_same_folder_are_refused(
    frames: list[LabelledFrame], uninterrupted: Path
) -> None:
    with pytest.raises(TrainingError, match="another set of frames; choose another output"):
        run(recipe(), frames[1:], [], uninterrupted.parent)


def test_checkpoint_of_a_version_that_knew_fewer_keys_is_accepted(
    frames: list[LabelledFrame], uninterrupted: Path
) -> None:
    path = uninterrupted.parent / "checkpoint.pt"
    saved = torch.load(path, weights_only=True)
    del saved["data"], saved["recipe"]["schedule"], saved["recipe"]["optimizer"]
    torch.save(saved, path)
    assert run(recipe(), frames, [], uninterrupted.parent) == uninterrupted
    saved["recipe"]["unknown"] = 1
    torch.save(saved, path)
    with pytest.raises(TrainingError, match="another recipe"):
        run(recipe(), frames, [], uninterrupted.parent)


def test_checkpoint_that_lacks_something_is_refused(
    frames: list[LabelledFrame], uninterrupted: Path
) -> None:
    path = uninterrupted.parent / "checkpoint.pt"
    saved = torch.load(path, weights_only=True)
    del saved["averaged"]
    torch.save(saved, path)
    with pytest.raises(CheckpointError, match=r"of another version .*delete it to start over"):
        run(recipe(), frames, [], uninterrupted.parent)


def test_damaged_checkpoint_is_not_silently_started_over(
    frames: list[LabelledFrame], uninterrupted: Path
) -> None:
    (uninterrupted.parent / "checkpoint.pt").write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match=r"checkpoint.pt cannot be read"):
        run(recipe(), frames, [], uninterrupted.parent)


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

    monkeypatch.setattr(initial_weights, "build_model", lambda *arguments: broken())
    if inner_only:
        nan = torch.tensor(math.nan)
        monkeypatch.setattr(DeepSupervision, "loss", lambda *arguments: nan)
    with pytest.raises(
        TrainingError, match=r"loss is nan at step 0; lower learning_rate \(now 0.01\)"
    ):
        run(recipe(), frames, [], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_saved_statistics_are_those_of_the_averaged_weights(
    frames: list[LabelledFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "cpu_has_bfloat16", lambda: False)
    network = TINY(CLASSES)
    load_weights(run(recipe(), frames, [], tmp_path), network)
    norm = network.encoder[0][0][1]  # type: ignore[index]
    saved = norm.running_var.clone()
    dataset = TrainingFrames(frames, recipe().augmentation, recipe().seed)
    # Epoch 3 is the first that training did not see; the fifth frame does not fill a batch.
    plan = BatchPlan(5, 2, recipe().seed).epoch(3)[:2]
    pictures = [np.stack([dataset[key][0] for key in batch]) for batch in plan]
    update_bn([Normalization()(torch.from_numpy(batch)) for batch in pictures], network)
    assert torch.allclose(saved, norm.running_var, rtol=1e-5)
    checkpoint = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    averaged = checkpoint["averaged"]["module.encoder.0.0.1.running_var"]
    assert not torch.allclose(saved, averaged, rtol=0.01)


def test_supervising_a_network_without_stages_is_refused(
    frames: list[LabelledFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ARCHITECTURES, "plain", lambda classes: nn.Conv2d(3, classes, 1))
    with pytest.raises(RecipeError, match="Conv2d has none; set inner_weight: 0"):
        run(recipe(architecture="plain"), frames, [], tmp_path / "run")
    assert not (tmp_path / "run").exists()
    run(recipe(architecture="plain", inner_weight=0.0, epochs=1), frames, [], tmp_path / "run")
    assert len(log(tmp_path / "run")) == 1


def test_more_than_memory_holds_is_one_clear_error(
    frames: list[LabelledFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Greedy(nn.Module):
        def __init__(self, classes: int) -> None:
            super().__init__()
            self.layer = nn.Conv2d(3, classes, 1)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            torch.empty(2**60, dtype=torch.uint8)
            return self.layer(image)  # type: ignore[no-any-return]

    monkeypatch.setitem(ARCHITECTURES, "greedy", Greedy)
    with pytest.raises(TrainingError, match="out of memory with 2 frames per batch; lower batch"):
        run(recipe(architecture="greedy", inner_weight=0.0), frames, [], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_initial_weights_are_where_training_starts(
    frames: list[LabelledFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(5)
    initial = TINY(CLASSES)
    save_weights(tmp_path / "initial.safetensors", initial, {})
    seen = []

    def step(state: TrainingState, *batch: torch.Tensor) -> torch.Tensor:
        seen.append(state.network.classifier.weight.detach().clone())  # type: ignore[union-attr,operator]
        return take_step(state, *batch)

    monkeypatch.setattr(training, "take_step", step)
    run(recipe(), frames, [], tmp_path / "run", tmp_path / "initial.safetensors")
    assert torch.equal(seen[0], initial.classifier.weight)
    assert not torch.equal(seen[-1], initial.classifier.weight)


def test_unsuitable_initial_weights_are_refused(
    frames: list[LabelledFrame], tmp_path: Path
) -> None:
    save_weights(tmp_path / "initial.safetensors", TINY(CLASSES - 1), {})
    with pytest.raises(CheckpointError, match="of another network"):
        run(recipe(), frames, [], tmp_path / "run", tmp_path / "initial.safetensors")


def test_frames_without_labels_are_refused(tmp_path: Path) -> None:
    frame = write_frame(tmp_path, "void", 0)
    cv2.imwrite(str(frame.label_path), np.full((HEIGHT, WIDTH), STORED_VOID, np.uint8))
    with pytest.raises(DatasetError, match="nothing to learn from the training frames: every"):
        run(recipe(), [frame], [], tmp_path / "run")


def test_learning_rate_warms_up_and_follows_half_a_cosine_to_zero(
    frames: list[LabelledFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = []

    def step(state: TrainingState, *batch: torch.Tensor) -> torch.Tensor:
        measured = take_step(state, *batch)
        rates.append([group["lr"] for group in state.optimizer.param_groups])
        return measured

    monkeypatch.setattr(training, "take_step", step)
    run(recipe(), frames, [], tmp_path)
    cosine = [0.5 * (1 + math.cos(math.pi * left / 6)) for left in range(6)]
    expected = [0.01 * factor for factor in [1 / 3, 2 / 3, 1, *cosine]]
    assert [rate for rate, _ in rates] == pytest.approx(expected)
    assert all(kernels == others for kernels, others in rates)
    logged = [entry["learning_rate"] for entry in log(tmp_path)]
    assert logged == pytest.approx([expected[2], expected[5], expected[8]])
