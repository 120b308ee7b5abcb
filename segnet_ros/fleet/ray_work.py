# SPDX-License-Identifier: Apache-2.0
"""Work on recordings by the workers of a Ray cluster."""

from collections.abc import Generator, Iterable
from contextlib import closing
from typing import TypeVar

from segnet_ros.bags.work import Advance, Job, Outcome, Task
from segnet_ros.fleet.agenda import Agenda
from segnet_ros.fleet.cluster import joined, machines
from segnet_ros.fleet.crew import Crew
from segnet_ros.fleet.shares import divide

Value = TypeVar("Value")

_AHEAD_PER_WORKER = 16


def work_on_ray(
    job: Job[Value],
    tasks: Iterable[Task],
    advance: Advance,
    address: str | None,
    workers: int | None,
) -> Generator[Outcome[Value], None, None]:
    """Share tasks among Ray actors; the outcomes come in the tasks' order, as from `work_here`.

    A task whose worker dies is done again by another. Closing the generator, or an exception such
    as KeyboardInterrupt in it, ends the workers.

    Args:
        job: What to do; its worker is started once in each actor.
        tasks: Taken from their source as they are needed.
        advance: Called when a task is done.
        address: See `joined`.
        workers: How many; None for one per GPU of the cluster, or else one per CPU core.

    Raises:
        FleetError: the cluster cannot be used, or workers die again and again over one task.
        Exception: what the job raises in a worker, after the outcomes of the tasks before.

    """
    with joined(address):
        share = divide(machines(), workers)
        agenda: Agenda[Value] = Agenda(tasks, _AHEAD_PER_WORKER * share.workers)
        size = min(share.workers, agenda.waiting)
        with closing(Crew(job, agenda, share, size)) as crew:
            while not agenda.finished:
                crew.wait(advance)
                due = agenda.due()
                crew.hand_out()  # before the caller takes its time
                for result in due:
                    if isinstance(result, Exception):
                        raise result
                    yield result
