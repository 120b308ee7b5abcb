# SPDX-License-Identifier: Apache-2.0
"""What the measuring processes are told."""

from dataclasses import dataclass
from pathlib import Path

_SECONDS_PER_TIMING = 0.7
_SMOKE_SECONDS_PER_TIMING = 0.05


@dataclass(frozen=True)
class Settings:
    """Where things are, and how thorough to be.

    Attributes:
        work: Folder for graphs and engines; it may be kept for another run.
        data: What bench/gpu/pack_engines.py packed; None if there is none.
        smoke: Whether only to try the code: short timings, and the CPU if there is no GPU.

    """

    work: Path
    data: Path | None
    smoke: bool

    @property
    def seconds(self) -> float:
        """For each timing."""
        return _SMOKE_SECONDS_PER_TIMING if self.smoke else _SECONDS_PER_TIMING

    @property
    def models(self) -> Path:
        """Folder of models with random weights."""
        return self.work / "models"

    @property
    def engines(self) -> Path:
        """Folder of built engines."""
        return self.work / "engines"
