# SPDX-License-Identifier: Apache-2.0
"""Every verb that writes, with inputs so small that it takes a second or two."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from segnet_ros.simulation.clip import write_training_set

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verb_server import VerbServer

RECIPE = """\
architecture: segnet_light
epochs: 4
batch_size: 2
warmup_epochs: 1
average_decay: 0.5
validate_every: 1
augmentation: {crop: [48, 32], scale: [0.8, 1.25]}
"""
SIZE = (64, 48)
_FRAMES = {"train": 6, "val": 2}
_RATE = "0.15"
"""Images per second of the recording: they fall into several windows of ten seconds."""

Arguments = Callable[[Path, Path], list[str | Path]]
"""Of the folders of inputs and outputs: what to call `segnet` with."""


@dataclass(frozen=True)
class Case:
    """A verb that writes.

    Attributes:
        name: Of the case.
        arguments: Those of the verb.
        again: The same for going on with what an interrupted run left; by default just the same.
        start: Of the folders of inputs and outputs: puts there what the verb changes.
        new: Whether the verb refuses a place where there is something already.

    """

    name: str
    arguments: Arguments
    again: Arguments | None = None
    start: Callable[[Path, Path], object] = lambda _given, _out: None
    new: bool = False

    @property
    def resumed(self) -> Arguments:
        """Arguments of the next run after an interrupted one."""
        return self.again or self.arguments


def prepare(given: Path, verbs: VerbServer) -> None:
    """Make the inputs of all cases.

    Args:
        given: An empty folder.
        verbs: That make what verbs make.

    """
    draw(given)
    do(verbs, train(given, given / "trained"))
    shutil.copy(given / "trained/run/weights.safetensors", given / "weights.safetensors")
    do(verbs, export(given, given))
    record(given, verbs)


def draw(given: Path) -> None:
    """Make frames, a video, and a recipe."""
    for split, count in _FRAMES.items():
        write_training_set(given / "data", split, count, len(split), SIZE)
    (given / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    writer = cv2.VideoWriter(str(given / "video.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, SIZE)
    for index in range(4):
        writer.write(np.full((SIZE[1], SIZE[0], 3), 50 * index, np.uint8))
    writer.release()


def record(given: Path, verbs: VerbServer) -> None:
    """Make a recording of the frames."""
    do(verbs, ["pack-bag", given / "data/train", "-o", given / "bag", "--rate", _RATE])


def do(verbs: VerbServer, arguments: Sequence[str | Path]) -> None:
    """Run a verb that must succeed."""
    answer = verbs.run(arguments)
    if answer.code:
        msg = f"{' '.join(map(str, arguments))} ended with {answer.code}: {answer.errors}"
        raise RuntimeError(msg)


def train(given: Path, out: Path) -> list[str | Path]:
    """Train on the frames."""
    return ["train", given / "recipe.yaml", "--data", given / "data", "--output", out / "run"]


def export(given: Path, out: Path) -> list[str | Path]:
    """Export the weights."""
    return ["export", given / "weights.safetensors", out / "model", "--size", "64x48"]


def copy_model(given: Path, out: Path) -> None:
    """Put the model where `quantize` changes it."""
    shutil.copytree(given / "model", out / "model")


def quantize(given: Path, out: Path) -> list[str | Path]:
    """Add a graph in eight bits."""
    return ["quantize", out / "model", "--data", given / "data"]


def label(given: Path, out: Path) -> list[str | Path]:
    """Label the recording."""
    return ["label-bag", given / "bag", "-o", out / "labelled", "--model", given / "model"]


def pack(given: Path, out: Path) -> list[str | Path]:
    """Pack the frames."""
    return ["pack-bag", given / "data/train", "-o", out / "bag", "--raw"]


def mine(given: Path, out: Path) -> list[str | Path]:
    """Mine every frame of the recording."""
    everything = ["--min-gap", "0", "--min-difference", "0", "--count", "6"]
    return ["mine", given / "bag", "-o", out / "mined", "--model", given / "model", *everything]


def _pages(out: Path) -> list[str | Path]:
    return ["--json", out / "found.json", "--html", out / "page.html"]


CASES = (
    Case("train", train),
    Case("export", export),
    Case("quantize", quantize, start=copy_model),
    Case("build-engine", lambda given, out: [
        "build-engine", given / "model", "--cache", out / "cache"]),
    Case("label-bag", label, again=lambda given, out: [*label(given, out), "--resume"], new=True),
    Case("pack-bag", pack, new=True),
    Case("pack-bag sqlite3", lambda given, out: [
        *pack(given, out), "--storage", "sqlite3"], new=True),
    Case("mine", mine, new=True),
    Case("report-bag", lambda given, out: [
        "report-bag", given / "bag", "--model", given / "model", *_pages(out)]),
    Case("compare-bag", lambda given, out: [
        "compare-bag", given / "bag", "--models", given / "model", given / "model",
        *_pages(out)]),
    Case("compare", lambda given, out: [
        "compare", given / "model", given / "model", "--data", given / "data", *_pages(out)]),
    Case("evaluate", lambda given, out: [
        "evaluate", "--model", given / "model", "--data", given / "data", *_pages(out)]),
    Case("run on pictures", lambda given, out: [
        "run", given / "data/val", "-o", out / "ran", "--model", given / "model"]),
    Case("run on a video", lambda given, out: [
        "run", given / "video.avi", "-o", out / "ran", "--model", given / "model"]),
    Case("render", lambda _given, out: [
        "render", out / "scene", "--frames", "2", "--size", "64x48"]),
    Case("taxonomy", lambda given, out: [
        "taxonomy", "driving", "--model", given / "model", "-o", out / "nav2.yaml"]),
)  # fmt: skip
