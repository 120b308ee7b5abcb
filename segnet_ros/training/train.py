# SPDX-License-Identifier: Apache-2.0
"""Train a network on labelled frames. Read `train` from top to bottom for the whole story."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from segnet_ros.datasets.frames import LabelledFrame
from segnet_ros.datasets.taxonomy import class_names
from segnet_ros.inference.files import write_errors
from segnet_ros.training.batch_norm import with_recomputed_statistics
from segnet_ros.training.batches import load_batches
from segnet_ros.training.checkpoint import load_checkpoint
from segnet_ros.training.device import choose_device, for_network, mixed_precision
from segnet_ros.training.distributed import from_main, is_main, process_group
from segnet_ros.training.failures import failures_explained
from segnet_ros.training.initial_weights import load_start, random_network
from segnet_ros.training.optimization import learning_rate
from segnet_ros.training.recipe import Recipe
from segnet_ros.training.training_frames import TrainingFrames
from segnet_ros.training.training_log import TrainingLog
from segnet_ros.training.training_state import TrainingState
from segnet_ros.training.training_step import Measurements, take_step
from segnet_ros.training.validation import comparison, validate

CHECKPOINT = "checkpoint.pt"
WEIGHTS = "weights.safetensors"
# Epochs may be shorter; a large network's checkpoint would then take as long as its epoch.
SECONDS_BETWEEN_CHECKPOINTS = 60.0
_STATISTICS_FRAMES = 1000
_PICTURES = 4


def train(
    recipe: Recipe,
    training_frames: Sequence[LabelledFrame],
    validation_frames: Sequence[LabelledFrame],
    output: Path,
    initial_weights: Path | None = None,
    workers: int | None = None,
) -> Path:
    """Train, or go on with what `output` already holds.

    A kill loses what was done since the last checkpoint: an epoch, or a minute where epochs are
    shorter. Started by torchrun, several processes share every batch; only the first one reads and
    writes `output` and `initial_weights`.

    Args:
        recipe: Every number that shapes the weights.
        training_frames: Frames to learn from.
        validation_frames: Frames to score now and then; nothing is selected by them. May be empty.
        output: Folder of the checkpoint, the weights and the log (one JSON object per epoch, and
            TensorBoard's files).
        initial_weights: Safetensors to start from instead of random weights; where they are for
            another number of classes, the head is left out.
        workers: Processes that prepare frames, by default as many as keep up. The weights do not
            depend on it.

    Returns:
        The path of the averaged weights, safetensors.

    Raises:
        TrainingError: a number is not finite, memory is exhausted, or `output` belongs to another
            run.
        RecipeError: the network has no inner stages to supervise.
        CheckpointError: a checkpoint or the initial weights cannot be used.
        DatasetError: a frame cannot be read, or none has a labelled pixel.
        FileWriteError: the disk is full; with room, the same call goes on.

    """
    device = choose_device()
    with process_group(device), failures_explained(recipe), TrainingLog(output) as log:
        dataset = TrainingFrames(training_frames, recipe.augmentation, recipe.seed)
        state = _prepare(recipe, dataset, output, initial_weights, device, log)
        batches = load_batches(
            dataset, state.plan.epochs(range(state.epoch, recipe.epochs)), device, workers
        )
        saved_at = time.monotonic()
        for epoch in range(state.epoch, recipe.epochs):
            entry = _train_epoch(state, batches, log)
            pictures: dict[str, npt.NDArray[np.uint8]] = {}
            due = _validates(recipe, epoch)
            if due:
                network = _final(state, dataset, workers)
                entry |= _scores(network, validation_frames, state)
                pictures = _pictures(network, validation_frames or training_frames, device)
                state.save_weights(output / WEIGHTS, network)
            log.write(entry, pictures)
            if due or time.monotonic() - saved_at >= SECONDS_BETWEEN_CHECKPOINTS:
                state.save_checkpoint(output / CHECKPOINT)
                saved_at = time.monotonic()
    return output / WEIGHTS


def _prepare(
    recipe: Recipe,
    dataset: TrainingFrames,
    output: Path,
    initial_weights: Path | None,
    device: torch.device,
    log: TrainingLog,
) -> TrainingState:
    """The state after the last checkpoint, or before the first step."""
    checkpoint = output / CHECKPOINT
    saved = from_main(lambda: load_checkpoint(checkpoint) if checkpoint.exists() else None)
    network = random_network(recipe, len(dataset.classes))
    if saved is None:
        classes = len(dataset.classes)
        for line in from_main(lambda: load_start(network, recipe, initial_weights, classes)):
            log.say(line)
    state = TrainingState.start(recipe, network, dataset, device)
    if saved is not None:
        state.resume(saved, checkpoint)
    if is_main():
        with write_errors(output):
            output.mkdir(parents=True, exist_ok=True)
    log.go_on_after(state.epoch)
    return state


def _train_epoch(
    state: TrainingState, batches: Iterator[tuple[Tensor, Tensor]], log: TrainingLog
) -> dict[str, Any]:
    """Pass over the frames once; what there is to log of it."""
    started = time.monotonic()
    log.start_epoch(f"epoch {state.epoch + 1}/{state.recipe.epochs}", state.plan.steps)
    measurements = Measurements(state)
    state.network.train()
    for _ in range(state.plan.steps):
        log.advance(measurements.add(take_step(state, *next(batches))))
    means = measurements.means()
    state.epoch += 1
    return {
        "epoch": state.epoch,
        **means,
        "learning_rate": learning_rate(state.recipe, state.step - 1, state.plan.steps),
        "images_per_second": state.plan.frames / (time.monotonic() - started),
    }


def _validates(recipe: Recipe, epoch: int) -> bool:
    return (epoch + 1) % recipe.validate_every == 0 or epoch + 1 == recipe.epochs


def _final(state: TrainingState, dataset: TrainingFrames, workers: int | None) -> nn.Module:
    """The average with its own batch statistics, over frames as in training that it never saw."""
    size = state.recipe.batch_size
    whole = max(1, min(_STATISTICS_FRAMES, len(dataset)) // size)
    batches = state.plan.epoch(state.recipe.epochs)[:whole]
    torch.manual_seed(state.recipe.seed)
    with mixed_precision(state.device):
        inputs = (
            for_network(state.normalization(images.to(state.device)))
            for images, _ in load_batches(dataset, batches, state.device, workers)
        )
        return with_recomputed_statistics(state.averaged.module, inputs)


def _scores(
    network: nn.Module, frames: Sequence[LabelledFrame], state: TrainingState
) -> dict[str, Any]:
    if not frames:
        return {}
    result = validate(network, frames, state.device)
    return {
        "miou": result.miou,
        "class_accuracy": result.class_accuracy,
        "global_accuracy": result.global_accuracy,
        "iou": dict(zip(class_names(state.classes), result.iou.tolist(), strict=True)),
    }


def _pictures(
    network: nn.Module, frames: Sequence[LabelledFrame], device: torch.device
) -> dict[str, npt.NDArray[np.uint8]]:
    """A few frames, evenly spread, as picture, labels and prediction."""
    if not is_main():
        return {}
    chosen = frames[:: max(1, len(frames) // _PICTURES)][:_PICTURES]
    return {frame.image_path.stem: comparison(network, frame, device) for frame in chosen}
