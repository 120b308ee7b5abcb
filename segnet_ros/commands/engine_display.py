# SPDX-License-Identifier: Apache-2.0
"""An engine's build on the terminal: why, what is being done, for how long."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from segnet_ros.inference.engine.progress import BuildProgress, ProgressListener


@contextmanager
def build_display() -> Iterator[ProgressListener]:
    """A line that changes on a terminal; elsewhere a line for each new phase."""
    console = Console()
    if console.is_terminal:
        with _live(console) as show:
            yield _announcing(show)
    else:
        yield _announcing(_lines())


def _announcing(show: ProgressListener) -> ProgressListener:
    """Say first what is built and why."""
    announced: list[str] = []

    def listen(progress: BuildProgress) -> None:
        what = f"building {progress.model} {progress.precision}: {progress.reason}"
        if what not in announced:
            announced.append(what)
            print(what, flush=True)
        show(progress)

    return listen


@contextmanager
def _live(console: Console) -> Iterator[ProgressListener]:
    # TensorRT's phases may hold brackets, which are no markup.
    columns = (
        SpinnerColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as line:
        task = line.add_task("start")
        yield lambda progress: line.update(task, description=_in_words(progress))


def _lines() -> ProgressListener:
    seen: set[str] = set()

    def show(progress: BuildProgress) -> None:
        if progress.phase not in seen:
            seen.add(progress.phase)
            print(f"{progress.elapsed:6.1f} s  {progress.phase}", flush=True)

    return show


def _in_words(progress: BuildProgress) -> str:
    if progress.fraction is None:
        return progress.phase
    return f"{progress.phase} {progress.fraction:.0%}"
