# SPDX-License-Identifier: Apache-2.0
"""Targets whose cases hypothesis makes: their bytes are what it draws from."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis.configuration import set_hypothesis_home_dir
from target import NoCaseError, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hypothesis.strategies import SearchStrategy

# Its table of characters takes seconds to make: not again for every process.
set_hypothesis_home_dir(Path(__file__).resolve().parents[2] / ".hypothesis")

_Case = TypeVar("_Case")
_SEEDS, _SEED_BYTES = 8, 2048


def structured_target(
    name: str,
    strategy: SearchStrategy[_Case],
    check: Callable[[_Case], None],
    refusals: tuple[type[Exception], ...],
    **bounds: Any,
) -> Target:
    """Make a target of a strategy and of what shall hold for all that it draws."""
    draw = _drawing(strategy)

    def parse(case: bytes) -> None:
        check(draw(case))

    return Target(name, parse, refusals, _seeds, mutate=_another, **bounds)


def _drawing(strategy: SearchStrategy[_Case]) -> Callable[[bytes], _Case]:
    drawn: list[_Case] = []

    @settings(database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def keep(case: _Case) -> None:
        drawn.append(case)

    def draw(case: bytes) -> _Case:
        drawn.clear()
        keep.hypothesis.fuzz_one_input(case)  # type: ignore[attr-defined]
        if not drawn:  # too few bytes
            raise NoCaseError
        return drawn.pop()

    return draw


def _seeds() -> Sequence[bytes]:
    return [random.Random(number).randbytes(_SEED_BYTES) for number in range(_SEEDS)]


def _another(_: bytes, rng: random.Random) -> bytes:
    return rng.randbytes(_SEED_BYTES)
