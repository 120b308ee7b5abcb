# SPDX-License-Identifier: Apache-2.0
"""Work on recordings, window by window: here, or by the workers of a fleet with equal results."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from segnet_ros.bags.recorded import Fault
    from segnet_ros.bags.windows import Window

Value = TypeVar("Value")

Advance = Callable[[int], None]
"""Called with the number of frames done since the last call."""


@dataclass(frozen=True)
class Task:
    """A window of a recording.

    Attributes:
        bag: Path or URL.
        window: The part to work on.

    """

    bag: str
    window: Window


@dataclass(frozen=True)
class Outcome(Generic[Value]):
    """What came of a task. Can be pickled.

    Attributes:
        task: The one given.
        frames: Camera frames worked on.
        faults: What could not be read.
        value: The job's own result; depends on the task and the job alone.

    """

    task: Task
    frames: int
    faults: tuple[Fault, ...]
    value: Value


class Worker(Protocol[Value]):
    """Works on one task at a time, with models that are loaded once."""

    def work(self, task: Task, advance: Advance) -> Outcome[Value]:
        """Do a task; the same task gives the same value whoever works on it, and how often."""
        ...

    def close(self) -> None:
        """Free the models."""
        ...


class Job(Protocol[Value]):
    """What is to be done. Can be pickled."""

    def start(self) -> Worker[Value]:
        """Load what the work needs, in the process that does it."""
        ...


def work_here(
    job: Job[Value], tasks: Iterable[Task], advance: Advance
) -> Generator[Outcome[Value], None, None]:
    """Do tasks one after the other in this process; the outcomes come in their order."""
    with closing(job.start()) as worker:
        for task in tasks:
            yield worker.work(task, advance)
