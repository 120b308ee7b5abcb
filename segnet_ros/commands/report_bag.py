# SPDX-License-Identifier: Apache-2.0
"""The verb `segnet report-bag`."""

import argparse
import json
import math
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table

from segnet_ros.bags.drive.drive import DriveReduction, report_on
from segnet_ros.bags.drive.drive_job import DriveJob
from segnet_ros.bags.drive.drive_moments import MomentsJob, tasks_of
from segnet_ros.bags.errors import BagError
from segnet_ros.bags.model_choice import ModelChoice
from segnet_ros.bags.places import base_name, find_bags
from segnet_ros.bags.recorded import Fault
from segnet_ros.commands.arguments import add_runtime, fraction
from segnet_ros.commands.assess import require_report
from segnet_ros.commands.bag_arguments import add_fleet, add_topics, outcomes, survey, tell_faults
from segnet_ros.evaluation.drive_pictures import moments_of
from segnet_ros.evaluation.drive_report import DriveReport
from segnet_ros.inference.files import replacing
from segnet_ros.inference.shipped import find_model

if TYPE_CHECKING:
    from segnet_ros.bags.work import Task


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "bag", nargs="+", help="recordings: rosbag2 folders, files or URLs, or folders of them"
    )
    add_topics(parser)
    parser.add_argument("--model", default="segnet_light_camvid", help="folder, or shipped name")
    add_runtime(parser)
    parser.add_argument(
        "--taxonomy",
        default="",
        help="file, or shipped name: published classes, and where the robot may drive",
    )
    parser.add_argument(
        "--threshold",
        type=fraction,
        default=-1.0,
        help="labels less certain than this, 0..1, become unlabelled; default the taxonomy's",
    )
    parser.add_argument("--html", type=Path, help="write one page with pictures and diagrams")
    parser.add_argument("--json", type=Path, help="write everything that was found")
    add_fleet(parser)
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    if options.html:
        require_report()
    choice = ModelChoice(
        options.model, options.runtime, options.precision, options.taxonomy, options.threshold
    )
    find_model(choice.model)  # a wrong name shall not surface after minutes of reading
    bags = list(dict.fromkeys(bag for given in options.bag for bag in find_bags(given)))
    report, faults = _look(bags, choice, options)
    _print(report)
    if options.json:
        _write_json(options.json, report)
    if options.html:
        _write_page(report, choice, options)
    return tell_faults(faults)


def _look(
    bags: Sequence[str], choice: ModelChoice, options: argparse.Namespace
) -> tuple[DriveReport, list[Fault]]:
    tasks: list[Task] = []
    frames: int | None = 0
    recordings: list[DriveReduction] = []
    for bag in bags:
        windows, count, faults = survey([bag], options.topic, options.all_images)
        if not windows:
            msg = f"{bag} holds no messages; expected a recorded drive"
            raise BagError(msg)
        start_ns, stop_ns = windows[0].window.start_ns, windows[-1].window.stop_ns
        recordings.append(DriveReduction(bag, start_ns, stop_ns, faults))
        frames = None if frames is None or count is None else frames + count
        tasks += windows
    job = DriveJob(choice, tuple(options.topic), options.all_images)
    with closing(outcomes(job, tasks, frames, options)) as results:
        report = report_on(recordings, results)
    return report, [fault for recording in recordings for fault in recording.faults]


def _print(report: DriveReport) -> None:
    table = Table(Column("drive", overflow="fold"))
    for name in ("frames", "Hz", "missing", "confidence", "flicker, %", "events"):
        table.add_column(name, justify="right", no_wrap=True)
    for drive in report.drives:
        for camera in drive.cameras:
            table.add_row(
                f"{base_name(drive.bag)} {camera.name}",
                str(camera.frames),
                _number(camera.times.rate, 1),
                str(camera.times.missing),
                _number(camera.confidence, 3),
                _number(100 * camera.flicker.rate, 2),
                str(len(camera.events)),
            )
    Console().print(table)
    for drive in report.drives:
        for camera in drive.cameras:
            for event in camera.events:
                where = f"{drive.bag} {camera.topic} {event.begin:.1f} to {event.end:.1f} s"
                print(f"{where}: {event.text}")


def _number(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def _write_json(path: Path, report: DriveReport) -> None:
    with replacing(path) as partial:
        text = json.dumps(report.as_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        partial.write_text(text + "\n", encoding="utf-8")
    print(f"everything that was found is in {path}")


def _write_page(report: DriveReport, choice: ModelChoice, options: argparse.Namespace) -> None:
    from segnet_ros.evaluation.drive_page import write_drive_page

    moments = moments_of(report)
    job = MomentsJob(choice, tuple(moments))
    with closing(outcomes(job, tasks_of(moments), len(moments), options)) as results:
        drawn = [outcome.value for outcome in results]
    pictures = {moment: shown for moment, shown in zip(moments, drawn, strict=True) if shown}
    write_drive_page(options.html, report, pictures)
    print(f"the page is {options.html}")
