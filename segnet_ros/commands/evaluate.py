"""The verb `segnet evaluate`."""

import argparse
import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from segnet_ros.evaluation.camvid import DatasetError, LabelledFrame, find_frames
from segnet_ros.evaluation.evaluate import Evaluation, evaluate
from segnet_ros.inference.segmenter import Segmenter
from segnet_ros.inference.shipped import find_model


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--model", default="segnet_light_camvid", help="folder, or shipped name")
    parser.add_argument("--data", type=Path, required=True, help="folder with SPLIT/, SPLITannot/")
    parser.add_argument("--split", default="val")
    parser.add_argument("--runtime", default="auto")
    parser.add_argument(
        "--sequence", action="append", default=[], help="score only this one; repeatable"
    )
    parser.add_argument("--json", type=Path, help="write the scores, fractions 0..1")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    frames = _of_sequences(find_frames(options.data, options.split), options.sequence)
    with Segmenter(find_model(options.model), options.runtime) as segmenter:
        result = evaluate(segmenter, frames)
    if options.json:
        options.json.write_text(json.dumps(result.as_dict(), indent=2) + "\n", encoding="utf-8")
    _print(result)
    return 0


def _of_sequences(frames: list[LabelledFrame], wanted: list[str]) -> list[LabelledFrame]:
    present = {frame.sequence for frame in frames}
    unknown = sorted(set(wanted) - present)
    if unknown:
        raise DatasetError(
            f"no sequence {', '.join(unknown)}; there are {', '.join(sorted(present))}"
        )
    return [frame for frame in frames if not wanted or frame.sequence in wanted]


def _print(result: Evaluation) -> None:
    table = Table("class", "IoU %", "accuracy %")
    for name, row in result.per_class.items():
        table.add_row(name, *(f"{100 * row[key]:.1f}" for key in ("iou", "accuracy")))
    Console().print(table)
    print(
        f"mIoU {100 * result.miou:.1f}, class accuracy {100 * result.class_accuracy:.1f}, global "
        f"accuracy {100 * result.global_accuracy:.1f}, frequency-weighted IoU "
        f"{100 * result.fwiou:.1f}; {result.frames} frames, {result.ms_per_frame:.1f} ms each"
    )
