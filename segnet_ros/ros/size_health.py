# SPDX-License-Identifier: Apache-2.0
"""Whether a camera's pictures have the size that they should have."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_TOLD_SECONDS = 60.0

Size = tuple[int, int]


class SizeHealth:
    """Watches one camera; `look` runs in another thread than `problems`. Sizes are (width, height).

    Any size is segmented. But one that changes by itself, that contradicts the calibration, or that
    is below the network's, so that details are lacking, is seldom wanted.

    Attributes:
        problems: What is wrong, in words; empty if nothing is.

    """

    def __init__(self) -> None:
        self._size: Size | None = None
        self._change = ""
        self._changed = float("-inf")
        self.problems: Sequence[str] = ()

    def look(self, size: Size, network: Size, calibrated: Size | None, now: float) -> None:
        """Judge a picture's size.

        Args:
            size: The picture's.
            network: Of the network's input.
            calibrated: As CameraInfo tells it; None if that is not known.
            now: Seconds of a steady clock.

        """
        if self._size not in (None, size):
            self._change = f"wrong size: {_words(size)}, {_words(self._size)} until lately"
            self._changed = now
        self._size = size
        told = [self._change] if now - self._changed < _TOLD_SECONDS else []
        self.problems = (*told, *_lasting(size, network, calibrated))


def _lasting(size: Size, network: Size, calibrated: Size | None) -> list[str]:
    problems = []
    if calibrated not in (None, size):
        problems.append(
            f"wrong size: {_words(size)}, CameraInfo is for {_words(calibrated)}; check the "
            "camera's calibration file"
        )
    if size[0] < network[0] or size[1] < network[1]:
        problems.append(
            f"wrong size: {_words(size)} is below the network's {_words(network)}, details are "
            "lacking; raise the camera's resolution"
        )
    return problems


def _words(size: Size | None) -> str:
    return "unknown" if size is None else f"{size[0]}x{size[1]}"
