# SPDX-License-Identifier: Apache-2.0
"""Problems of successive frames, joined to events with a begin and an end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from segnet_ros.evaluation.drive_report import Event

if TYPE_CHECKING:
    from segnet_ros.health.health_report import HealthReport, Problem


class EventLog:
    """Joins problems of successive looks to events.

    Attributes:
        found: So far.

    """

    def __init__(self) -> None:
        self.found: list[Event] = []
        self._going_on: dict[str, int] = {}

    def note(self, report: HealthReport, time: float, time_ns: int) -> None:
        """Take the report on a frame into account.

        Args:
            report: What is wrong with it.
            time: Of the frame, seconds since the start of the recording.
            time_ns: When it was recorded, nanoseconds since 1970.

        """
        self._going_on = {
            problem.kind: self._write(problem, time, time_ns) for problem in report.problems
        }

    def interrupt(self) -> None:
        """Whatever is found next has just begun."""
        self._going_on = {}

    def _write(self, problem: Problem, time: float, time_ns: int) -> int:
        """Place of the event in `found`, which is new or goes on."""
        place = self._going_on.get(problem.kind)
        if place is None:
            self.found.append(_event(problem, time, time_ns))
            return len(self.found) - 1
        event = self.found[place]
        if problem.is_worse_than(event.value):
            event = replace(_event(problem, time, time_ns), begin=event.begin)
        self.found[place] = replace(event, end=time)
        return place


def _event(problem: Problem, time: float, time_ns: int) -> Event:
    return Event(
        kind=problem.kind,
        begin=problem.since,
        end=time,
        value=problem.value,
        worst_ns=time_ns,
        text=problem.text,
    )
