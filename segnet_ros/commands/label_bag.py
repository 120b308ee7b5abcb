# SPDX-License-Identifier: Apache-2.0
"""The verb `segnet label-bag`."""

import argparse
import resource
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import islice

from segnet_ros.bags.labels.label_job import LabelJob
from segnet_ros.bags.labels.label_messages import OUTPUTS
from segnet_ros.bags.labels.label_plan import DEFAULT_OUTPUTS, LabelOptions
from segnet_ros.bags.labels.label_run import LabelRun, find_targets, open_run
from segnet_ros.bags.labels.label_segment import Segment
from segnet_ros.bags.model_choice import ModelChoice
from segnet_ros.bags.recorded import Fault
from segnet_ros.bags.work import Outcome
from segnet_ros.commands.arguments import add_runtime, fraction
from segnet_ros.commands.bag_arguments import add_fleet, add_topics, outcomes, tell_faults


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "input", nargs="+", help="recordings: rosbag2 folders, files or URLs, or folders of them"
    )
    parser.add_argument(
        "-o", "--output", required=True, help="recording to write; of several, a folder of them"
    )
    add_topics(parser)
    parser.add_argument("--model", default="segnet_light_camvid", help="folder, or shipped name")
    add_runtime(parser)
    parser.add_argument("--taxonomy", default="", help="file, or shipped name: published classes")
    parser.add_argument(
        "--threshold",
        type=fraction,
        default=-1.0,
        help="labels less certain than this, 0..1, become unlabelled; default the taxonomy's",
    )
    parser.add_argument(
        "--outputs",
        nargs="+",
        choices=OUTPUTS,
        default=(),
        help=f"what to write (default {' '.join(DEFAULT_OUTPUTS)}; of Bayesian models also "
        "uncertainty)",
    )
    parser.add_argument(
        "--label-size", choices=("camera", "network"), default="camera", help="size of the maps"
    )
    parser.add_argument("--alpha", type=fraction, default=0.5, help="share of the colours, 0..1")
    parser.add_argument("--keep-original", action="store_true", help="copy all messages as well")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    add_fleet(parser)
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    choice = ModelChoice(
        options.model, options.runtime, options.precision, options.taxonomy, options.threshold
    )
    wanted = LabelOptions(
        topics=tuple(options.topic),
        all_images=options.all_images,
        outputs=tuple(options.outputs),
        network_size=options.label_size == "network",
        alpha=options.alpha,
        keep_original=options.keep_original,
    )
    runs: list[LabelRun] = []
    _allow_many_files()
    with ExitStack() as opened:
        for bag, target in find_targets(options.input, options.output):
            run = open_run(bag, target, choice, wanted, options.resume)
            opened.callback(run.output.close)
            runs.append(run)
        _label(runs, choice, wanted, options)
    return tell_faults([fault for run in runs for fault in _faults(run)])


def _allow_many_files() -> None:
    """Each output holds a lock, and most systems grant a process only 1,024 files at first."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _label(
    runs: Sequence[LabelRun],
    choice: ModelChoice,
    wanted: LabelOptions,
    options: argparse.Namespace,
) -> None:
    left = [run for run in runs if not run.output.complete]
    job = LabelJob(choice, wanted, {run.bag: run.destination for run in left})
    tasks = [task for run in left for task in run.tasks]
    with closing(outcomes(job, tasks, _frames_left(left), options)) as results:
        for run in runs:
            _complete(run, results)


def _complete(run: LabelRun, results: Iterator[Outcome[Segment]]) -> None:
    """Commit a recording's outcomes as they come."""
    output, location = run.output, run.destination.location
    if output.complete:
        print(f"{location} is complete already")
        return
    try:
        with output:
            for outcome in islice(results, len(run.tasks)):
                output.commit(outcome.value, outcome.frames, outcome.faults)
            output.finish()
    except KeyboardInterrupt:
        print(f"segnet label-bag: interrupted. {output.kept}", file=sys.stderr)
        raise
    print(f"{output.frames} frames labelled in {location}")


def _frames_left(runs: Sequence[LabelRun]) -> int | None:
    counts = [run.frames - run.output.frames for run in runs if run.frames is not None]
    return sum(counts) if len(counts) == len(runs) else None


def _faults(run: LabelRun) -> list[Fault]:
    return [] if run.output.complete else [*run.faults, *run.output.faults]
