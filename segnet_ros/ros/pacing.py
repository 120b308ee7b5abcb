# SPDX-License-Identifier: Apache-2.0
"""How a camera keeps to its largest rate without losing frames to jitter."""

from math import inf


class Pacer:
    """Turns on a grid of 1 / rate; a frame may take its turn up to half a period early or late.

    The grid advances by exactly one period per frame, so early and late frames do not change the
    rate. As the turns' spans touch, a camera at the limit or above it has a frame fresh from the
    sensor in each of them: the surplus is left out instead of everything being delayed.

    Times are seconds of one steady clock. Not thread-safe.
    """

    def __init__(self) -> None:
        self._period = 0.0
        self._turn = -inf
        self._previous = -inf

    def limit(self, max_rate: float) -> None:
        """Let at most `max_rate` frames per second pass, 0 = all; the same rate changes nothing."""
        period = 1.0 / max_rate if max_rate > 0 else 0.0
        if period != self._period:
            self._period = period
            self._turn = self._previous + period

    @property
    def opens(self) -> float:
        """From when on a frame that comes may go at once."""
        slack = self._period / 2
        return max(self._turn - slack, self._previous + slack)

    def due(self, arrival: float, interval: float) -> float:
        """The moment from which a frame may go.

        Args:
            arrival: When the frame came.
            interval: Seconds until its camera's next one, which had better go instead if it comes
                within the same turn; inf if unknown.

        """
        if arrival >= self.opens:
            return arrival
        end = self._turn + self._period / 2
        return end if arrival + interval <= end else self._turn

    def pass_frame(self, now: float) -> None:
        """A frame goes now."""
        # After a pause the grid starts anew; keeping half a period of credit forgives jitter.
        self._turn = max(self._turn, now - self._period / 2) + self._period
        self._previous = now
