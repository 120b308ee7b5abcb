"""The verb `segnet evaluate`."""

import argparse
import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from segnet_ros.datasets.frames import of_sequences
from segnet_ros.datasets.layouts import find_frames
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
    frames = find_frames(options.data, options.split)
    if options.sequence:
        frames = of_sequences(frames, options.sequence)
    with Segmenter(find_model(options.model), options.runtime) as segmenter:
        result = evaluate(segmenter, frames)
    if options.json:
        options.json.write_text(json.dumps(result.as_dict(), indent=2) + "\n", encoding="utf-8")
    _print(result)
    return 0


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
