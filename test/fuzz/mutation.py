# SPDX-License-Identifier: Apache-2.0
"""Cases made of others: bytes and numbers changed, parts cut, repeated and exchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Sequence

    from target import Target

LONGEST = 1 << 20
"""Bytes of a case, at most."""

_NUMBERS = (
    0,
    1,
    2,
    127,
    128,
    255,
    256,
    2**15,
    2**16 - 1,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63,
    2**64 - 1,
)
_TEXTS = (
    b"\0",
    b"\n",
    b"\xff\xfe",
    b"\xc3\x28",
    b"%s%n",
    b"../" * 8,
    b"nan",
    b"inf",
    b"-1",
    b"1e999",
)


def cases(target: Target, rng: random.Random) -> Iterator[bytes]:
    """Yield the seeds first, then without end what is made of them."""
    seeds = [*target.seeds()]
    yield from seeds
    while True:
        yield mutated(target, rng.choice(seeds), rng, seeds)


def mutated(target: Target, case: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Make another case of one.

    Args:
        target: Whose structure may be known.
        case: To begin with.
        rng: Decides.
        others: Parts of which may be put in.

    """
    if target.mutate is not None and rng.random() < 0.7:
        case = target.mutate(case, rng)
        if rng.random() < 0.7:
            return case[:LONGEST]
    for _ in range(1 << rng.randrange(4)):
        case = rng.choice(_CHANGES)(case, rng, others)
    return case[:LONGEST]


def _flip(case: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    at = _place(case, rng)
    return (
        case[:at]
        + bytes(byte ^ 1 << rng.randrange(8) for byte in case[at : at + 1])
        + case[at + 1 :]
    )


def _random_byte(case: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    at = _place(case, rng)
    return case[:at] + rng.randbytes(1) + case[at + 1 :]


def _number(case: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    at, size = _place(case, rng), rng.choice((1, 2, 4, 8))
    number = rng.choice(_NUMBERS) % (1 << 8 * size)
    return case[:at] + number.to_bytes(size, rng.choice(("little", "big"))) + case[at + size :]


def _text(case: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    at = _place(case, rng)
    return case[:at] + rng.choice(_TEXTS) + case[at + rng.randrange(4) :]


def _cut(case: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    start, end = _part(case, rng)
    return case[:start] + case[end:]


def _end(case: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    return case[: _place(case, rng)]


def _repeat(case: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    start, end = _part(case, rng)
    return case[:end] + case[start:end] * rng.choice((1, 1, 2, 20)) + case[end:]


def _insert(case: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    at = _place(case, rng)
    return case[:at] + rng.randbytes(rng.randrange(1, 9)) + case[at:]


def _splice(case: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    other = rng.choice(others)
    start, end = _part(other, rng)
    at = _place(case, rng)
    return case[:at] + other[start:end] + case[rng.choice((at, at + end - start)) :]


_CHANGES: Sequence[Callable[[bytes, random.Random, Sequence[bytes]], bytes]] = (
    _flip, _random_byte, _number, _number, _text, _cut, _end, _repeat, _insert, _splice,
)  # fmt: skip


def _place(case: bytes, rng: random.Random) -> int:
    """Find a place; those at the beginning, where headers are, are likelier."""
    return rng.randrange(min(len(case), rng.choice((64, len(case)))) + 1) if case else 0


def _part(case: bytes, rng: random.Random) -> tuple[int, int]:
    start = _place(case, rng)
    return start, start + rng.randrange(1, rng.choice((2, 17, len(case) + 2)))
