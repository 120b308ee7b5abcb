# SPDX-License-Identifier: Apache-2.0
"""What a run would cost, from a few steps that are thrown away."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, count, islice
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from segnet_ros.datasets.frames import LabelledFrame
from segnet_ros.datasets.taxonomy import class_names
from segnet_ros.training.batches import load_batches
from segnet_ros.training.device import choose_device, for_network
from segnet_ros.training.failures import failures_explained
from segnet_ros.training.initial_weights import load_start, random_network
from segnet_ros.training.losses import class_weights
from segnet_ros.training.recipe import Recipe
from segnet_ros.training.training_frames import TrainingFrames
from segnet_ros.training.training_state import TrainingState
from segnet_ros.training.training_step import take_step

_TIMED_STEPS = 2


@dataclass(frozen=True)
class Estimate:
    """What a run would cost.

    Attributes:
        recipe: The run.
        size: (width, height) of the frames that the network sees, pixels.
        frames: Training frames.
        started_from: What weights were loaded, a line each.
        class_weights: By name.
        parameters: Of the network.
        macs: Multiply-accumulates of one frame's forward pass, convolutions and matrix products.
        memory: Bytes by purpose, in the memory of the device unless it says otherwise.
        seconds_per_step: Mean of the timed steps.
        steps: Of the whole run.

    """

    recipe: Recipe
    size: tuple[int, int]
    frames: int
    started_from: Sequence[str]
    class_weights: dict[str, float]
    parameters: int
    macs: int
    memory: dict[str, int]
    seconds_per_step: float
    steps: int

    def __str__(self) -> str:
        """A few lines for the terminal."""
        width, height = self.size
        weights = ", ".join(f"{name} {w:.3g}" for name, w in self.class_weights.items())
        memory = ", ".join(f"{name} {_mega(size)}" for name, size in self.memory.items())
        total = timedelta(seconds=round(self.seconds_per_step * self.steps))
        network = f"{self.recipe.architecture}: {self.parameters / 1e6:.2f} M parameters"
        macs = f"{self.macs / 1e9:.2f} G multiply-accumulates per {width}x{height} frame"
        classes = f"{len(self.class_weights)} classes with the weights {weights}"
        steps = f"{self.seconds_per_step:.3f} s per step, {self.steps} steps, {total} in all"
        lines = [
            *self.started_from,
            f"{network}, {macs}",
            f"{self.frames} training frames, {classes}",
            f"memory for batches of {self.recipe.batch_size}: {memory}",
            f"time: {steps}, validation not counted",
        ]
        return "\n".join(lines)


def dry_run(
    recipe: Recipe,
    training_frames: Sequence[LabelledFrame],
    initial_weights: Path | None = None,
    workers: int | None = None,
) -> Estimate:
    """Start as `train` does, take three steps, and forget them; no file is written.

    Raises:
        Exception: what `train` raises for the same arguments before its first step, and for
            exhausted memory.

    """
    device = choose_device()
    with failures_explained(recipe):
        dataset = TrainingFrames(training_frames, recipe.augmentation, recipe.seed)
        classes = len(dataset.classes)
        network = random_network(recipe, classes)
        started_from = load_start(network, recipe, initial_weights, classes)
        macs = _macs(network, dataset.size)
        state = TrainingState.start(recipe, network, dataset, device)
        needed = islice(state.plan.epochs(count()), 2 + _TIMED_STEPS)
        batches = load_batches(dataset, needed, device, workers)
        activations = _activation_bytes(state, *next(batches))
        seconds = _seconds_per_step(state, batches)
    weights = class_weights(dataset.labels(), classes, recipe.balance_power)
    return Estimate(
        recipe=recipe,
        size=dataset.size,
        frames=len(dataset),
        started_from=started_from,
        class_weights=dict(zip(class_names(dataset.classes), weights.tolist(), strict=True)),
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        macs=macs,
        memory=_memory(state, activations) | {"decoded frames (RAM)": dataset.nbytes},
        seconds_per_step=seconds,
        steps=state.plan.steps * recipe.epochs,
    )


def _macs(network: nn.Module, size: tuple[int, int]) -> int:
    network.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, size[1], size[0]))
    # Two operations, multiply and add.
    return int(counter.get_total_flops()) // 2


def _activation_bytes(state: TrainingState, images: Tensor, labels: Tensor) -> int:
    """What the forward pass keeps for the backward one, parameters apart."""
    known = {parameter.untyped_storage().data_ptr() for parameter in state.objective.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    state.network.train()
    inputs = for_network(state.normalization(images.to(state.device)))
    with saved_tensors_hooks(note, lambda tensor: tensor):
        state.objective(inputs, labels.to(state.device).long())
    return sum(kept.values())


def _seconds_per_step(state: TrainingState, batches: Iterator[tuple[Tensor, Tensor]]) -> float:
    # The first step also allocates, and chooses among algorithms.
    take_step(state, *next(batches)).tolist()
    started = time.monotonic()
    for _ in range(_TIMED_STEPS):
        take_step(state, *next(batches)).tolist()
    return (time.monotonic() - started) / _TIMED_STEPS


def _memory(state: TrainingState, activations: int) -> dict[str, int]:
    weights = _bytes(chain(state.network.parameters(), state.network.buffers()))
    moments = chain.from_iterable(kept.values() for kept in state.optimizer.state.values())
    memory = {
        "weights, average and gradients": 3 * weights,
        "optimizer": _bytes(moment for moment in moments if torch.is_tensor(moment)),
        "activations": activations,
    }
    if state.device.type == "cuda":
        memory["peak measured"] = torch.cuda.max_memory_allocated(state.device)
    return memory


def _bytes(tensors: Iterator[Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors)


def _mega(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
