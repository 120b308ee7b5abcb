"""When a recorded camera was frozen, black, overexposed or blurred, by the node's own rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from segnet_ros.evaluation.comparison import Event
from segnet_ros.health.health_report import Problem
from segnet_ros.health.image_judge import ImageJudge
from segnet_ros.health.image_look import ImageLook

_SECOND_NS = 1_000_000_000


class CameraEvents:
    """Judges one camera's looks, window after window.

    As in the node, what was usual is forgotten when stamps go back.

    Args:
        start_ns: Where the recording begins, nanoseconds since 1970; times of looks are since then.

    Attributes:
        found: So far, by their begin.
    """

    def __init__(self, start_ns: int) -> None:
        self.found: list[Event] = []
        self._start_ns = start_ns
        self._newest_ns = 0
        self._forget()

    def judge(self, looks: Iterable[tuple[int, ImageLook]]) -> None:
        """Go on with further looks; those that come too soon after another are passed over.

        Args:
            looks: At every frame, with the stamp of its header, nanoseconds.
        """
        for stamp_ns, look in looks:
            if stamp_ns:  # none says nothing
                if stamp_ns < self._newest_ns:
                    self._forget()
                self._newest_ns = stamp_ns
            if self._judge.pace.is_due(look.time):
                self._judge.judge(look)
                self._note(self._ns(look.time))

    def _forget(self) -> None:
        self._judge = ImageJudge()
        self._going_on: dict[str, int] = {}

    def _ns(self, time: float) -> int:
        return self._start_ns + round(time * _SECOND_NS)

    def _note(self, time_ns: int) -> None:
        problems = self._judge.report.problems
        self._going_on = {each.kind: self._write(each, time_ns) for each in problems}

    def _write(self, problem: Problem, time_ns: int) -> int:
        """Place of the event in `found`, which is new or goes on."""
        event = Event(problem.kind, self._ns(problem.since), time_ns, problem.text)
        place = self._going_on.get(problem.kind)
        if place is None:
            self.found.append(event)
            return len(self.found) - 1
        self.found[place] = replace(event, begin_ns=self.found[place].begin_ns)
        return place
