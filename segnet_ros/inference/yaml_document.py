# SPDX-License-Identifier: Apache-2.0
"""YAML that somebody else wrote: plain values of bounded number, or one error.

PyYAML's safe loader executes nothing, but a short text can stand for more values than memory
holds, crash the parser written in C by its depth, or name a number whose digits take hours.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError, SafeConstructor

from segnet_ros.inference.excerpts import one_line, shown

MAX_BYTES = 4 << 20
_MAX_VALUES = 200_000
_MAX_DEPTH = 60
_MAX_DIGITS = 100
_MERGE = "<<"

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the quick one is not on all machines


class YamlError(ValueError):
    """A text is no YAML, or holds too much; what went wrong is one line of bounded length."""


def read_yaml(path: Path) -> Any:
    """Read a file of one YAML document: UTF-8, up to `MAX_BYTES`.

    Raises:
        OSError: it cannot be read.
        YamlError: it is too large, or is no YAML that can be used.

    """
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    _refuse_length(len(content))
    try:
        return parse_yaml(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise YamlError(str(error)) from error


def parse_yaml(text: str) -> Any:
    """Read one YAML document.

    Returns:
        Mappings, lists, texts, numbers, truth values, dates and None, nested up to 60 deep.

    Raises:
        YamlError: it is no YAML, gives a key twice, or stands for more than 200,000 values.

    """
    _refuse_length(len(text))
    try:
        _refuse_bombs(text)
        return yaml.load(text, _Loader)  # noqa: S506  # nosec B506  # a safe one
    except YamlError:
        raise
    except Exception as error:  # PyYAML also lets through what int, float and datetime raise
        raise YamlError(one_line(error) or type(error).__name__) from error


def _refuse_length(length: int) -> None:
    if length > MAX_BYTES:
        msg = f"it is over {MAX_BYTES} bytes"
        raise YamlError(msg)


class _Loader(_Base):  # type: ignore[misc]
    """The safe loader, with numbers of bounded length."""


def _construct_int(loader: Any, node: yaml.ScalarNode) -> int:
    _refuse_long_number(loader, node)
    return int(SafeConstructor.construct_yaml_int(loader, node))


def _construct_float(loader: Any, node: yaml.ScalarNode) -> float:
    _refuse_long_number(loader, node)
    return float(SafeConstructor.construct_yaml_float(loader, node))


def _refuse_long_number(loader: Any, node: yaml.ScalarNode) -> None:
    digits = len(loader.construct_scalar(node))
    if digits > _MAX_DIGITS:
        problem = f"expected a number of up to {_MAX_DIGITS} characters, but found {digits}"
        raise ConstructorError(None, None, problem, node.start_mark)


_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _construct_float)


@dataclass
class _Open:
    """A mapping or list that has not ended yet.

    Attributes:
        anchor: Its name for aliases, if any.
        is_mapping: Else it is a list.
        size: Values in it so far, itself included.
        entries: Keys and values, or elements, so far.
        keys: Of a mapping, those that are texts or numbers.

    """

    anchor: str | None
    is_mapping: bool
    size: int = 1
    entries: int = 0
    keys: set[tuple[str, Any]] = field(default_factory=set)


def _refuse_bombs(text: str) -> None:
    """Go through a text without building anything."""
    path: list[_Open] = []
    sizes: dict[str, int] = {}
    total = 0
    for event in _events(text):
        if isinstance(event, yaml.CollectionStartEvent):
            path.append(_Open(event.anchor, isinstance(event, yaml.MappingStartEvent)))
            if len(path) > _MAX_DEPTH:
                msg = f"it is nested more than {_MAX_DEPTH} deep"
                raise YamlError(msg)
            continue
        size, anchor = _size(event, path, sizes)
        if anchor:
            sizes[anchor] = size
        total = _take(path, size, event) or size
        if total > _MAX_VALUES:
            msg = f"it stands for more than {_MAX_VALUES} values"
            raise YamlError(msg)


def _events(text: str) -> Iterator[Any]:
    kinds = (yaml.NodeEvent, yaml.CollectionEndEvent)
    return (event for event in yaml.parse(text, _Base) if isinstance(event, kinds))


def _size(event: Any, path: list[_Open], sizes: dict[str, int]) -> tuple[int, str | None]:
    """How many values end here, and under which name aliases may repeat them."""
    if isinstance(event, yaml.CollectionEndEvent):
        ended = path.pop()
        return ended.size, ended.anchor
    if isinstance(event, yaml.AliasEvent):
        if any(each.anchor == event.anchor for each in path):
            msg = f"{shown(event.anchor)} contains itself"
            raise YamlError(msg)
        return sizes.get(str(event.anchor), 1), None
    return 1, event.anchor


def _take(path: list[_Open], size: int, event: Any) -> int:
    """Count values into the collection that they are in; returns how many it has now."""
    if not path:
        return 0
    inner = path[-1]
    inner.size += size
    inner.entries += 1
    if inner.is_mapping and inner.entries % 2 and isinstance(event, yaml.ScalarEvent):
        key = event.value, event.implicit
        if key in inner.keys and event.value != _MERGE:
            msg = f"the key {shown(event.value)} is given twice in a mapping"
            raise YamlError(msg)
        inner.keys.add(key)
    return inner.size
