"""Work on recordings by the workers of a Ray cluster."""

from collections.abc import Generator, Iterable
from typing import TypeVar

from segnet_ros.bags.work import Advance, Job, Outcome, Task

Value = TypeVar("Value")


def work_on_ray(
    job: Job[Value],
    tasks: Iterable[Task],
    advance: Advance,
    address: str | None,
    workers: int | None,
) -> Generator[Outcome[Value], None, None]:
    """Share tasks among Ray actors; the outcomes come in the tasks' order, as from `work_here`."""
    raise NotImplementedError
