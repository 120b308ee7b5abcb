"""Train a network on labelled frames. Read `train` from top to bottom for the whole story."""

import json
import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from segnet_ros.datasets.frames import DatasetError, LabelledFrame, common_taxonomy, read_frame
from segnet_ros.datasets.taxonomy import VOID, class_names
from segnet_ros.evaluation.metrics import Scores, confusion_matrix, scores
from segnet_ros.inference.model import SegmentationClass
from segnet_ros.training.checkpoint import (
    load_checkpoint,
    load_weights,
    save_checkpoint,
    save_weights,
)
from segnet_ros.training.deep_supervision import DeepSupervision
from segnet_ros.training.losses import median_frequency_weights, weighted_cross_entropy
from segnet_ros.training.models import build_model
from segnet_ros.training.normalization import Normalization
from segnet_ros.training.recipe import Recipe
from segnet_ros.training.training_frames import TrainingFrames

CHECKPOINT = "checkpoint.pt"
WEIGHTS = "weights.safetensors"
LOG = "log.jsonl"


class TrainingError(RuntimeError):
    """Training cannot go on: the loss is not finite, or the run is of another recipe."""


def train(
    recipe: Recipe,
    training_frames: Sequence[LabelledFrame],
    validation_frames: Sequence[LabelledFrame],
    output: Path,
    initial_weights: Path | None = None,
) -> Path:
    """Train, or go on with what `output` already holds.

    Args:
        recipe: Every number that shapes the weights.
        training_frames: Frames to learn from.
        validation_frames: Frames to score now and then; nothing is selected by them. May be empty.
        output: Folder of the checkpoint, the weights and the log (one JSON object per epoch).
        initial_weights: Safetensors to start from instead of random weights.

    Returns:
        The path of the averaged weights, safetensors.

    Raises:
        TrainingError: the loss is not finite, or `output` belongs to another recipe.
        CheckpointError: a checkpoint or the initial weights cannot be used.
        DatasetError: a frame cannot be read, or none has a labelled pixel.
    """
    output.mkdir(parents=True, exist_ok=True)
    dataset = TrainingFrames(training_frames, recipe.augmentation, recipe.seed)
    state = _Training.start(recipe, dataset, initial_weights)
    state.resume(output / CHECKPOINT)
    weights = class_weights(dataset, recipe.balance_power).to(state.device)
    with _progress() as progress:
        for epoch in range(state.epoch, recipe.epochs):
            started = time.monotonic()
            loss = _train_epoch(state, dataset, weights, epoch, progress)
            entry: dict[str, Any] = {"epoch": epoch + 1, "loss": loss}
            entry["images_per_second"] = len(dataset) / (time.monotonic() - started)
            if validation_frames and _validates(recipe, epoch):
                result = validate(state.averaged.module, validation_frames, state.device)
                entry |= _logged_scores(result, class_names(dataset.classes))
            state.save(output)
            _log(output / LOG, entry, progress)
    return output / WEIGHTS


def class_weights(dataset: TrainingFrames, power: float) -> Tensor:
    """Median-frequency weights of the frames' classes, float32 [classes]."""
    classes = len(dataset.classes)
    pixels = torch.zeros(classes, dtype=torch.int64)
    image_pixels = torch.zeros(classes, dtype=torch.int64)
    for labels in dataset.labels():
        counts = torch.from_numpy(np.bincount(labels.ravel(), minlength=classes)[:classes])
        pixels += counts
        image_pixels += (counts > 0) * labels.size
    if not pixels.any():
        raise DatasetError(f"nothing to learn from {len(dataset)} frames: every label is void")
    return median_frequency_weights(pixels, image_pixels, power)


def validate(model: nn.Module, frames: Sequence[LabelledFrame], device: torch.device) -> Scores:
    """Score a network on frames at their own size."""
    model.eval()
    normalization = Normalization().to(device)
    classes = len(common_taxonomy(frames).classes)
    total = np.zeros((classes, classes + 1), np.int64)
    for frame in frames:
        image, labels = read_frame(frame)
        with torch.inference_mode(), _mixed_precision(device):
            logits = model(_for_network(normalization(torch.from_numpy(image[None]).to(device))))
        predicted = logits[0].argmax(0).to(torch.uint8).cpu().numpy()
        total += confusion_matrix(labels, predicted, classes)
    return scores(total)


@dataclass
class _Training:
    """Everything that changes while training, and what it takes to go on after a kill."""

    recipe: Recipe
    classes: Sequence[SegmentationClass]
    model: nn.Module
    averaged: AveragedModel
    supervision: DeepSupervision
    optimizer: torch.optim.Optimizer
    device: torch.device
    total_steps: int
    warmup_steps: int
    epoch: int = 0
    step: int = 0

    @classmethod
    def start(
        cls, recipe: Recipe, dataset: TrainingFrames, initial_weights: Path | None
    ) -> "_Training":
        torch.manual_seed(recipe.seed)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        model = build_model(recipe.architecture, len(dataset.classes))
        if initial_weights is not None:
            load_weights(initial_weights, model)
        model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        # Copied before the supervision hooks itself into the model.
        averaged = AveragedModel(
            model, multi_avg_fn=_warmed_up_average(recipe.average_decay), use_buffers=True
        )
        supervision = DeepSupervision(model, len(dataset.classes)).to(device)
        steps = math.ceil(len(dataset) / recipe.batch_size)
        return cls(
            recipe=recipe,
            classes=dataset.classes,
            model=model,
            averaged=averaged,
            supervision=supervision,
            optimizer=torch.optim.AdamW(
                _parameter_groups([*model.parameters(), *supervision.parameters()], recipe),
                lr=recipe.learning_rate,
                fused=True,
            ),
            device=device,
            total_steps=steps * recipe.epochs,
            warmup_steps=round(steps * recipe.warmup_epochs),
        )

    def resume(self, checkpoint: Path) -> None:
        if not checkpoint.exists():
            return
        saved = load_checkpoint(checkpoint)
        if saved["recipe"] != self.recipe.as_dict():
            raise TrainingError(
                f"{checkpoint.parent} holds a run of another recipe; choose another output folder, "
                "or delete it to start over"
            )
        self.model.load_state_dict(saved["model"])
        self.averaged.load_state_dict(saved["averaged"])
        self.supervision.load_state_dict(saved["supervision"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.epoch, self.step = saved["epoch"], saved["step"]

    def save(self, output: Path) -> None:
        metadata = {
            "recipe": json.dumps(self.recipe.as_dict()),
            "classes": json.dumps([asdict(item) for item in self.classes]),
            "epoch": str(self.epoch),
        }
        save_weights(output / WEIGHTS, self.averaged.module, metadata)
        save_checkpoint(
            output / CHECKPOINT,
            {
                "recipe": self.recipe.as_dict(),
                "model": self.model.state_dict(),
                "averaged": self.averaged.state_dict(),
                "supervision": self.supervision.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "epoch": self.epoch,
                "step": self.step,
            },
        )

    def learning_rate(self) -> float:
        if self.step < self.warmup_steps:
            return self.recipe.learning_rate * (self.step + 1) / self.warmup_steps
        left = (self.step - self.warmup_steps) / max(1, self.total_steps - self.warmup_steps)
        return self.recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * left))


def _train_epoch(
    state: _Training, dataset: TrainingFrames, weights: Tensor, epoch: int, progress: Progress
) -> float:
    dataset.epoch = epoch
    order = torch.Generator().manual_seed(state.recipe.seed * 1_000_003 + epoch)
    loader: DataLoader[Any] = DataLoader(
        dataset,  # type: ignore[arg-type]
        batch_size=state.recipe.batch_size,
        shuffle=True,
        generator=order,
        num_workers=1,
    )
    normalization = Normalization().to(state.device)
    task = progress.add_task(f"epoch {epoch + 1}/{state.recipe.epochs}", total=len(loader), loss="")
    losses = []
    state.model.train()
    for image, labels in loader:
        inputs = _for_network(normalization(image.to(state.device)))
        losses.append(_step(state, inputs, labels.long().to(state.device), weights))
        progress.update(task, advance=1, loss=f"loss {losses[-1]:.3f}")
    progress.remove_task(task)
    state.epoch = epoch + 1
    return sum(losses) / len(losses)


def _step(state: _Training, inputs: Tensor, labels: Tensor, weights: Tensor) -> float:
    for group in state.optimizer.param_groups:
        group["lr"] = state.learning_rate()
    with _mixed_precision(state.device):
        logits = state.model(inputs)
        inner = state.supervision.loss(labels, weights, VOID)
    loss = weighted_cross_entropy(logits, labels, weights, VOID)
    total = loss + state.recipe.inner_weight * inner
    if not torch.isfinite(total):
        raise TrainingError(
            f"the loss is {total.item()} at step {state.step}; lower learning_rate (now "
            f"{state.recipe.learning_rate}) and train into another output folder"
        )
    state.optimizer.zero_grad(set_to_none=True)
    total.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(state.model.parameters(), state.recipe.gradient_clip)
    state.optimizer.step()
    state.averaged.update_parameters(state.model)
    state.step += 1
    return loss.item()


def _warmed_up_average(decay: float) -> Callable[[Any, Any, Any], None]:
    """A moving average that forgets the random start: its decay grows with the steps taken."""

    def update(averaged: Any, current: Any, steps: Any) -> None:
        current_decay = min(decay, (1 + int(steps)) / (10 + int(steps)))
        average = get_ema_multi_avg_fn(current_decay)  # type: ignore[no-untyped-call]
        average(averaged, current, steps)

    return update


def _parameter_groups(parameters: Sequence[nn.Parameter], recipe: Recipe) -> list[dict[str, Any]]:
    kernels = [p for p in parameters if p.ndim > 1]
    others = [p for p in parameters if p.ndim <= 1]
    return [
        {"params": kernels, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]


def _for_network(batch: Tensor) -> Tensor:
    return batch.contiguous(memory_format=torch.channels_last)


def _mixed_precision(device: torch.device) -> AbstractContextManager[Any]:
    """bfloat16 where the processor has it: elsewhere it is emulated, and slower than float32."""
    supported = device.type == "cuda" or _cpu_has_bfloat16()
    return torch.autocast(device.type, torch.bfloat16, enabled=supported)


def _cpu_has_bfloat16() -> bool:
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def _validates(recipe: Recipe, epoch: int) -> bool:
    return (epoch + 1) % recipe.validate_every == 0 or epoch + 1 == recipe.epochs


def _logged_scores(result: Scores, names: Sequence[str]) -> dict[str, Any]:
    return {
        "miou": result.miou,
        "class_accuracy": result.class_accuracy,
        "global_accuracy": result.global_accuracy,
        "iou": dict(zip(names, result.iou.tolist(), strict=True)),
    }


def _log(path: Path, entry: dict[str, Any], progress: Progress) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")
    text = f"epoch {entry['epoch']}: loss {entry['loss']:.4f}"
    if "miou" in entry:
        text += f", mIoU {100 * entry['miou']:.1f}"
    progress.console.print(f"{text}, {entry['images_per_second']:.1f} images/s")


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[loss]}"),
    )
