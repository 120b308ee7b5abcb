# SPDX-License-Identifier: Apache-2.0
"""How often cameras are looked at."""

_INTERVAL = 0.5


class Pace:
    """Half a second between looks; for pictures that come more often, whatever the rate."""

    def __init__(self) -> None:
        self._due = float("-inf")

    def is_due(self, now: float) -> bool:
        """Whether the last look is long enough ago, in seconds of the clock of the looks."""
        return now >= self._due

    def note(self, now: float) -> None:
        """There was a look."""
        self._due = now + _INTERVAL
