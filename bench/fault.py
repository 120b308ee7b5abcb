# SPDX-License-Identifier: Apache-2.0
"""What a fault did, and what the node made of it: one row of `faults.py`."""

from dataclasses import dataclass, field


@dataclass
class Fault:
    """A fault, several times.

    Attributes:
        name: What happens.
        labels: What labels do meanwhile, in words.
        told: What /diagnostics say meanwhile.
        told_after: Seconds from the fault until they say so.
        recovery: Seconds from the fault's end until labels are as before.
        broken: Promises that were not kept, in words; of the books, too.

    """

    name: str
    labels: str = ""
    told: str = ""
    told_after: list[float] = field(default_factory=list)
    recovery: list[float] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def expect(self, holds: bool, promise: str) -> None:
        """Note a promise that is not kept."""
        if not holds:
            self.broken.append(promise)
