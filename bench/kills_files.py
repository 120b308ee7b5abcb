# SPDX-License-Identifier: Apache-2.0
"""Verbs that write, killed with SIGKILL: subjects of kills.py.

Every kill is followed by the next run in the same place. Checked after each: what has a final name
is whole and none of it is lost, nobody of the killed one's processes is left, and temporary files
are few. Checked after each run that no kill has met: the result equals that of a run that was never
killed, to the last bit, and nothing else lies about.
"""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from rosbags.rosbag2 import Reader
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from verb_cases import Arguments, copy_model, label, mine, pack, prepare, quantize, train
from verb_server import Answer, VerbServer
from wholeness import damaged, digests, leftovers

from segnet_ros.inference.model import load_model

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

_MOST_HIDDEN = 3
_TAIL = 300
_LATEST = 1.1
"""Of a whole run's duration; some runs shall meet no kill."""

_Check = Callable[[Path, Path], str]
"""Of the output folder, and of one that no kill has met; empty, or what is wrong."""


def _nothing(_out: Path, _whole: Path) -> str:
    return ""


@dataclass(frozen=True)
class Subject:
    """What is killed.

    Attributes:
        variants: Arguments of the verb; each run takes another, where there are several.
        start: Of the folders of inputs and outputs: puts there what the verb changes.
        result: What must be the same with and without kills.
        prefix: Whether what a kill leaves is the beginning of the whole.
        progress: How far the run has come; a kill and the next run lose nothing of it.
        kept: Whether the next run changes an earlier result, which stays until then.
        once: Whether the next run refuses a result that is there: a kill may come just after it.

    """

    variants: tuple[Arguments, ...]
    start: Callable[[Path, Path], object] = lambda _given, _out: None
    result: Callable[[Path], object] = digests
    prefix: _Check = _nothing
    progress: Callable[[Path], int] = lambda _out: 0
    kept: bool = False
    once: bool = False


@dataclass(frozen=True)
class Ground:
    """What all subjects stand on.

    Attributes:
        given: Folder of inputs, see `verb_cases.prepare`.
        verbs: Processes to kill.

    """

    given: Path
    verbs: VerbServer


def kill_once(subject: Subject, ground: Ground, folder: Path, moment: random.Random) -> str:
    """Run the verb until a kill meets it.

    Args:
        subject: What to kill.
        ground: Inputs and processes.
        folder: Empty at first; holds what goes on from kill to kill.
        moment: Chooses when.

    Returns:
        Empty, or what was corrupted.

    """
    trial = _Trial(subject, ground, folder)
    trial.begin()
    while True:
        answer = trial.run(moment)
        if answer.code < 0:
            return "; ".join(trial.after_kill(answer))
        if answer.code:
            return f"the run after a kill ended with {answer.code}: {answer.errors[-_TAIL:]}"
        if found := trial.after_success():
            return "; ".join(found)


def finish(subject: Subject, ground: Ground, folder: Path) -> str:
    """Let the last run come to its end; empty, or what differs from a run without kills."""
    trial = _Trial(subject, ground, folder)
    answer = ground.verbs.run(trial.arguments())
    if answer.code:
        return f"the last run ended with {answer.code}: {answer.errors[-_TAIL:]}"
    return "; ".join(trial.after_success())


class _Trial:
    """What is known between two kills lies in files, so that it needs nothing but its folder."""

    def __init__(self, subject: Subject, ground: Ground, folder: Path) -> None:
        self._subject = subject
        self._ground = ground
        self._out = folder / "out"
        self._wholes = [folder / f"whole{index}" for index in range(len(subject.variants))]
        self._state = folder / "state.json"

    def begin(self) -> None:
        """The first time: let every variant come to its end, and measure how long that takes."""
        if self._state.exists():
            return
        seconds = 0.0
        for whole, arguments in zip(self._wholes, self._subject.variants, strict=True):
            self._start(whole)
            answer = self._ground.verbs.run(arguments(self._ground.given, whole))
            if answer.code:
                raise RuntimeError(answer.errors)
            seconds = max(seconds, answer.seconds)
        self._start(self._out)
        self._write({"seconds": seconds, "variant": 0, "progress": 0})

    def arguments(self) -> list[str | Path]:
        """Of the next run."""
        return self._subject.variants[self._read()["variant"]](self._ground.given, self._out)

    def run(self, moment: random.Random) -> Answer:
        """Run the verb, and kill it unless it is faster."""
        latest = _LATEST * self._read()["seconds"]
        return self._ground.verbs.run(self.arguments(), kill_after=moment.uniform(0, latest))

    def after_kill(self, answer: Answer) -> list[str]:
        """What is wrong with what a killed run left."""
        state = self._read()
        found = damaged(self._out)
        progress = self._subject.progress(self._out) if not found else state["progress"]
        if progress < state["progress"]:
            found.append(f"it had come to {state['progress']}, now it is at {progress}")
        found += self._too_many_leftovers()
        if answer.orphans:
            found.append(f"{answer.orphans} processes are left")
        whole = self._wholes[state["variant"]]
        if not found and (wrong := self._subject.prefix(self._out, whole)):
            found.append(wrong)
        self._write(state | {"progress": progress})
        if self._subject.once and _visible(self._out):
            found += self.after_success(left=leftovers(self._out))
        return found

    def after_success(self, left: Sequence[str] = ()) -> list[str]:
        """What differs from a run without kills; the next one starts anew.

        Args:
            left: What may be left behind.

        """
        state = self._read()
        whole = self._subject.result(self._wholes[state["variant"]])
        found = [f"left behind {name}" for name in leftovers(self._out) if name not in left]
        if (result := self._subject.result(self._out)) != whole:
            found.append(f"without kills it were {whole}, now it is {result}")
        if not self._subject.kept:
            shutil.rmtree(self._out)
            self._start(self._out)
        following = (state["variant"] + 1) % len(self._wholes)
        progress = self._subject.progress(self._out)
        self._write(state | {"variant": following, "progress": progress})
        return found

    def _start(self, out: Path) -> None:
        out.mkdir()
        self._subject.start(self._ground.given, out)

    def _too_many_leftovers(self) -> list[str]:
        hidden = leftovers(self._out)
        return [f"left behind {hidden}"] if len(hidden) > _MOST_HIDDEN else []

    def _read(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(self._state.read_text(encoding="utf-8"))
        return state

    def _write(self, state: dict[str, Any]) -> None:
        self._state.write_text(json.dumps(state), encoding="utf-8")


def _visible(out: Path) -> bool:
    return any(not path.name.startswith(".") for path in out.iterdir())


@cache
def _ground() -> Ground:
    """With a second set of weights."""
    verbs = VerbServer()
    atexit.register(verbs.close)
    given = Path(tempfile.mkdtemp(prefix="kills_given_"))
    atexit.register(shutil.rmtree, given)
    prepare(given, verbs)
    _write_other_weights(given / "weights.safetensors", given / "other.safetensors")
    return Ground(given, verbs)


def _write_other_weights(weights: Path, other: Path) -> None:
    with safe_open(weights, framework="pt") as file:
        metadata = file.metadata()
    tensors = load_file(weights)
    name = next(name for name, tensor in tensors.items() if tensor.ndim == 4)
    save_file({**tensors, name: 1.5 * tensors[name]}, other, metadata)


def _files(out: Path) -> dict[str, str]:
    return {name: digest for name, digest in digests(out).items() if not name.startswith(".")}


def _epochs(out: Path) -> int:
    """That the checkpoint keeps."""
    checkpoint = out / "run/checkpoint.pt"
    if not checkpoint.exists():
        return 0
    return int(torch.load(checkpoint, map_location="cpu", weights_only=True)["epoch"])


def _messages(bag: Path) -> list[tuple[str, int, bytes]]:
    if not bag.exists():
        return []
    with Reader(bag) as reader:
        return [(channel.topic, time, bytes(cdr)) for channel, time, cdr in reader.messages()]


def _labels_from_the_start(out: Path, whole: Path) -> str:
    found, expected = _messages(out / "labelled"), _messages(whole / "labelled")
    return "" if found == expected[: len(found)] else "other messages than without kills"


def _models(out: Path) -> int:
    return len(list(out.glob("model/model.yaml")))


def _engines(out: Path) -> list[str]:
    """Their names hold their fingerprints; their bytes differ from build to build."""
    return sorted(path.name for path in out.glob("cache/*.engine"))


def _graphs(out: Path) -> dict[str, str]:
    return {name: each.sha256 for name, each in load_model(out / "model").engine_graphs.items()}


def _trained(out: Path) -> tuple[str, list[float]]:
    """The weights to the last bit, and the loss of every epoch."""
    lines = (out / "run/log.jsonl").read_text(encoding="utf-8").splitlines()
    weights = digests(out)["run/weights.safetensors"]
    return weights, [json.loads(line)["loss"] for line in lines]


def _export(weights: str, given: Path, out: Path) -> list[str | Path]:
    return ["export", given / weights, out / "model", "--size", "64x48"]


def _build(given: Path, out: Path) -> list[str | Path]:
    return ["build-engine", given / "model", "--cache", out / "cache", "--rebuild"]


VERBS = {
    "train": Subject((train,), result=_trained, progress=_epochs),
    "label": Subject(
        (lambda given, out: [*label(given, out), "--resume"],),
        prefix=_labels_from_the_start,
        progress=lambda out: len(_messages(out / "labelled")),
    ),
    "pack": Subject((pack,), result=_files, once=True),
    "mine": Subject((mine,), result=_files, once=True),
    "export": Subject(
        (partial(_export, "weights.safetensors"), partial(_export, "other.safetensors")),
        progress=_models,
        kept=True,
    ),
    "quantize": Subject(
        (
            lambda given, out: [*quantize(given, out), "--frames", "2"],
            lambda given, out: [*quantize(given, out), "--frames", "6"],
        ),
        start=copy_model,
        result=_graphs,
        progress=_models,
        kept=True,
    ),
    "build": Subject(
        (_build,), result=_engines, progress=lambda out: len(_engines(out)), kept=True
    ),
}


def _kill(subject: Subject, folder: Path, moment: random.Random) -> str:
    return kill_once(subject, _ground(), folder, moment)


SUBJECTS: dict[str, Callable[[Path, random.Random], str]] = {
    name: partial(_kill, subject) for name, subject in VERBS.items()
}
"""By the verb: kills one process, and returns empty or what was corrupted."""
