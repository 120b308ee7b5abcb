# SPDX-License-Identifier: Apache-2.0
"""Whatever is shown of foreign values is one short line."""

from typing import Any

import pytest

from segnet_ros.inference.excerpts import listed, one_line, plain, shown


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("a\nb", r"'a\nb'"),
        ("\x1b[2J", r"'\x1b[2J'"),
        ({"name": "x", "color": [1, 2, 3]}, "{'name': 'x', 'color': [1, 2, 3]}"),
        (dict.fromkeys("abcdef"), "{'a': None, 'b': None, 'c': None, 'd': None, ...}"),
        ([[[[1]]]], "[[[[...]]]]"),
        ({"a": {"b": {"c": {"d": 1}}}}, "{'a': {'b': {'c': {...}}}}"),
        (list(range(9)), "[0, 1, 2, 3, ...]"),
        (None, "None"),
    ],
)
def test_values(value: Any, words: str) -> None:
    assert shown(value) == words


def test_long_values_are_shortened() -> None:
    assert shown("x" * 10**6) == f"'{'x' * 47}...{'x' * 48}'"
    nested: list[Any] = []
    nested.append(nested)
    assert shown(nested) == "[[[[...]]]]"


def test_names() -> None:
    assert listed(["road", "a b", 7]) == "road, a b, 7"
    assert listed(["a", "b"], " and in ") == "a and in b"
    assert listed([]) == ""
    assert listed(str(k) for k in range(16)) == ", ".join(map(str, range(16)))
    assert listed(str(k) for k in range(17)).endswith(", 14, 15, ...")
    assert plain("a\nb") == r"'a\nb'"
    assert plain("x" * 41) == "x" * 20 + "..." + "x" * 20
    assert len(listed(["\n" * 10**6] * 50)) < 1000


def test_lines() -> None:
    assert one_line(" two\n\n lines\t") == "two lines"
    assert one_line(ValueError("a\r\nb\x00c")) == "a b c"
    assert one_line("y" * 700) == "y" * 300 + "..." + "y" * 300
