# SPDX-License-Identifier: Apache-2.0
"""Mutations of documents: YAML and JSON are taken apart, changed, and written again."""

from __future__ import annotations

import copy
import datetime as dt
import json
import math
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

    Mutate = Callable[[bytes, random.Random], bytes]

_SCALARS: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    255,
    256,
    2**31,
    2**63,
    2**64,
    10**30,
    -(10**30),
    0.5,
    -0.0,
    1e308,
    math.nan,
    math.inf,
    -math.inf,
    "",
    "x",
    "\0",
    "a\nb",
    "\x1b[2J",
    "../../etc/passwd",
    "/dev/zero",
    "none",
    "x" * 5000,
    "ß" * 500,
    "{name}",
    "{split}",
    "[",
    "(a+)+$",
    ".",
    "~",
    "\ud7ff",
    "9" * 4400,
    [],
    {},
    [[]],
    [None],
    {"": None},
    dt.date(1, 1, 1),
)

# What no value says: written into the text of a document.
_RAW = (
    "*a",
    "&a [*a]",
    "&a",
    '!!int ""',
    "!!float ''",
    "!!bool x",
    "!!timestamp x",
    "!!binary é",
    "!!set {a}",
    "!!omap [a: 1]",
    "!!pairs [a: 1]",
    "!!python/name:os.system",
    "!<x>",
    "0x" + "f" * 3000,
    "1:" * 300 + "1",
    "9" * 5000,
    "- " * 200,
    "[" * 3000,
    "{" * 3000,
    "? " * 200,
    "<<: {a: 1}",
    "<<: *a",
    "%YAML 1.1\n---",
    "---",
    "...",
    "\t",
    "\0",
    "\ufeff",
    "\x85",
    "2001-99-99",
    "2001-12-14t21:59:43.1-99:99",
    "|",
    ">",
    "'",
    '"',
    "# ",
    ",",
    "@",
    "`",
    "=",
    "~",
    ".nan",
    "-.inf",
    "1_000",
    "0o7",
    "0b1",
)


def mutated_yaml(case: bytes, rng: random.Random) -> bytes:
    """Change values, keys and their nesting, or the text."""
    if rng.random() < 0.3:
        return _with_raw(case, rng)
    try:
        value = yaml.load(case, yaml.CSafeLoader) if case.count(b"[") < 500 else None
        value = mutated_value(value, rng)
        text = yaml.dump(value, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True)
    except Exception:  # noqa: BLE001 - a case that is no YAML any more
        return _with_raw(case, rng)
    return _bombed(text, rng).encode(errors="replace")


def mutated_json(case: bytes, rng: random.Random) -> bytes:
    """Change values, keys and their nesting, or the text."""
    try:
        text = json.dumps(mutated_value(json.loads(case), rng), default=str)
    except (ValueError, RecursionError, TypeError):
        return _with_raw(case, rng)
    if rng.random() < 0.1:
        deep = rng.choice((10, 1000, 100_000))
        text = text.replace("null", "[" * deep + "]" * deep, 1)
    return text.encode(errors="replace")


def mutated_value(value: Any, rng: random.Random) -> Any:
    """Change a tree of mappings, lists and scalars at one to three places."""
    holder = [copy.deepcopy(value)]
    for _ in range(rng.randrange(1, 4)):
        places = [*_places(holder)]
        container, key = rng.choice(places)
        _change(container, key, rng, [c[k] for c, k in places if k in _keys(c)])
    return holder[0]


def _keys(container: Any) -> Any:
    return container if isinstance(container, dict) else range(len(container))


def _places(container: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(container) if isinstance(container, dict) else range(len(container))
    for key in keys:
        yield container, key
        if isinstance(container[key], (dict, list)):
            yield from _places(container[key])


def _change(container: Any, key: Any, rng: random.Random, others: list[Any]) -> None:
    if key not in _keys(container):
        return
    choice = rng.randrange(7)
    if choice < 3:
        container[key] = copy.deepcopy(rng.choice(_SCALARS))
    elif choice == 3:
        container[key] = copy.deepcopy(rng.choice(others))
    elif choice == 4 and isinstance(container, dict):
        container[rng.choice((1, None, "", "x\ny", "name", 0.5, "unknown", "z" * 3000))] = (
            container.pop(key)
        )
    elif choice == 4:
        container.append(copy.deepcopy(container[key]))
    elif choice == 5 and len(container) > 1:
        del container[key]
    else:
        container[key] = _nudged(container[key], rng)


def _nudged(value: Any, rng: random.Random) -> Any:
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, (int, float)):
        return value + rng.choice((-1, 1, 256, -256))
    if isinstance(value, str):
        at = rng.randrange(len(value) + 1)
        return (
            value[:at]
            + rng.choice(("", "x", "\n", "{name}", "\0", "é", "*", "("))
            + value[at + 1 :]
        )
    if isinstance(value, list):
        return value * rng.choice((0, 2, 100))
    return [value]


def _bombed(text: str, rng: random.Random) -> str:
    if rng.random() > 0.1:
        return text
    width, height = rng.choice(((2, 3), (9, 4), (9, 12), (2, 60)))
    lines = [f"b0: &b0 [{','.join('x' * width)}]"]
    lines += [f"b{k}: &b{k} [{','.join([f'*b{k - 1}'] * width)}]" for k in range(1, height)]
    return text + "\n".join([*lines, f"name: *b{height - 1}"])


def _with_raw(case: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(case) + 1)
    breaks = [k + 2 for k in range(len(case) - 1) if case[k : k + 2] == b": "]
    if breaks and rng.random() < 0.7:
        at = rng.choice(breaks)
    raw = rng.choice(_RAW).encode()
    return case[:at] + raw + case[at + rng.choice((0, 0, len(raw))) :]
