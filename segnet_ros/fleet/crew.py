# SPDX-License-Identifier: Apache-2.0
"""The workers of a job in a cluster; those that die are replaced."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError

from segnet_ros.fleet.agenda import ATTEMPTS, Agenda
from segnet_ros.fleet.errors import FleetError
from segnet_ros.fleet.remote_worker import RemoteWorker

if TYPE_CHECKING:
    from segnet_ros.bags.work import Advance, Job, Outcome
    from segnet_ros.fleet.shares import Share

Value = TypeVar("Value")

_STARTING = -1
_NOT_INSTALLED = "failed to import on the worker"
_PLACEMENT_SECONDS = 600.0
_CLOSE_SECONDS = 10.0


@dataclass
class _Member:
    """A worker.

    Attributes:
        actor: Its handle.
        bag: What it has open; empty for nothing.
        number: Of the task under way.

    """

    actor: Any
    bag: str = ""
    number: int = _STARTING


class Crew(Generic[Value]):
    """Workers that start at once, and each do one task at a time.

    Args:
        job: What is to be done.
        agenda: The tasks.
        share: What a worker gets.
        size: How many workers are wanted.

    Raises:
        FleetError: the cluster has no place for any.

    """

    def __init__(self, job: Job[Value], agenda: Agenda[Value], share: Share, size: int) -> None:
        self._job = job
        self._agenda = agenda
        self._actors = ray.remote(RemoteWorker).options(
            num_cpus=share.cpus, num_gpus=share.gpus, scheduling_strategy="SPREAD"
        )
        self._threads = share.threads
        self._calls: dict[Any, _Member] = {}
        self._idle: list[_Member] = []
        self._failed_starts = 0
        for _ in range(size):
            self._hire()
        self._await_place(share)

    def hand_out(self) -> None:
        """Give idle workers something to do."""
        idle, self._idle = self._idle, []
        for member in idle:
            others = (other for other in [*self._calls.values(), *idle] if other is not member)
            taken = self._agenda.take(member.bag, {other.bag for other in others})
            if taken is None:
                self._idle.append(member)
            else:
                member.number, member.bag = taken[0], taken[1].bag
                self._calls[member.actor.work.remote(taken[1])] = member

    def wait(self, advance: Advance) -> None:
        """Wait until a worker is ready, done or dead, and tell the agenda.

        Raises:
            FleetError: one after the other dies while it starts.
            Exception: what the job raises on starting.

        """
        (call,), _ = ray.wait(list(self._calls), num_returns=1)
        member = self._calls.pop(call)
        try:
            answer = ray.get(call)
        except RayTaskError as error:
            self._fail(member, _cause(error))
        except RayError as error:
            self._replace(member, error)
        else:
            self._take(member, answer, advance)

    def close(self) -> None:
        """Let idle workers tidy up, and end all."""
        closing = [member.actor.close.remote() for member in self._idle]
        if closing:
            ray.wait(closing, num_returns=len(closing), timeout=_CLOSE_SECONDS)
        for member in [*self._idle, *self._calls.values()]:
            ray.kill(member.actor)

    def _hire(self) -> None:
        actor: Any = self._actors.remote(Path.cwd(), self._threads)
        self._calls[actor.start.remote(self._job)] = _Member(actor)

    def _await_place(self, share: Share) -> None:
        placed = [member.actor.__ray_ready__.remote() for member in self._calls.values()]
        if placed and not ray.wait(placed, timeout=_PLACEMENT_SECONDS)[0]:
            self.close()
            msg = (
                f"the Ray cluster has had no place for a worker in {_PLACEMENT_SECONDS:.0f} s; "
                f"each needs {share.in_words}: `ray status` says what others hold"
            )
            raise FleetError(msg)

    def _take(self, member: _Member, answer: Outcome[Value] | None, advance: Advance) -> None:
        self._idle.append(member)
        if answer is None:
            self._failed_starts = 0
        else:
            self._agenda.done(member.number, answer)
            advance(answer.frames)

    def _fail(self, member: _Member, error: Exception) -> None:
        self._idle.append(member)
        if member.number == _STARTING:
            raise error from error.__cause__  # without Ray's words on one of ours
        self._agenda.failed(member.number, error)

    def _replace(self, member: _Member, error: RayError) -> None:
        ray.kill(member.actor)  # it may live on where the network does not reach
        if member.number != _STARTING:
            self._agenda.died(member.number)
        elif _NOT_INSTALLED in str(error):
            raise _unfit(error) from error
        else:
            self._count_failed_start()
        self._hire()

    def _count_failed_start(self) -> None:
        self._failed_starts += 1
        if self._failed_starts == ATTEMPTS:
            msg = (
                f"{ATTEMPTS} workers died one after the other while they loaded the model; most "
                "often memory runs out: take fewer --workers, or try without --ray what it is"
            )
            raise FleetError(msg)


def _cause(error: RayTaskError) -> Exception:
    """What a worker raised; with the worker's traceback if it is a defect."""
    cause: Exception = error.cause
    if isinstance(cause, RayError):  # the job could not even be unpickled
        return _unfit(cause)
    if not type(cause).__module__.startswith("segnet_ros."):
        cause.__cause__ = error
    return cause


def _unfit(error: RayError) -> FleetError:
    reason = str(error).strip().splitlines()[-1]
    return FleetError(
        f"a machine of the Ray cluster cannot run this job ({reason}); install segnet_ros there, "
        "in the same version and with the same extras as here"
    )
