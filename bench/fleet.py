# SPDX-License-Identifier: Apache-2.0
"""How fast `segnet label-bag` is in one process and on Ray workers, and what a killed one costs.

    segnet pack-bag IMAGES -o BAG --rate 3     # 30 frames in each window of 10 s
    python bench/fleet.py BAG

Each case runs over half of the recording's windows and over all of them: the difference gives the
rate, and what is left of the time is the start. The kill is a SIGKILL in the middle of a window.
All cases take turns, and the quickest run of each counts: what others do only adds. The labels'
bytes must be the same everywhere.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from segnet_ros.bags.labels.label_job import Destination, LabelJob, LabelWorker
from segnet_ros.bags.labels.label_plan import LabelOptions
from segnet_ros.bags.labels.label_segment import Segment
from segnet_ros.bags.model_choice import ModelChoice
from segnet_ros.bags.recording import Recording
from segnet_ros.bags.windows import cut
from segnet_ros.bags.work import Advance, Job, Outcome, Task, work_here
from segnet_ros.fleet.ray_work import work_on_ray

Outcomes = Generator[Outcome[Segment], None, None]
Work = Callable[[Job[Segment], Sequence[Task], Advance], Outcomes]


@dataclass(frozen=True)
class Killed:
    """Labels as `job`; the first worker that is ten frames into `window` is killed."""

    job: LabelJob
    window: int
    mark: Path

    def start(self) -> KilledWorker:
        """See `Job.start`."""
        return KilledWorker(self, self.job.start())


class KilledWorker:
    """See `Killed`."""

    def __init__(self, killed: Killed, worker: LabelWorker) -> None:
        self._killed = killed
        self._worker = worker
        self.close = worker.close

    def work(self, task: Task, advance: Advance) -> Outcome[Segment]:
        """See `Worker.work`."""
        frames = 0

        def count(done: int) -> None:
            nonlocal frames
            frames += done
            here = task.window.index == self._killed.window
            if here and frames == 10 and not self._killed.mark.exists():
                self._killed.mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            advance(done)

        return self._worker.work(task, count)


@dataclass(frozen=True)
class Case:
    """A way to do the work.

    Attributes:
        name: In the table.
        work: Does it.
        kill: Whether a worker is killed on the way.

    """

    name: str
    work: Work
    kill: bool = False


@dataclass(frozen=True)
class Run:
    """What was measured: seconds, frames, and the SHA-256 of each file."""

    seconds: float
    frames: int
    digests: Sequence[str]


def on_ray(workers: int, job: Job[Segment], tasks: Sequence[Task], advance: Advance) -> Outcomes:
    """Do the work on a Ray of this machine, which is started for it."""
    return work_on_ray(job, tasks, advance, None, workers)


def measure(case: Case, choice: ModelChoice, tasks: Sequence[Task]) -> Run:
    """Do the work once, in a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        destination = Destination("labelled", folder)
        label = LabelJob(choice, LabelOptions(), {tasks[0].bag: destination})
        killed = Killed(label, tasks[len(tasks) // 2].window.index, Path(folder) / "killed")
        started = time.perf_counter()
        with closing(case.work(killed if case.kill else label, tasks, ignore)) as results:
            outcomes = list(results)
        seconds = time.perf_counter() - started
        assert killed.mark.exists() == case.kill
    digests = [outcome.value.sha256 for outcome in outcomes if outcome.value]
    return Run(seconds, sum(outcome.frames for outcome in outcomes), digests)


def ignore(frames: int) -> None:
    """Nobody watches."""


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bag")
    parser.add_argument("--model", default="segnet_light_camvid")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    with Recording(options.bag) as recording:
        tasks = [Task(options.bag, each) for each in cut(recording.start_ns, recording.stop_ns)]
    cases = [Case("one process", work_here)]
    cases += [Case(f"Ray, {count} workers", partial(on_ray, count)) for count in (1, 2)]
    cases.append(Case("Ray, 2 workers, one killed", partial(on_ray, 2), kill=True))
    choice = ModelChoice(options.model)
    runs: dict[tuple[str, int], list[Run]] = {}
    for _ in range(options.repeat):
        for case in cases:
            for part in (tasks[: len(tasks) // 2], tasks):
                runs.setdefault((case.name, len(part)), []).append(measure(case, choice, part))
    wholes = [
        run.digests for (_, count), each in runs.items() if count == len(tasks) for run in each
    ]
    assert all(digests == wholes[0] for digests in wholes), "the labels differ"
    Console().print(table(cases, runs, len(tasks)))


def table(cases: Sequence[Case], runs: dict[tuple[str, int], list[Run]], windows: int) -> Table:
    """Rate, start and whole time of each case."""
    shown = Table("case", "frames/s", "start s", "all s", title=f"{windows} windows")
    for case in cases:
        half, whole = runs[case.name, windows // 2], runs[case.name, windows]
        short, long = (min(run.seconds for run in each) for each in (half, whole))
        rate = (whole[0].frames - half[0].frames) / (long - short)
        start = long - whole[0].frames / rate
        figures = ["", ""] if case.kill else [f"{rate:.1f}", f"{start:.1f}"]
        shown.add_row(case.name, *figures, f"{long:.1f}")
    return shown


if __name__ == "__main__":
    main()
