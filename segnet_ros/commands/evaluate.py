# SPDX-License-Identifier: Apache-2.0
"""The verb `segnet evaluate`."""

import argparse
import json
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from segnet_ros.commands.arguments import add_runtime, engine_options
from segnet_ros.commands.assess import assess, require_report, write_assessed
from segnet_ros.datasets.frames import of_sequences
from segnet_ros.datasets.layouts import find_frames
from segnet_ros.evaluation.evaluate import Evaluation, evaluate
from segnet_ros.evaluation.predictor import Predictor
from segnet_ros.inference.engine.options import DEFAULT_ENGINE, EngineOptions
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.files import replacing
from segnet_ros.inference.segmenter import Segmenter
from segnet_ros.inference.shipped import find_model

_WEIGHTS = ".safetensors"
_MEASURES = {
    "global_accuracy": "global", "class_accuracy": "class", "miou": "mIoU", "fwiou": "fwIoU",
    "bf": "BF",
}  # fmt: skip


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--model", default="segnet_light_camvid",
        help=f"folder, shipped name, or *{_WEIGHTS} of `segnet train` to run in PyTorch",
    )  # fmt: skip
    parser.add_argument("--data", type=Path, required=True, help="data set, or YAML")
    parser.add_argument("--split", default="val")
    add_runtime(parser)
    parser.add_argument(
        "--sequence", action="append", default=[], help="score only this one; repeatable"
    )
    parser.add_argument("--json", type=Path, help="write the scores, fractions 0..1")
    parser.add_argument("--html", type=Path, help="write one page with pictures and diagrams")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    if options.html:
        require_report()
    frames = find_frames(options.data, options.split)
    if options.sequence:
        frames = of_sequences(frames, options.sequence)
    with loaded(options.model, options.runtime, engine_options(options)) as predictor:
        result = evaluate(predictor, frames)
        # Shown before it is written: no full disk shall take the result with it.
        _print(result)
        if options.json:
            _write(result, options.json)
        if options.html:
            title = f"{result.model} on {frames[0].taxonomy.name} {options.split}"
            write_assessed(options.html, title, assess(options.model, predictor, result, frames))
    return 0


@contextmanager
def loaded(model: str, runtime: str, engine: EngineOptions = DEFAULT_ENGINE) -> Iterator[Predictor]:
    """Load whatever `--model` names, and free it in the end."""
    if model.endswith(_WEIGHTS):
        yield _trained(Path(model).expanduser(), runtime)
    else:
        with Segmenter(find_model(model), runtime, engine) as segmenter:
            yield segmenter


def _trained(weights: Path, runtime: str) -> Predictor:
    if runtime != "auto":
        msg = (
            f"runtime {runtime!r} does not run {weights}: weights run in PyTorch; leave out "
            "--runtime, or export them with `segnet export`"
        )
        raise InferenceError(msg)
    try:
        from segnet_ros.training.torch_segmenter import TorchSegmenter
    except ModuleNotFoundError as error:
        msg = (
            f"weights such as {weights} need the Python package {error.name}; "
            "run `pip install 'segnet_ros[train]'`, or give an exported model"
        )
        raise InferenceError(msg) from error
    return TorchSegmenter(weights)


def _write(result: Evaluation, path: Path) -> None:
    with replacing(path) as partial:
        text = json.dumps(result.as_dict(), indent=2, allow_nan=False)
        partial.write_text(text + "\n", encoding="utf-8")


def _print(result: Evaluation) -> None:
    console = Console()
    console.print(_class_table(result))
    console.print(_sequence_table(result))
    print(
        f"mIoU {_percent(result.miou)}, class accuracy {_percent(result.class_accuracy)}, global "
        f"accuracy {_percent(result.global_accuracy)}, frequency-weighted IoU "
        f"{_percent(result.fwiou)}, boundary F1 {_percent(result.bf)}, calibration error "
        f"{_percent(result.ece)}; {result.frames} frames, {result.ms_per_frame:.1f} ms each"
    )


def _class_table(result: Evaluation) -> Table:
    table = Table("class, %", "IoU", "accuracy", "BF")
    for name, row in result.per_class.items():
        table.add_row(name, *_percents(row[key] for key in ("iou", "accuracy", "bf")))
    return table


def _sequence_table(result: Evaluation) -> Table:
    table = Table("sequence, %", *_MEASURES.values(), "frames")
    for name, row in result.sequences.items():
        table.add_row(name, *_percents(row[key] for key in _MEASURES), f"{row['frames']:.0f}")
    table.add_section()
    overall = _percents(getattr(result, key) for key in _MEASURES)
    table.add_row("all", *overall, str(result.frames))
    for index, label in enumerate(("95 % from", "to")):
        table.add_row(label, *_percents(result.intervals[key][index] for key in _MEASURES))
    return table


def _percents(values: Iterable[float]) -> list[str]:
    return [_percent(value) for value in values]


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f}"
