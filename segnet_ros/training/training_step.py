# SPDX-License-Identifier: Apache-2.0
"""One step: a batch forward and backward, and the weights a little further."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from segnet_ros.training.device import for_network
from segnet_ros.training.distributed import mean_over_processes, rank
from segnet_ros.training.errors import TrainingError
from segnet_ros.training.optimization import learning_rate, update_average
from segnet_ros.training.training_state import TrainingState

# Reading a number off a GPU waits for it; not more often than this.
_GPU_STEPS_BETWEEN_CHECKS = 25


def take_step(state: TrainingState, images: Tensor, labels: Tensor) -> Tensor:
    """Learn from one batch.

    Args:
        state: Goes one step on.
        images: uint8 [N, H, W, 3] RGB, this process's share.
        labels: uint8 [N, H, W].

    Returns:
        Float32 [3] on the device, of this process: the network's loss, what was minimised, and the
        norm of its gradient.

    """
    recipe = state.recipe
    # What dropout leaves out depends on seed, step and process alone, as after a kill.
    torch.manual_seed(_seed(recipe.seed, state.step, rank()))
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate(recipe, state.step, state.plan.steps)
    inputs = for_network(state.normalization(images.to(state.device, non_blocking=True)))
    total, loss = state.objective(inputs, labels.to(state.device, non_blocking=True).long())
    state.optimizer.zero_grad(set_to_none=True)
    total.backward()
    limit = recipe.gradient_clip or math.inf
    norm = nn.utils.clip_grad_norm_(state.network.parameters(), limit)
    state.optimizer.step()
    update_average(state.averaged.module, state.network, recipe.average_decay, state.step)
    state.step += 1
    return torch.stack([loss.detach(), total.detach(), norm])


class Measurements:
    """What the steps of an epoch gave; stops a run whose numbers are not finite.

    On a GPU this is found out some steps late, but before anything is saved.

    Args:
        state: Says where the run is when the first step is added.

    """

    def __init__(self, state: TrainingState) -> None:
        self._recipe = state.recipe
        self._first_step = state.step
        self._between = 1 if state.device.type == "cpu" else _GPU_STEPS_BETWEEN_CHECKS
        self._pending: list[Tensor] = []
        self._rows: list[list[float]] = []

    def add(self, measured: Tensor) -> float | None:
        """Take what `take_step` returned; return the newest loss where it is known.

        Raises:
            TrainingError: a number is not finite.

        """
        self._pending.append(measured)
        if len(self._pending) < self._between:
            return None
        self._check()
        return self._rows[-1][0]

    def means(self) -> dict[str, float]:
        """Mean loss and gradient norm over the steps, for the log.

        Raises:
            TrainingError: a number is not finite.

        """
        self._check()
        loss, _, norm = np.mean(self._rows, axis=0).tolist()
        return {"loss": loss, "gradient_norm": norm}

    def _check(self) -> None:
        if not self._pending:
            return
        for row in mean_over_processes(torch.stack(self._pending)).tolist():
            self._refuse_infinite(row)
            self._rows.append(row)
        self._pending.clear()

    def _refuse_infinite(self, row: list[float]) -> None:
        _, total, norm = row
        for what, value in (("loss", total), ("gradient's norm", norm)):
            if not math.isfinite(value):
                msg = (
                    f"the {what} is {value} at step {self._first_step + len(self._rows)}; lower "
                    f"learning_rate (now {self._recipe.learning_rate}) and train into another "
                    "output folder"
                )
                raise TrainingError(msg)


def _seed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])
