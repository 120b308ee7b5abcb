# SPDX-License-Identifier: Apache-2.0
"""Facts in a YAML file, each checked as it is read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.excerpts import one_line, shown
from segnet_ros.inference.yaml_document import YamlError, read_yaml

_LONGEST = 1000


def read_facts(path: Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises:
        InferenceError: it is too large, is no YAML, or holds something else.

    """
    try:
        facts = read_yaml(path)
    except (OSError, YamlError) as error:
        msg = f"{path} is not readable YAML: {one_line(error)}; restore it"
        raise InferenceError(msg) from error
    if not isinstance(facts, dict):
        msg = f"{path} holds {type(facts).__name__}; expected a mapping; restore it"
        raise InferenceError(msg)
    return facts


def is_line(value: Any) -> TypeGuard[str]:
    """Whether a value is a text of one line, of bounded length, that is not empty."""
    return isinstance(value, str) and 0 < len(value) <= _LONGEST and value.isprintable()


def text(facts: Mapping[str, Any], key: str, path: Path) -> str:
    """A text of one line that is not empty."""
    value = facts.get(key)
    if not is_line(value):
        msg = (
            f"{path}: {key} is {shown(value)}; expected a text of one line, up to {_LONGEST} "
            "characters; restore the file"
        )
        raise InferenceError(msg)
    return value


def fraction(facts: Mapping[str, Any], key: str, path: Path) -> float:
    """A number from 0 to 1."""
    value = facts.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        msg = f"{path}: {key} is {shown(value)}; expected 0..1; restore the file"
        raise InferenceError(msg)
    return float(value)


def mapping(facts: Mapping[str, Any], key: str, path: Path) -> Mapping[str, Any]:
    """A mapping; empty if there is no such fact."""
    value = facts.get(key, {})
    if not isinstance(value, dict):
        msg = f"{path}: {key} is {shown(value)}; expected a mapping; restore the file"
        raise InferenceError(msg)
    return value


def file_name(facts: Mapping[str, Any], key: str, path: Path) -> str:
    """The name of a file in the same folder as `path`: it may not lead elsewhere."""
    value = text(facts, key, path)
    if Path(value).name != value or value in (".", ".."):
        msg = f"{path}: {key} is {shown(value)}; expected a name without folders; restore the file"
        raise InferenceError(msg)
    return value
