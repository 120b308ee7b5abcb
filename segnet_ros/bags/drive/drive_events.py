# SPDX-License-Identifier: Apache-2.0
"""Health of one recorded camera: the node's own rules, on the recording's time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segnet_ros.bags.drive.event_log import EventLog
from segnet_ros.health.image_judge import ImageJudge
from segnet_ros.health.label_judge import LabelJudge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segnet_ros.bags.drive.drive_job import SeenFrame
    from segnet_ros.evaluation.drive_report import Event
    from segnet_ros.inference.model import SegmentationClass


class HealthWatch:
    """Judges frames in the order of recording, wherever they were measured.

    As in the node, what was usual is forgotten when stamps go back.

    Args:
        classes: That are published.
        free: Ids where the robot may drive.

    """

    def __init__(self, classes: Sequence[SegmentationClass], free: frozenset[int]) -> None:
        self._classes = classes
        self._free = free
        self._image_events = EventLog()
        self._label_events = EventLog()
        self._newest_ns = 0
        self._start()

    def watch(self, frame: SeenFrame) -> None:
        """Go on with the next frame."""
        if frame.stamp_ns:
            if frame.stamp_ns < self._newest_ns:
                self._start()
            self._newest_ns = frame.stamp_ns
        if self._images.pace.is_due(frame.image.time):
            self._images.judge(frame.image)
            self._image_events.note(self._images.report, frame.image.time, frame.time_ns)
        if self._labels.pace.is_due(frame.labels.time):
            self._labels.judge(frame.labels)
            self._label_events.note(self._labels.report, frame.labels.time, frame.time_ns)

    @property
    def events(self) -> list[Event]:
        """So far, by their begin."""
        found = self._image_events.found + self._label_events.found
        return sorted(found, key=lambda event: event.begin)

    def _start(self) -> None:
        self._images = ImageJudge()
        self._labels = LabelJudge(self._classes, self._free)
        self._image_events.interrupt()
        self._label_events.interrupt()
