# SPDX-License-Identifier: Apache-2.0
"""Any folder of pictures and index masks, described by a YAML file of about ten lines.

`config/datasets/drivable_area.yaml` shows every key. Patterns are relative to the YAML file.
"""

import re
from pathlib import Path
from typing import Any

from segnet_ros.datasets.class_list import parse_taxonomy
from segnet_ros.datasets.frames import DatasetError, LabelledFrame
from segnet_ros.datasets.patterns import NAME, SPLIT, UP_TO_UNDERSCORE, Patterns, find_pairs
from segnet_ros.inference.excerpts import listed, one_line, shown
from segnet_ros.inference.facts import is_line
from segnet_ros.inference.yaml_document import YamlError, read_yaml

_REQUIRED = ("name", "images", "labels", "classes")
_OPTIONAL = ("list", "void", "sequence")
_REPETITIONS = 3
_OPTIONAL_PARTS = 10
_ATOMS = re.compile(r"\\.|\[\^?\]?[^\]]*\]")
_FLAGS_OR_REPEATED_GROUP = re.compile(r"\(\?[aiLmsux-]|\)[*+{]")


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
        facts = read_yaml(path)
    except OSError as error:
        msg = f"cannot be read ({error.strerror}); check the path"
        raise DatasetError(msg) from error
    except YamlError as error:
        msg = f"is no YAML: {error}; texts that start with {{, [ or * need quotes"
        raise DatasetError(msg) from error
    if not isinstance(facts, dict):
        msg = f"holds {type(facts).__name__}; expected keys {', '.join(_REQUIRED)}"
        raise DatasetError(msg)
    _check_keys(facts)
    return facts


def _check_keys(facts: dict[str, Any]) -> None:
    unknown = sorted(str(key) for key in facts if key not in (*_REQUIRED, *_OPTIONAL))
    if unknown:
        msg = f"unknown key {listed(unknown)}; expected {', '.join((*_REQUIRED, *_OPTIONAL))}"
        raise DatasetError(msg)
    missing = [key for key in _REQUIRED if key not in facts]
    if missing:
        msg = f"no key {', '.join(missing)}; expected {', '.join(_REQUIRED)}"
        raise DatasetError(msg)
    for key in ("name", "images", "labels", "list", "sequence"):
        value = facts.get(key, "absent")
        if not is_line(value):
            msg = f"{key} is {shown(value)}; expected a text of one line (in quotes, if in doubt)"
            raise DatasetError(msg)


def _patterns(facts: dict[str, Any]) -> Patterns:
    images, labels, names = facts["images"], facts["labels"], facts.get("list")
    for key in ("images", "labels"):
        if facts[key].count(NAME) != 1:
            msg = (
                f"{key} is {shown(facts[key])}; expected {NAME} in it once, for what a picture "
                "and its labels have in common"
            )
            raise DatasetError(msg)
    if images == labels:
        msg = f"images and labels are both {shown(images)}; expected two patterns"
        raise DatasetError(msg)
    if SPLIT not in (names or images):
        msg = (
            f"{'list' if names else 'images'} is {shown(names or images)}, which gives every split "
            f"the same frames; put {SPLIT} into it, or name the frames of each split in a text "
            f"file (list: lists/{SPLIT}.txt)"
        )
        raise DatasetError(msg)
    return Patterns(images, labels, names, _sequence(facts.get("sequence", UP_TO_UNDERSCORE)))


def _sequence(rule: str) -> str:
    if _may_take_ages(rule):
        msg = (
            f"sequence is {shown(rule)}; expected a rule that repeats no group, and characters "
            f"{_REPETITIONS} times at most: others take ages over some names"
        )
        raise DatasetError(msg)
    try:
        re.compile(rule)
    except (re.error, OverflowError, RecursionError) as error:
        msg = f"sequence is {shown(rule)}, which is no regular expression: {one_line(error)}"
        raise DatasetError(msg) from error
    return rule


def _may_take_ages(rule: str) -> bool:
    """Whether searching goes back and forth more often than a few million times per name."""
    atoms = _ATOMS.sub("x", rule)
    return (
        _FLAGS_OR_REPEATED_GROUP.search(atoms) is not None
        or sum(map(atoms.count, "*+{")) > _REPETITIONS
        or atoms.count("?") > _OPTIONAL_PARTS
    )
