# SPDX-License-Identifier: Apache-2.0
"""Facts in a YAML file, each checked as it is read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from segnet_ros.inference.errors import InferenceError

_MAX_BYTES = 1 << 20


def read_facts(path: Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises:
        InferenceError: it is too large, is no YAML, or holds something else.

    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            msg = f"{path} is over {_MAX_BYTES} bytes; it is no {path.name}"
            raise InferenceError(msg)
        facts = yaml.safe_load(path.read_text(encoding="utf-8"))
    # PyYAML lets ValueError (impossible dates) and RecursionError (deep nesting) through.
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        summary = " ".join(str(error).split())
        msg = f"{path} is not readable YAML: {summary}; restore it"
        raise InferenceError(msg) from error
    if not isinstance(facts, dict):
        msg = f"{path} holds {type(facts).__name__}; expected a mapping; restore it"
        raise InferenceError(msg)
    return facts


def text(facts: Mapping[str, Any], key: str, path: Path) -> str:
    """A text that is not empty."""
    value = facts.get(key)
    if not isinstance(value, str) or not value:
        msg = f"{path}: {key} is {value!r}; expected a text; restore the file"
        raise InferenceError(msg)
    return value


def fraction(facts: Mapping[str, Any], key: str, path: Path) -> float:
    """A number from 0 to 1."""
    value = facts.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        msg = f"{path}: {key} is {value!r}; expected 0..1; restore the file"
        raise InferenceError(msg)
    return float(value)


def mapping(facts: Mapping[str, Any], key: str, path: Path) -> Mapping[str, Any]:
    """A mapping; empty if there is no such fact."""
    value = facts.get(key, {})
    if not isinstance(value, dict):
        msg = f"{path}: {key} is {value!r}; expected a mapping; restore the file"
        raise InferenceError(msg)
    return value


def file_name(facts: Mapping[str, Any], key: str, path: Path) -> str:
    """The name of a file in the same folder as `path`: it may not lead elsewhere."""
    value = text(facts, key, path)
    if Path(value).name != value or value in (".", ".."):
        msg = f"{path}: {key} is {value!r}; expected a name without folders; restore the file"
        raise InferenceError(msg)
    return value
