# SPDX-License-Identifier: Apache-2.0
"""What is noted about one camera's frames beside their books."""

import math
import time
from collections.abc import Mapping

from rclpy.clock import Clock

from segnet_ros.ros.camera_subscription import CameraMessage
from segnet_ros.ros.failure import in_words
from segnet_ros.ros.latency import LatencyLog
from segnet_ros.ros.rate import RateMeter

_LOG_PERIOD = 5.0
_NANOSECONDS = 1_000_000_000


class FrameLog:
    """Written by the images' reader (arrivals) and the worker (the rest), read by the executor.

    Args:
        clock: The node's, which stamps are compared with.

    Attributes:
        latency: Of the frames published.
        arrivals: Rate of the images.
        labels: Rate of the labels.
        missed_deadlines: Labels that came too late.
        failures_in_a_row: Frames that failed since the last one that did not.
        last_error: Text of the newest failure; empty if there was none.
        image: Size and encoding of the newest image; empty before the first.
        stamp_offset: Seconds that its stamp was ahead of the clock; NaN for an unset stamp.
        stamps_went_back: How often a stamp was older than the one before.
        published_at: When the newest label went out, steady seconds; None before the first.

    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._newest_stamp: int | None = None
        self._told_at = -math.inf
        self.latency = LatencyLog()
        self.arrivals = RateMeter()
        self.labels = RateMeter()
        self.missed_deadlines = 0
        self.failures_in_a_row = 0
        self.last_error = ""
        self.image = ""
        self.stamp_offset = math.nan
        self.stamps_went_back = 0
        self.published_at: float | None = None

    def arrived(self, message: CameraMessage) -> bool:
        """Note a message; whether its stamp is not older than the one before.

        An unset stamp tells nothing: it is neither older nor newer than another.
        """
        self.arrivals.note(time.monotonic())
        stamp = _nanoseconds(message)
        self.stamp_offset = -self._since(stamp) if stamp else math.nan
        if not stamp:
            return True
        in_order = self._newest_stamp is None or stamp >= self._newest_stamp
        self.stamps_went_back += not in_order
        self._newest_stamp = stamp
        return in_order

    def age(self, message: CameraMessage) -> float:
        """Seconds since the image was taken; 0 for an unset stamp or one from the future."""
        stamp = _nanoseconds(message)
        return max(0.0, self._since(stamp)) if stamp else 0.0

    def published(self, stages: Mapping[str, float], age: float, deadline: float) -> None:
        """Note a label that went out, `age` seconds after the image was taken."""
        now = time.monotonic()
        self.latency.add(stages)
        self.labels.note(now)
        self.published_at = now
        self.missed_deadlines += 0 < deadline < age
        self.failures_in_a_row = 0

    def failed(self, error: Exception) -> bool:
        """Note a frame that failed; whether that should be logged, at most once in 5 s."""
        self.last_error = in_words(error)
        self.failures_in_a_row += 1
        now = time.monotonic()
        if now < self._told_at + _LOG_PERIOD:
            return False
        self._told_at = now
        return True

    def _since(self, stamp: int) -> float:
        return float(self._clock.now().nanoseconds - stamp) / _NANOSECONDS


def _nanoseconds(message: CameraMessage) -> int:
    stamp = message.header.stamp
    return int(stamp.sec * _NANOSECONDS + stamp.nanosec)
