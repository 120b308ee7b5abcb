# SPDX-License-Identifier: Apache-2.0
"""YAML of others: what it may hold, and how bombs are refused."""

from pathlib import Path
from typing import Any

import pytest

from segnet_ros.inference.yaml_document import MAX_BYTES, YamlError, parse_yaml, read_yaml


def _bomb(height: int) -> str:
    lines = ["b0: &b0 [x,x,x,x,x,x,x,x,x]"]
    lines += [f"b{k}: &b{k} [{','.join([f'*b{k - 1}'] * 9)}]" for k in range(1, height)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("a: [1, 0x1f, 2.5, yes, null, text]", {"a": [1, 31, 2.5, True, None, "text"]}),
        ("\ufeffa: 1", {"a": 1}),
        ("base: &b {x: 1}\nmore: {<<: *b, y: 2}", {"base": {"x": 1}, "more": {"x": 1, "y": 2}}),
        ('{a: 1, "a ": 2}', {"a": 1, "a ": 2}),
        ("60: 1:00", {60: 60}),
        ("[" * 60 + "]" * 60, eval("[" * 60 + "]" * 60)),
        ("9" * 100, int("9" * 100)),
        (_bomb(3), None),
    ],
)
def test_plain_values(text: str, value: Any) -> None:
    found = parse_yaml(text)
    assert found == value or (value is None and list(found) == ["b0", "b1", "b2"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (_bomb(12), "it stands for more than 200000 values"),
        ("[" + "a," * 200_001 + "]", "it stands for more than 200000 values"),
        ("&a [*a]", "'a' contains itself"),
        ("&a {<<: *a}", "'a' contains itself"),
        ("[" * 61 + "]" * 61, "it is nested more than 60 deep"),
        ("[" * 100_000, "it is nested more than 60 deep"),  # PyYAML's C parser dies of it
        ("- " * 10_000 + "a", "it is nested more than 60 deep"),
        ("a: 1\nb: 2\na: 3", "the key 'a' is given twice in a mapping"),
        ("9" * 101, "expected a number of up to 100 characters, but found 101"),
        ("0x" + "f" * 100_000, "expected a number of up to 100 characters, but found 100002"),
        ("1:" * 20_000 + "1", "expected a number of up to 100 characters, but found 40001"),
        ("1:" * 20_000 + "1.5", "expected a number of up to 100 characters, but found 40003"),
        ('!!int ""', "string index out of range"),
        ('!!float ""', "string index out of range"),
        ("!!timestamp x", "'NoneType' object has no attribute 'groupdict'"),
        ("2024-99-99", "month must be in 1..12"),
        ("!!python/name:os.system", "could not determine a constructor for the tag"),
        ("a: \0", "unacceptable character #x0000"),
        ("[a]: 1", "found unhashable key"),
        ("--- a\n--- b", "expected a single document"),
        ("*" + "a" * 100_000, "found undefined alias"),
        (" " * MAX_BYTES + " ", "it is over 4194304 bytes"),
    ],
)
def test_everything_else_is_refused(text: str, reason: str) -> None:
    with pytest.raises(YamlError) as caught:
        parse_yaml(text)
    assert reason in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 700


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: ä", encoding="utf-8")
    assert read_yaml(path) == {"a": "ä"}
    path.write_bytes(b"a: \xff")
    with pytest.raises(YamlError, match="'utf-8' codec can't decode byte 0xff in position 3"):
        read_yaml(path)
    path.write_bytes(b"\xc3\xa4" * (MAX_BYTES // 2) + b"a")
    with pytest.raises(YamlError, match="it is over 4194304 bytes"):
        read_yaml(path)
    with pytest.raises(FileNotFoundError):
        read_yaml(tmp_path / "missing.yaml")


def test_an_endless_file_is_refused() -> None:
    with pytest.raises(YamlError, match="it is over 4194304 bytes"):
        read_yaml(Path("/dev/zero"))
