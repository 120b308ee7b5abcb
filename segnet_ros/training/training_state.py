# SPDX-License-Identifier: Apache-2.0
"""Everything that changes while training, and what it takes to go on after a kill."""

import json
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from segnet_ros.datasets.taxonomy import VOID, class_names
from segnet_ros.inference.model import SegmentationClass
from segnet_ros.training.batches import BatchPlan
from segnet_ros.training.checkpoint import CheckpointError, save_checkpoint, save_weights
from segnet_ros.training.deep_supervision import DeepSupervision
from segnet_ros.training.distributed import is_main, processes, rank
from segnet_ros.training.errors import TrainingError
from segnet_ros.training.losses import class_weights, weighted_cross_entropy
from segnet_ros.training.normalization import Normalization
from segnet_ros.training.objective import Objective
from segnet_ros.training.optimization import make_optimizer
from segnet_ros.training.recipe import Recipe, RecipeError, parse_recipe
from segnet_ros.training.training_frames import TrainingFrames


@dataclass
class TrainingState:
    """A run between two steps.

    Attributes:
        recipe: How to train.
        classes: In order of their ids.
        plan: Which frames make up which step.
        device: Where the tensors are.
        normalization: From batches of pictures to the network's input.
        network: What the gradients change.
        averaged: Its moving average, `averaged.module`.
        supervision: The inner losses' heads; None without them.
        objective: What is minimised.
        optimizer: Of the network and the heads.
        epoch: Epochs done.
        step: Steps done.

    """

    recipe: Recipe
    classes: tuple[SegmentationClass, ...]
    plan: BatchPlan
    device: torch.device
    normalization: Normalization
    network: nn.Module
    averaged: AveragedModel
    supervision: DeepSupervision | None
    objective: nn.Module
    optimizer: torch.optim.Optimizer
    epoch: int = 0
    step: int = 0

    @classmethod
    def start(
        cls, recipe: Recipe, network: nn.Module, dataset: TrainingFrames, device: torch.device
    ) -> "TrainingState":
        """Before the first step.

        Args:
            recipe: How to train.
            network: With the weights to start from; the main process's count.
            dataset: What to learn from.
            device: Where to train.

        Raises:
            RecipeError: the network has no inner stages to supervise.
            TrainingError: there are too many processes.
            DatasetError: no frame has a labelled pixel.

        """
        plan = BatchPlan(len(dataset), recipe.batch_size, recipe.seed, rank(), processes())
        weights = class_weights(dataset.labels(), len(dataset.classes), recipe.balance_power)
        if processes() > 1 and device.type == "cuda":
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        # Copied before the supervision hooks itself into the network.
        averaged = AveragedModel(network)
        supervision = _supervision(network, recipe, len(dataset.classes), device)
        criterion = partial(
            weighted_cross_entropy,
            weights=weights.to(device),
            void=VOID,
            normalization=recipe.loss_normalization,
        )
        objective = Objective(network, supervision, recipe.inner_weight, criterion)
        return cls(
            recipe=recipe,
            classes=tuple(dataset.classes),
            plan=plan,
            device=device,
            normalization=Normalization().to(device),
            network=network,
            averaged=averaged,
            supervision=supervision,
            objective=_shared(objective, device),
            optimizer=make_optimizer(objective.parameters(), recipe),
        )

    def as_checkpoint(self) -> dict[str, Any]:
        """Tensors, numbers and strings from which `resume` goes on."""
        return {
            "recipe": self.recipe.as_dict(),
            "data": self._data(),
            "model": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "supervision": self.supervision.state_dict() if self.supervision else {},
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "step": self.step,
        }

    def resume(self, saved: dict[str, Any], path: Path) -> None:
        """Go on with what `as_checkpoint` gave.

        Raises:
            TrainingError: that was a run of another recipe or of other frames.
            CheckpointError: something is missing in it.

        """
        self._refuse_another_run(saved, path.parent)
        try:
            self.network.load_state_dict(saved["model"])
            self.averaged.load_state_dict(saved["averaged"])
            if self.supervision is not None:
                self.supervision.load_state_dict(saved["supervision"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.epoch, self.step = saved["epoch"], saved["step"]
        except (KeyError, ValueError, RuntimeError) as error:
            msg = f"checkpoint {path} is of another version ({error}); delete it to start over"
            raise CheckpointError(msg) from error

    def save_checkpoint(self, path: Path) -> None:
        """Replace the run's checkpoint; the main process's job."""
        if is_main():
            save_checkpoint(path, self.as_checkpoint())

    def save_weights(self, path: Path, network: nn.Module) -> None:
        """Write a network with the facts that others need; the main process's job."""
        metadata = {
            "recipe": json.dumps(self.recipe.as_dict()),
            "classes": json.dumps([asdict(item) for item in self.classes]),
            "epoch": str(self.epoch),
        }
        if is_main():
            save_weights(path, network, metadata)

    def _data(self) -> dict[str, Any]:
        return {"frames": self.plan.frames, "classes": class_names(self.classes)}

    def _refuse_another_run(self, saved: dict[str, Any], output: Path) -> None:
        differs = [
            what
            for what, same in (
                ("recipe", _is_recipe(saved["recipe"], self.recipe)),
                ("set of frames", saved.get("data", self._data()) == self._data()),
            )
            if not same
        ]
        if differs:
            msg = (
                f"{output} holds a run of another {' and '.join(differs)}; choose another output "
                "folder, or delete it to start over"
            )
            raise TrainingError(msg)


def _is_recipe(saved: dict[str, Any], recipe: Recipe) -> bool:
    """Whether an earlier version, which knew fewer keys, meant the same."""
    try:
        return parse_recipe(saved) == recipe
    except RecipeError:
        return False


def _supervision(
    network: nn.Module, recipe: Recipe, classes: int, device: torch.device
) -> DeepSupervision | None:
    if recipe.inner_weight == 0:
        return None
    return DeepSupervision(network, classes).to(device)


def _shared(objective: Objective, device: torch.device) -> nn.Module:
    """Averages gradients over the processes, and starts them all from the main one's weights."""
    if processes() == 1:
        return objective
    return DistributedDataParallel(
        objective, device_ids=[device.index] if device.type == "cuda" else None
    )
