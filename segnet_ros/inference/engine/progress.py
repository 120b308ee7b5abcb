# SPDX-License-Identifier: Apache-2.0
"""What a build in progress tells the terminal and the diagnostics."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class BuildProgress:
    """A moment of a build.

    Attributes:
        model: Name of the model.
        precision: Being built: fp16, int8 or fp8.
        reason: Why it is built: no engine yet, or what makes the old one unusable.
        phase: What is being done, in TensorRT's own words where it tells them.
        fraction: Of that phase that is done, 0..1; None while unknown.
        elapsed: Seconds since the build was asked for.

    """

    model: str
    precision: str
    reason: str
    phase: str
    fraction: float | None
    elapsed: float


ProgressListener = Callable[[BuildProgress], None]
"""Called from the building thread, often; an exception it raises ends the build."""


def unheard(progress: BuildProgress) -> None:
    """The listener of builds that nobody watches."""
