# SPDX-License-Identifier: Apache-2.0
"""Any folder of pictures and index masks, described by a YAML file of about ten lines.

`config/datasets/drivable_area.yaml` shows every key. Patterns are relative to the YAML file.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from segnet_ros.datasets.class_list import parse_taxonomy
from segnet_ros.datasets.frames import DatasetError, LabelledFrame
from segnet_ros.datasets.patterns import NAME, SPLIT, UP_TO_UNDERSCORE, Patterns, find_pairs

_REQUIRED = ("name", "images", "labels", "classes")
_OPTIONAL = ("list", "void", "sequence")


def find_frames(description: Path, split: str) -> list[LabelledFrame]:
    """List the frames of a split in order of their names.

    Raises:
        DatasetError: the description cannot be used, or files are missing.

    """
    try:
        facts = _read(description)
        patterns = _patterns(facts)
        taxonomy = parse_taxonomy(facts["name"], facts["classes"], facts.get("void", []))
        return find_pairs(description.parent, split, patterns, taxonomy)
    except DatasetError as error:
        msg = f"{description}: {error}"
        raise DatasetError(msg) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        facts = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"cannot be read ({error.strerror}); check the path"
        raise DatasetError(msg) from error
    # PyYAML lets ValueError (impossible dates) and RecursionError (deep nesting) through.
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        summary = " ".join(str(error).split())
        msg = f"is no YAML: {summary}; texts that start with {{, [ or * need quotes"
        raise DatasetError(msg) from error
    if not isinstance(facts, dict):
        msg = f"holds {type(facts).__name__}; expected keys {', '.join(_REQUIRED)}"
        raise DatasetError(msg)
    _check_keys(facts)
    return facts


def _check_keys(facts: dict[str, Any]) -> None:
    unknown = sorted(str(key) for key in facts if key not in (*_REQUIRED, *_OPTIONAL))
    if unknown:
        msg = f"unknown key {', '.join(unknown)}; expected {', '.join((*_REQUIRED, *_OPTIONAL))}"
        raise DatasetError(msg)
    missing = [key for key in _REQUIRED if key not in facts]
    if missing:
        msg = f"no key {', '.join(missing)}; expected {', '.join(_REQUIRED)}"
        raise DatasetError(msg)
    for key in ("name", "images", "labels", "list", "sequence"):
        value = facts.get(key, "absent")
        if not isinstance(value, str) or not value:
            msg = f"{key} is {value!r}; expected a text (in quotes, if in doubt)"
            raise DatasetError(msg)


def _patterns(facts: dict[str, Any]) -> Patterns:
    images, labels, names = facts["images"], facts["labels"], facts.get("list")
    for key in ("images", "labels"):
        if facts[key].count(NAME) != 1:
            msg = (
                f"{key} is {facts[key]!r}; expected {NAME} in it once, for what a picture and its "
                "labels have in common"
            )
            raise DatasetError(msg)
    if images == labels:
        msg = f"images and labels are both {images!r}; expected two patterns"
        raise DatasetError(msg)
    if SPLIT not in (names or images):
        msg = (
            f"{'list' if names else 'images'} is {names or images!r}, which gives every split the "
            f"same frames; put {SPLIT} into it, or name the frames of each split in a text file "
            f"(list: lists/{SPLIT}.txt)"
        )
        raise DatasetError(msg)
    return Patterns(images, labels, names, _sequence(facts.get("sequence", UP_TO_UNDERSCORE)))


def _sequence(rule: str) -> str:
    try:
        re.compile(rule)
    except re.error as error:
        msg = f"sequence is {rule!r}, which is no regular expression: {error}"
        raise DatasetError(msg) from error
    return rule
