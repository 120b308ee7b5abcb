# SPDX-License-Identifier: Apache-2.0
"""The recording that was worked on last, kept open: tasks of one recording follow each other."""

from __future__ import annotations

from segnet_ros.bags.recording import Recording


class LastRecording:
    """Opens recordings, one at a time."""

    def __init__(self) -> None:
        self._recording: Recording | None = None

    def open(self, bag: str) -> Recording:
        """Open a recording unless it is the one already open; that one is closed then.

        Raises:
            BagError: it cannot be opened.

        """
        if self._recording is None or self._recording.location != bag:
            self.close()
            self._recording = Recording(bag)
        return self._recording

    def close(self) -> None:
        """Close it; harmless when none is open."""
        if self._recording is not None:
            self._recording.close()
            self._recording = None
