# SPDX-License-Identifier: Apache-2.0
"""Mined frames as a dataset: `segnet train` reads it, and annotation tools do."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.labels.provenance import tool_version
from segnet_ros.bags.mining.frame_names import BAG_RULE
from segnet_ros.bags.mining.proposal_job import Pixels, Proposal
from segnet_ros.bags.places import disk_errors
from segnet_ros.bags.writing.output_folder import OutputFolder
from segnet_ros.datasets.coco import CocoWriter
from segnet_ros.datasets.labelme import labelme_document
from segnet_ros.datasets.layouts import DESCRIPTION
from segnet_ros.datasets.taxonomy import VOID
from segnet_ros.inference.files import replacing, write_image

if TYPE_CHECKING:
    from segnet_ros.bags.mining.mining import ChosenFrame
    from segnet_ros.inference.model import Model

FORMATS = ("coco", "labelme")
"""Of annotations."""

_COCO_FILE = "annotations_coco.json"
_REPORT = "mined.json"
_IMAGES = "images"
_LABELS = "labels"
_LABEL_SUFFIX = ".png"
_HEAD = (
    "# Labels are what a model takes the pictures for, 255 where it is unsure.\n"
    "# Correct them before anything relies on them.\n"
)


@dataclass(frozen=True)
class MinedFrame:
    """A frame of the dataset.

    Attributes:
        name: Of its files, without a suffix.
        rank: 1 for the frame that is most worth labelling.
        chosen: What it was chosen for.
        proposal: What is written of it.

    """

    name: str
    rank: int
    chosen: ChosenFrame
    proposal: Proposal

    @property
    def file(self) -> str:
        """Name of the picture."""
        return self.name + self.proposal.suffix


@contextmanager
def new_dataset(folder: Path) -> Iterator[Path]:
    """Keep a folder for a dataset, which appears there when the block ends well.

    Yields:
        An empty folder to write to.

    Raises:
        BagError: it exists, is being written by another run, or cannot be written.

    """
    place = OutputFolder(folder)
    with closing(place):
        with disk_errors(folder):
            place.open()
        if place.exists():
            msg = f"{folder} exists; expected a new folder. Remove it, or choose another one"
            raise BagError(msg)
        unfinished = Path(place.staging, folder.resolve().name)
        unfinished.mkdir()
        yield unfinished
        with disk_errors(folder):
            place.adopt(unfinished)


def write_mined(
    folder: Path,
    frames: Iterable[MinedFrame],
    model: Model,
    formats: Sequence[str],
    settings: Mapping[str, Any],
) -> None:
    """Write a dataset.

    It holds images/NAME.jpg (or .png), labels/NAME.png (class ids, 255 for void), train.txt (their
    names), dataset.yaml (what they mean) and mined.json (where they come from and why). As formats
    are asked for, annotations_coco.json and images/NAME.json (Labelme).

    Args:
        folder: Empty.
        frames: In any order; pictures are written as they come.
        model: That gave the labels.
        formats: Some of `FORMATS`.
        settings: Of the run, as JSON can hold them.

    """
    with ExitStack() as opened:
        annotate = [opened.enter_context(_ANNOTATORS[each](folder, model)) for each in formats]
        written = [_write(folder, frame, annotate) for frame in frames]
    written.sort(key=lambda row: row["rank"])
    _describe(folder, model, [row["file"] for row in written])
    _write_text(folder / _REPORT, _json({**settings, "frames": written}))


def _write(folder: Path, frame: MinedFrame, annotate: Iterable[Annotate]) -> dict[str, Any]:
    with replacing(folder / _IMAGES / frame.file) as partial:
        partial.write_bytes(frame.proposal.content)
    write_image(folder / _LABELS / (frame.name + _LABEL_SUFFIX), frame.proposal.labels)
    for add in annotate:
        add(frame.file, frame.proposal.labels)
    return _row(frame)


def _row(frame: MinedFrame) -> dict[str, Any]:
    found, worth = frame.chosen
    scores = {
        name: None if math.isnan(value) else round(value, 6)
        for name, value in found.scores._asdict().items()
    }
    return {
        "rank": frame.rank,
        "file": frame.file,
        "bag": found.bag,
        "topic": found.topic,
        "time_ns": found.time_ns,
        "stamp_ns": found.stamp_ns,
        "worth": round(worth, 6),
        **scores,
        "labelled_by": frame.proposal.made_by,
    }


def _describe(folder: Path, model: Model, files: Sequence[str]) -> None:
    """Write what `segnet train` asks for.

    Where a dataset holds pictures of both kinds, their suffixes become part of their names.
    """
    suffixes = {Path(file).suffix for file in files}
    suffix = suffixes.pop() if len(suffixes) == 1 else ""
    names = [file.removesuffix(suffix) for file in files]
    for name in names if not suffix else []:
        labels = (folder / _LABELS / name).with_suffix(_LABEL_SUFFIX)
        labels.rename(folder / _LABELS / (name + _LABEL_SUFFIX))
    facts = {
        "name": folder.name,
        "images": f"{_IMAGES}/{{name}}{suffix}",
        "labels": f"{_LABELS}/{{name}}{_LABEL_SUFFIX}",
        "list": "{split}.txt",
        "classes": [
            {"name": item.name, "value": value, "color": list(item.color)}
            for value, item in enumerate(model.classes)
        ],
        "void": VOID,
        "sequence": BAG_RULE,
    }
    description = yaml.safe_dump(facts, sort_keys=False, default_flow_style=None, width=100)
    _write_text(folder / DESCRIPTION, _HEAD + description)
    _write_text(folder / "train.txt", "".join(f"{name}\n" for name in names))


Annotate = Callable[[str, Pixels], None]
"""Called with a picture's file name and labels."""


@contextmanager
def _coco(folder: Path, model: Model) -> Iterator[Annotate]:
    info = {
        "description": f"labels proposed by {model.name}, to be corrected",
        "version": tool_version(),
    }
    with replacing(folder / _COCO_FILE) as partial, partial.open("w", encoding="utf-8") as file:
        writer = CocoWriter(file, model.classes, info)
        yield writer.add
        writer.close()


@contextmanager
def _labelme(folder: Path, model: Model) -> Iterator[Annotate]:
    def add(file: str, labels: Pixels) -> None:
        document = labelme_document(file, labels, model.classes)
        _write_text((folder / _IMAGES / file).with_suffix(".json"), json.dumps(document))

    yield add


_ANNOTATORS = dict(zip(FORMATS, (_coco, _labelme), strict=True))


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _write_text(path: Path, text: str) -> None:
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")
