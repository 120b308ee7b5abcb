# SPDX-License-Identifier: Apache-2.0
"""What a health check found, exchanged as a whole: one thread writes, another reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True)
class Problem:
    """Something that is wrong at the newest look.

    Attributes:
        kind: Such as "frozen"; the same as long as it is the same problem.
        since: When it began, seconds of the clock of the looks.
        value: What shows it; the judge that found it says in which unit.
        text: In words, with figures and what to check.
        lower_is_worse: Whether the problem grows as the value falls.

    """

    kind: str
    since: float
    value: float
    text: str
    lower_is_worse: bool = False

    def is_worse_than(self, value: float) -> bool:
        """Whether it is farther gone than where the value was another one."""
        return self.value < value if self.lower_is_worse else self.value > value


@dataclass(frozen=True)
class HealthReport:
    """The newest result.

    Attributes:
        problems: What is wrong; empty if nothing is.
        values: Measurements by name, in words; empty before the first.

    """

    problems: Sequence[Problem] = ()
    values: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def in_words(self) -> Sequence[str]:
        """The problems' texts."""
        return tuple(problem.text for problem in self.problems)
