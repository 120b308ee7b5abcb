# SPDX-License-Identifier: Apache-2.0
"""Rate of `segnet label-bag` over the bare engine's on a 720p JPEG bag, and where the time goes.

The bare engine is `Segmenter.segment_all` over decoded frames in memory, with no output. Labelling
reads, decodes, segments, encodes and commits windows of the bag. Both take turns in one process:
the engine runs before and after each window, because the machine's speed drifts. CPU time is told
as well, which other processes on the machine disturb less. Every stage is also measured alone.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from segnet_ros.bags.labels.label_encoding import LabelEncoder
from segnet_ros.bags.labels.label_job import LabelJob, LabelWorker
from segnet_ros.bags.labels.label_messages import output_topics
from segnet_ros.bags.labels.label_plan import DEFAULT_OUTPUTS, LabelOptions
from segnet_ros.bags.labels.label_run import LabelRun, open_run
from segnet_ros.bags.model_choice import ModelChoice
from segnet_ros.bags.pictures import Picture, decode
from segnet_ros.bags.recorded import COMPRESSED_IMAGE_TYPE, RecordedMessage
from segnet_ros.bags.recording import Recording
from segnet_ros.bags.steps import Labelled, Step
from segnet_ros.bags.windows import WINDOW_NS
from segnet_ros.bags.work import Task
from segnet_ros.bags.writing.image_messages import frame_message
from segnet_ros.bags.writing.new_topics import new_topic
from segnet_ros.bags.writing.segment_file import SegmentWriter
from segnet_ros.inference.memory import keep_freed_pictures, share_one_heap
from segnet_ros.inference.preprocessing import resize_image
from segnet_ros.inference.rendering import Style
from segnet_ros.inference.segmenter import Segmenter
from segnet_ros.inference.shipped import find_model, shipped_models
from segnet_ros.simulation.drive import StreetDrive

TARGET = 0.9
_SIZE = (1280, 720)
_CAMERA = "/camera/image_raw/compressed"
_OUTPUT_SETS = {"label": ("label",), "default": ()}
_START_NS = 1_000_000_000
_DISTINCT = 60
_STAGE_FRAMES = 30

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Spent:
    """Wall and CPU time per frame, seconds."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Round:
    """A window labelled between two runs of the bare engine."""

    before: Spent
    labelling: Spent
    after: Spent

    @property
    def bare(self) -> Spent:
        """Mean of the two."""
        wall, cpu = self.before.wall + self.after.wall, self.before.cpu + self.after.cpu
        return Spent(wall / 2, cpu / 2)

    @property
    def ratio(self) -> float:
        """Labelling's rate over the engine's."""
        return self.bare.wall / self.labelling.wall

    @property
    def extra_cpu(self) -> float:
        """What labelling takes beyond the engine, seconds per frame."""
        return self.labelling.cpu - self.bare.cpu


def write_drive(path: Path, windows: int, per_window: int) -> None:
    """A rendered drive, there and back, as JPEG in CompressedImage."""
    drive = StreetDrive(0, _SIZE)
    frames = [drive.frame(index)[0] for index in range(_DISTINCT)]
    loop = [*range(_DISTINCT), *range(_DISTINCT - 2, 0, -1)]
    step = WINDOW_NS // per_window
    with SegmentWriter(path, [new_topic(_CAMERA, COMPRESSED_IMAGE_TYPE)], {}) as writer:
        for index in range(windows * per_window):
            stamp = _START_NS + index * step
            frame = frames[loop[index % len(loop)]]
            cdr = frame_message(frame, raw=False, stamp_ns=stamp, frame_id="camera")
            writer.write(RecordedMessage(_CAMERA, stamp, cdr))


def pictures_of(bag: Path) -> list[Picture]:
    """The first frames of a recording, decoded."""
    with Recording(str(bag)) as recording:
        items = islice(recording.messages([_CAMERA]), _DISTINCT)
        messages = [item for item in items if isinstance(item, RecordedMessage)]
    decoded = [decode(message, COMPRESSED_IMAGE_TYPE)[0] for message in messages]
    return [item for item in decoded if isinstance(item, Picture)]


def rounds(bag: Path, target: Path, model: str, outputs: Sequence[str]) -> list[Round]:
    """Label a recording window by window, with the bare engine in between."""
    images = [picture.image for picture in pictures_of(bag)]
    choice, options = ModelChoice(model), LabelOptions(outputs=tuple(outputs))
    run = open_run(str(bag), str(target), choice, options, resume=False)
    job = LabelJob(choice, options, {run.bag: run.destination})
    done = []
    with run.output, closing(job.start()) as worker, Segmenter(find_model(model)) as segmenter:
        before = _bare(segmenter, images)
        for task in run.tasks:
            labelling = _timed(partial(_label, run, worker, task))
            after = _bare(segmenter, images)
            done.append(Round(before, labelling, after))
            before = after
    return done[1:]  # the first one warms up


def _bare(segmenter: Segmenter, images: Sequence[Pixels]) -> Spent:
    return _timed(lambda: sum(1 for _ in segmenter.segment_all(images)))


def _label(run: LabelRun, worker: LabelWorker, task: Task) -> int:
    outcome = worker.work(task, lambda _: None)
    run.output.commit(outcome.value, outcome.frames, outcome.faults)
    return outcome.frames


def _timed(work: Callable[[], int]) -> Spent:
    """Of something that returns its number of frames, per frame."""
    wall, cpu = time.perf_counter(), time.process_time()
    frames = work()
    return Spent((time.perf_counter() - wall) / frames, (time.process_time() - cpu) / frames)


def stage_cpu_ms(bag: Path, folder: Path, model: str) -> dict[str, float]:
    """CPU time per frame of every stage alone, milliseconds."""
    cv2.setNumThreads(1)
    pictures = pictures_of(bag)[:_STAGE_FRAMES]
    with Segmenter(find_model(model)) as segmenter:
        size = segmenter.model.size
        segmentations = list(segmenter.segment_all([p.image for p in pictures]))
        stages: dict[str, tuple[Callable[[Any], Any], Sequence[Any]]] = {
            "decode": (lambda picture: decode(picture.message, COMPRESSED_IMAGE_TYPE), pictures),
            "resize": (lambda picture: resize_image(picture.image, size), pictures),
        }
        steps = [Step(None, Labelled(*pair)) for pair in zip(pictures, segmentations, strict=True)]
        for outputs in (("label",), ("confidence",), ("overlay",)):
            stages[outputs[0]] = (_encoder(outputs).encode, steps)
        costs = {name: _cpu_ms(stage, items) for name, (stage, items) in stages.items()}
    messages = [message for step in steps for message in _encoder(DEFAULT_OUTPUTS).encode(step)]
    return costs | {"write": _writing_ms(folder, messages, len(steps))}


def _encoder(outputs: Sequence[str]) -> LabelEncoder:
    style = Style(network_size=False, alpha=0.5, legend=None)
    return LabelEncoder({_CAMERA: ""}, outputs, style, keep_original=False)


def _cpu_ms(stage: Callable[[Any], Any], items: Sequence[Any]) -> float:
    stage(items[0])
    started = time.thread_time()
    for item in items:
        stage(item)
    return 1e3 * (time.thread_time() - started) / len(items)


def _writing_ms(folder: Path, messages: Sequence[RecordedMessage], frames: int) -> float:
    started = time.thread_time()
    with SegmentWriter(folder / "stage.mcap", output_topics([""], DEFAULT_OUTPUTS), {}) as writer:
        for message in messages:
            writer.write(message)
    return 1e3 * (time.thread_time() - started) / frames


def rate_table(results: dict[str, list[Round]]) -> Table:
    """A row per set of outputs; medians."""
    table = Table(
        "outputs",
        "engine, frames/s",
        "label-bag, frames/s",
        "ratio",
        "ratio of the fastest",
        "CPU ms: engine",
        "the rest",
    )
    for name, done in results.items():
        table.add_row(
            name,
            f"{1 / statistics.median(r.bare.wall for r in done):.1f}",
            f"{1 / statistics.median(r.labelling.wall for r in done):.1f}",
            f"{statistics.median(r.ratio for r in done):.3f}",
            f"{_best_ratio(done):.3f}",
            f"{1e3 * statistics.median(r.bare.cpu for r in done):.1f}",
            f"{1e3 * statistics.median(r.extra_cpu for r in done):.1f}",
        )
    return table


def _best_ratio(done: Sequence[Round]) -> float:
    """Of the fastest runs of each, which nothing else on the machine has slowed down."""
    fastest = min(each.wall for r in done for each in (r.before, r.after))
    return fastest / min(r.labelling.wall for r in done)


def stage_table(stages: dict[str, float]) -> Table:
    """What each stage takes alone, in one thread; the engine's rate includes resizing."""
    table = Table("stage alone", "CPU ms per frame")
    for name, cost in stages.items():
        table.add_row(name, f"{cost:.2f}")
    return table


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", action="append", help="default: each shipped one")
    parser.add_argument("--rounds", type=int, default=6, help="windows, beside one to warm up")
    parser.add_argument("--frames", type=int, default=100, help="in a window of 10 s")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    keep_freed_pictures()  # as the verb does
    share_one_heap()
    options, console = _options(), Console()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_drive(folder / "drive.mcap", 1 + options.rounds, options.frames)
        for model in options.model or shipped_models():
            results = {
                outputs: rounds(folder / "drive.mcap", folder / f"{model}-{outputs}", model, wanted)
                for outputs, wanted in _OUTPUT_SETS.items()
            }
            console.print(f"{model}; the goal is a ratio of {TARGET}", rate_table(results))
            console.print(stage_table(stage_cpu_ms(folder / "drive.mcap", folder, model)))


if __name__ == "__main__":
    main()
