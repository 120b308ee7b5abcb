# SPDX-License-Identifier: Apache-2.0
"""When a recorded camera was frozen, black, overexposed or blurred, by the node's own rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segnet_ros.bags.drive.event_log import EventLog
from segnet_ros.evaluation.comparison import Event
from segnet_ros.health.image_judge import ImageJudge

if TYPE_CHECKING:
    from collections.abc import Iterable

    from segnet_ros.health.image_look import ImageLook

_SECOND_NS = 1_000_000_000


class CameraEvents:
    """Judges one camera's looks, window after window.

    As in the node, what was usual is forgotten when stamps go back.

    Args:
        start_ns: Where the recording begins, nanoseconds since 1970; times of looks are since then.

    """

    def __init__(self, start_ns: int) -> None:
        self._start_ns = start_ns
        self._newest_ns = 0
        self._log = EventLog()
        self._judge = ImageJudge()

    @property
    def found(self) -> list[Event]:
        """So far, by their begin."""
        return [
            Event(each.kind, self._ns(each.begin), self._ns(each.end), each.text)
            for each in self._log.found
        ]

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
                self._log.note(self._judge.report, look.time, self._ns(look.time))

    def _forget(self) -> None:
        self._judge = ImageJudge()
        self._log.interrupt()

    def _ns(self, time: float) -> int:
        return self._start_ns + round(time * _SECOND_NS)
