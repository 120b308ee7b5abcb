# SPDX-License-Identifier: Apache-2.0
"""What a run tells: one JSON object per epoch, TensorBoard, and the terminal."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

from segnet_ros.inference.files import replacing, write_errors
from segnet_ros.training.distributed import is_main

LOG = "log.jsonl"
TENSORBOARD = "tensorboard"


class TrainingLog:
    """Three places for one set of facts; silent in all processes but the main one.

    Args:
        output: Folder of the run; nothing is written before the first entry.

    """

    def __init__(self, output: Path) -> None:
        self._output = output
        self._silent = not is_main()
        self._writer: SummaryWriter | None = None
        self._epoch = 0
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[loss]}"),
            disable=self._silent,
        )
        self._task = self._progress.add_task("", visible=False, loss="")

    def __enter__(self) -> "TrainingLog":
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()
        if self._writer is not None:
            with write_errors(self._output / TENSORBOARD):
                self._writer.close()

    def say(self, text: str) -> None:
        """Print one line."""
        if not self._silent:
            self._progress.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def go_on_after(self, epoch: int) -> None:
        """Forget what an interrupted run told of later epochs: they will come again."""
        self._epoch = epoch
        path = self._output / LOG
        if self._silent or not path.exists():
            return
        lines = path.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if _epoch_of(line) <= epoch]
        if len(kept) < len(lines):
            with replacing(path) as partial:
                partial.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")

    def start_epoch(self, title: str, steps: int) -> None:
        """Show the progress of a new epoch."""
        self._progress.reset(self._task, total=steps, description=title, visible=True, loss="")

    def advance(self, loss: float | None) -> None:
        """Count one step; show the loss where it is known."""
        self._progress.advance(self._task)
        if loss is not None:
            self._progress.update(self._task, loss=f"loss {loss:.3f}")

    def write(
        self, entry: Mapping[str, Any], pictures: Mapping[str, npt.NDArray[np.uint8]]
    ) -> None:
        """Keep what an epoch gave.

        Args:
            entry: JSON values; `epoch` and `loss` at least.
            pictures: uint8 [H, W, 3] RGB by name, for TensorBoard.

        """
        if self._silent:
            return
        path = self._output / LOG
        with write_errors(path), path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        with write_errors(self._output / TENSORBOARD):
            self._to_tensorboard(entry, pictures)
        self.say(_summary(entry))

    def _to_tensorboard(
        self, entry: Mapping[str, Any], pictures: Mapping[str, npt.NDArray[np.uint8]]
    ) -> None:
        if self._writer is None:
            folder = self._output / TENSORBOARD
            self._writer = SummaryWriter(folder, purge_step=self._epoch + 1)
        for name, value in _scalars(entry):
            self._writer.add_scalar(name, value, entry["epoch"])
        for name, picture in pictures.items():
            self._writer.add_image(name, picture, entry["epoch"], dataformats="HWC")
        self._writer.flush()


def _epoch_of(line: str) -> float:
    """A line that a kill cut short is of no epoch that counts."""
    try:
        return int(json.loads(line)["epoch"])
    except (ValueError, LookupError, TypeError):
        return float("inf")


def _scalars(entry: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for name, value in entry.items():
        if isinstance(value, Mapping):
            yield from _scalars(value, f"{prefix}{name}/")
        elif name != "epoch":
            yield prefix + name, value


def _summary(entry: Mapping[str, Any]) -> str:
    text = f"epoch {entry['epoch']}: loss {entry['loss']:.4f}"
    if "miou" in entry:
        text += f", mIoU {100 * entry['miou']:.1f}"
    return f"{text}, {entry['images_per_second']:.1f} images/s"
