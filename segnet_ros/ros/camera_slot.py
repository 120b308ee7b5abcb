# SPDX-License-Identifier: Apache-2.0
"""The one frame of a camera that waits for its turn."""

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from statistics import median
from typing import Generic, TypeVar

from segnet_ros.ros.books import Ledger, Outcome
from segnet_ros.ros.pacing import Pacer

Frame = TypeVar("Frame")

_ARRIVALS = 6  # the median of five intervals outlives two lost frames
_SHORTEST = 1e-3  # of all intervals: a burst tells nothing about what follows


@dataclass
class Waiting(Generic[Frame]):
    """A frame, and when it was submitted."""

    frame: Frame
    since: float


class CameraSlot(Generic[Frame]):
    """The newest frame of one camera, when it may go, and when the next one is expected.

    Times are seconds of one steady clock, given by the caller. Not thread-safe.

    Attributes:
        camera: Its name.
        priority: Higher goes first.
        ledger: Books of its frames.
        waiting: The frame that waits, if any.
        turn: Counts up over all cameras; the lowest was served longest ago.

    """

    def __init__(self, camera: str) -> None:
        self.camera = camera
        self.priority = 0
        self.ledger = Ledger()
        self.waiting: Waiting[Frame] | None = None
        self.turn = 0
        self._pacer = Pacer()
        self._arrivals: deque[float] = deque(maxlen=_ARRIVALS)

    def limit(self, priority: int, max_rate: float) -> None:
        """Set what holds from now on, for the waiting frame too; max_rate in Hz, 0 = none."""
        self.priority = priority
        self._pacer.limit(max_rate)

    def put(self, frame: Frame, now: float) -> Waiting[Frame] | None:
        """Let a frame wait; returns the one that it supersedes."""
        replaced = self.give_up()
        self.ledger.receive()
        self._arrivals.append(now)
        self.waiting = Waiting(frame, now)
        return replaced

    def give_up(self) -> Waiting[Frame] | None:
        """Supersede the waiting frame, if there is one, and return it."""
        given_up, self.waiting = self.waiting, None
        if given_up is not None:
            self.ledger.settle(Outcome.SUPERSEDED)
        return given_up

    def take(self, turn: int, now: float) -> Waiting[Frame]:
        """Hand out the waiting frame, which stays pending in the books."""
        taken, self.waiting = self.waiting, None
        assert taken is not None
        self._pacer.pass_frame(now)
        self.turn = turn
        return taken

    @property
    def last_arrival(self) -> float:
        """When the newest frame came; -inf before the first."""
        return self._arrivals[-1] if self._arrivals else -inf

    @property
    def ready_at(self) -> float:
        """When the waiting frame may go; inf if none waits."""
        if self.waiting is None:
            return inf
        return self._pacer.due(self.waiting.since, self._interval)

    @property
    def expected_at(self) -> float:
        """When it will have a frame that may go, to judge by its interval; inf if unknown."""
        return min(self.ready_at, self._next_at_once())

    def _next_at_once(self) -> float:
        """When the first frame is expected that may go as it comes."""
        interval = self._interval
        if interval == inf:
            return inf
        following, opens = self.last_arrival + interval, self._pacer.opens
        return following if following >= opens else opens + (following - opens) % interval

    @property
    def _interval(self) -> float:
        if len(self._arrivals) < 2:
            return inf
        intervals = (later - earlier for earlier, later in pairwise(self._arrivals))
        return max(_SHORTEST, median(intervals))
