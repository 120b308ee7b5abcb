"""What a health check found, exchanged as a whole: one thread writes, another reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True)
class HealthReport:
    """The newest result.

    Attributes:
        problems: What is wrong, in words; empty if nothing is.
        values: Measurements by name; empty before the first.
    """

    problems: Sequence[str] = ()
    values: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
