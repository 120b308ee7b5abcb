# SPDX-License-Identifier: Apache-2.0
"""Options and output that the verbs on recordings share."""

import argparse
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Task as Bar
from rich.text import Text

from segnet_ros.bags.image_topics import choose_image_topics
from segnet_ros.bags.recorded import Fault
from segnet_ros.bags.recording import Recording
from segnet_ros.bags.windows import cut
from segnet_ros.bags.work import Advance, Job, Outcome, Task, work_here
from segnet_ros.commands.arguments import count
from segnet_ros.inference.memory import keep_freed_pictures, share_one_heap

EXIT_FAULTS = 3
"""Exit code of a job that is done, but for parts of a recording that could not be read."""

EXIT_THRESHOLD = 4
"""Exit code of a comparison that misses its threshold."""

_SHOWN_FAULTS = 20

Value = TypeVar("Value")


def add_topics(parser: argparse.ArgumentParser) -> None:
    """Declare which image topics are worked on."""
    parser.add_argument(
        "--topic", action="append", default=[], help="image topic to work on; repeat for several"
    )
    parser.add_argument("--all-images", action="store_true", help="work on every image topic")


def add_fleet(parser: argparse.ArgumentParser) -> None:
    """Declare who does the work."""
    parser.add_argument("--ray", action="store_true", help="share the work among Ray workers")
    parser.add_argument(
        "--ray-address", help="of a running Ray cluster, such as auto; default starts one here"
    )
    parser.add_argument(
        "--workers",
        type=count,
        help="Ray workers, of a Ray here unless another is named; default one per GPU or CPU",
    )


def survey(
    bags: Sequence[str], topics: Sequence[str], all_images: bool
) -> tuple[list[Task], int | None, list[Fault]]:
    """Look into recordings before any model is loaded.

    Returns:
        The windows of all of them in order, how many frames the chosen topics have (None if a
        recording does not tell), and what was found wrong on opening.

    Raises:
        BagError: a recording cannot be opened, or its image topics are not clear.

    """
    tasks: list[Task] = []
    frames: int | None = 0
    faults: list[Fault] = []
    for bag in bags:
        with Recording(bag) as recording:
            chosen = choose_image_topics(recording.topics, topics, all_images, bag)
            counts = [recording.topics[name].count for name in chosen]
            frames = _sum([frames, *counts])
            tasks += [Task(bag, window) for window in cut(recording.start_ns, recording.stop_ns)]
            faults += recording.faults
    return tasks, frames, faults


def _sum(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def outcomes(
    job: Job[Value], tasks: Iterable[Task], frames: int | None, options: argparse.Namespace
) -> Generator[Outcome[Value], None, None]:
    """Do the work as `add_fleet`'s options say, with its progress on the terminal.

    Args:
        job: What to do.
        tasks: In the order in which their outcomes are wanted.
        frames: How many there will be; None if unknown.
        options: From the command line.

    """
    with _progress() as progress:
        bar = progress.add_task("", total=frames)

        def advance(done: int) -> None:
            progress.advance(bar, done)

        with closing(_work(job, tasks, advance, options)) as results:
            yield from results


def _work(
    job: Job[Value], tasks: Iterable[Task], advance: Advance, options: argparse.Namespace
) -> Generator[Outcome[Value], None, None]:
    if not (options.ray or options.ray_address or options.workers):
        keep_freed_pictures()
        share_one_heap()
        return work_here(job, tasks, advance)
    from segnet_ros.fleet.ray_work import work_on_ray

    return work_on_ray(job, tasks, advance, options.ray_address, options.workers)


class _Rate(ProgressColumn):
    def render(self, task: Bar) -> Text:
        return Text(f"{task.finished_speed or task.speed or 0:.1f} frames/s")


def _progress() -> Progress:
    return Progress(
        TextColumn("frames"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def tell_faults(faults: Sequence[Fault]) -> int:
    """Say what could not be read.

    Returns:
        The exit code: 0 if nothing was wrong, `EXIT_FAULTS` otherwise.

    """
    if not faults:
        return 0
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    for fault in faults[:_SHOWN_FAULTS]:
        console.print(_in_words(fault), markup=False)
    if len(faults) > _SHOWN_FAULTS:
        console.print(f"and {len(faults) - _SHOWN_FAULTS} more")
    lost = sum(fault.lost for fault in faults)
    console.print(
        f"{len(faults)} faults in the recording, {lost or 'an unknown number of'} messages lost"
    )
    return EXIT_FAULTS


def _in_words(fault: Fault) -> str:
    time = "" if fault.time_ns is None else f" at {fault.time_ns / 1e9:.3f}"
    return f"skipped: {fault.topic or 'the recording'}{time}: {fault.reason}"
