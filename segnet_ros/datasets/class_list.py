# SPDX-License-Identifier: Apache-2.0
"""Classes as users write them down."""

from collections.abc import Iterable
from typing import Any

from segnet_ros.datasets.colors import pascal_color
from segnet_ros.datasets.frames import DatasetError
from segnet_ros.datasets.taxonomy import VOID, Taxonomy, class_names
from segnet_ros.inference.excerpts import plain, shown
from segnet_ros.inference.facts import is_line
from segnet_ros.inference.model import SegmentationClass


def parse_taxonomy(name: str, classes: Any, void: Any) -> Taxonomy:
    """Build a taxonomy from plain values.

    Args:
        name: Of the dataset.
        classes: In order of their ids, `{name: value or values}`, or a list of names or of
            `{name, value, color}`. Without `value` it is the place in the list, without `color`
            (RGB 0..255) a colour of the PASCAL map.
        void: Value or values of pixels that do not count.

    Raises:
        DatasetError: a class cannot be understood, or a value has two meanings.

    """
    entries = _entries(classes)
    found = tuple(_class(entry, k) for k, entry in enumerate(entries))
    names = class_names(found)
    twice = [item for item in names if names.count(item) > 1]
    if twice:
        msg = f"{len(twice)} classes have the name {plain(twice[0])}; expected each once"
        raise DatasetError(msg)
    values = [_values(entry["value"], entry["name"]) for entry in entries]
    meanings = [
        *zip(names, range(len(names)), values, strict=True),
        ("void", VOID, _values(void, "void")),
    ]
    return Taxonomy(name, found, _class_of(meanings))


def _class_of(meanings: Iterable[tuple[str, int, list[int]]]) -> dict[int, int]:
    class_of: dict[int, int] = {}
    owners: dict[int, str] = {}
    for owner, label, values in meanings:
        for value in values:
            if value in owners:
                msg = (
                    f"the value {value} stands for {plain(owners[value])} and for {plain(owner)}; "
                    "expected one meaning"
                )
                raise DatasetError(msg)
            class_of[value], owners[value] = label, owner
    return class_of


def _entries(classes: Any) -> list[dict[str, Any]]:
    if not isinstance(classes, (dict, list)) or not 0 < len(classes) <= VOID:
        count = f"{len(classes)} classes" if isinstance(classes, (dict, list)) else shown(classes)
        msg = f"classes holds {count}; expected 1..{VOID} as name: value, or a list"
        raise DatasetError(msg)
    if isinstance(classes, dict):
        return [{"name": name, "value": value} for name, value in classes.items()]
    return [
        {"value": k, **(entry if isinstance(entry, dict) else {"name": entry})}
        for k, entry in enumerate(classes)
    ]


def _class(entry: dict[str, Any], k: int) -> SegmentationClass:
    name, color = entry.get("name"), entry.get("color", list(pascal_color(k + 1)))
    if not is_line(name) or entry.keys() - {"name", "value", "color"}:
        msg = (
            f"class {k} is {shown(entry)}; expected a name (a text; yes, no, on and off need "
            "quotes) and, if it is not its place in the list, a value; perhaps a color"
        )
        raise DatasetError(msg)
    if not isinstance(color, list) or len(color) != 3 or not all(map(_is_byte, color)):
        msg = f"{plain(name)} has color {shown(color)}; expected [red, green, blue], 0..255 each"
        raise DatasetError(msg)
    red, green, blue = color
    return SegmentationClass(str(name), (red, green, blue))


def _values(given: Any, owner: str) -> list[int]:
    values = given if isinstance(given, list) else [given]
    if not all(map(_is_byte, values)) or (not values and owner != "void"):
        msg = (
            f"{plain(owner)} has the value {shown(given)}; expected a whole number 0..255 or a "
            "list of them"
        )
        raise DatasetError(msg)
    return values


def _is_byte(value: Any) -> bool:
    return type(value) is int and 0 <= value <= 255
