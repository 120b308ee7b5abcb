# SPDX-License-Identifier: Apache-2.0
"""What a robot makes of a model's classes: other names, colours and ids, costs, a threshold."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.excerpts import listed, plain, shown
from segnet_ros.inference.facts import fraction, is_line, read_facts, text
from segnet_ros.inference.model import UNLABELLED, Model, SegmentationClass
from segnet_ros.inference.shipped import shipped

LETHAL = 254
_FOLDER = "config/taxonomies"
_KEYS = ("name", "confidence_threshold", "classes", "unlabelled")
_CLASS_KEYS = ("name", "color", "cost", "from")


@dataclass(frozen=True, eq=False)
class Taxonomy:
    """What the model's classes are published as.

    Attributes:
        name: Empty for the model's own classes.
        classes: Of the published ids, in order.
        ids: uint8 [256], read-only: the published id of each model id; `UNLABELLED` where there is
            none.
        costs: Of each published class, 0..254 as on a Nav2 costmap; empty if unknown.
        confidence_threshold: Labels with a lower confidence, 0..1, become unlabelled; 0 keeps all.

    """

    name: str
    classes: Sequence[SegmentationClass]
    ids: npt.NDArray[np.uint8]
    costs: Sequence[int]
    confidence_threshold: float

    @property
    def free(self) -> frozenset[int]:
        """Published ids that cost nothing: where the robot may drive."""
        return frozenset(place for place, cost in enumerate(self.costs) if cost == 0)


def own_taxonomy(model: Model) -> Taxonomy:
    """The model's classes as they are, with every label kept."""
    return Taxonomy(
        name="",
        classes=model.classes,
        ids=_table(range(len(model.classes))),
        costs=(),
        confidence_threshold=0.0,
    )


def find_taxonomy(name: str) -> Path:
    """Turn a file, or the name of a shipped taxonomy, into a file.

    Raises:
        InferenceError: it is neither.

    """
    try:
        path = Path(name).expanduser()
        return path if path.is_file() else shipped(f"{_FOLDER}/{name}.yaml")
    # RuntimeError: ~ of an unknown user; OSError: too long for a name.
    except (InferenceError, OSError, RuntimeError):
        msg = (
            f"no taxonomy {shown(name)}; expected a YAML file, or one of the shipped taxonomies: "
            f"{', '.join(_shipped_taxonomies()) or 'none is installed'}"
        )
        raise InferenceError(msg) from None


def _shipped_taxonomies() -> list[str]:
    try:
        return sorted(path.stem for path in shipped(_FOLDER).glob("*.yaml"))
    except InferenceError:
        return []


def load_taxonomy(path: Path, model: Model) -> Taxonomy:
    """Read a taxonomy and check that it places every class of the model once.

    Args:
        path: From `find_taxonomy`; docs/taxonomy.md describes the format.
        model: Whose labels are to be published.

    Raises:
        InferenceError: it is no taxonomy, or does not fit the model.

    """
    facts = read_facts(path)
    _refuse_unknown_keys(facts, _KEYS, str(path))
    entries = _entries(facts, path)
    places = [(name, place) for place, entry in enumerate(entries) for name in entry.sources]
    places += [(name, UNLABELLED) for name in _unlabelled(facts, path)]
    _check_placement(places, entries, model, path)
    place_of = dict(places)
    return Taxonomy(
        name=text(facts, "name", path),
        classes=tuple(entry.published for entry in entries),
        ids=_table(place_of[each.name] for each in model.classes),
        costs=tuple(entry.cost for entry in entries),
        confidence_threshold=fraction({"confidence_threshold": 0, **facts}, _KEYS[1], path),
    )


class _Entry(NamedTuple):
    """A published class, and the model's classes that it is made of."""

    published: SegmentationClass
    cost: int
    sources: Sequence[str]


def _table(ids: Iterable[int]) -> npt.NDArray[np.uint8]:
    given = list(ids)
    table = np.full(256, UNLABELLED, np.uint8)
    table[: len(given)] = given
    table.setflags(write=False)
    return table


def _entries(facts: Mapping[str, Any], path: Path) -> list[_Entry]:
    given = facts.get("classes")
    if not isinstance(given, list) or not 0 < len(given) <= UNLABELLED:
        msg = (
            f"{path}: classes is {shown(given)}; expected a list of 1..{UNLABELLED} classes, each "
            "{name, color, cost, from}; write what the robot cares about"
        )
        raise InferenceError(msg)
    entries = [_entry(each, f"{path}: class {place}") for place, each in enumerate(given)]
    names = [entry.published.name for entry in entries]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        msg = (
            f"{path}: {listed(twice)} given more than once; expected each name once; join "
            "such classes by listing everything in one `from`"
        )
        raise InferenceError(msg)
    return entries


def _entry(given: Any, where: str) -> _Entry:
    if not isinstance(given, dict):
        msg = (
            f"{where} is {shown(given)}; expected a mapping {{name, color, cost, from}}; write it "
            "so"
        )
        raise InferenceError(msg)
    _refuse_unknown_keys(given, _CLASS_KEYS, where)
    name = given.get("name")
    if not is_line(name):
        msg = (
            f"{where} has the name {shown(name)}; expected a text; name it (yes, no, on, off and "
            "numbers need quotes)"
        )
        raise InferenceError(msg)
    where = f"{where}, {plain(name)},"
    sources = _names(given.get("from"), f"{where} has `from`")
    if not sources:
        msg = (
            f"{where} has an empty `from`; expected at least one class of the model; leave out "
            "a class that nothing becomes"
        )
        raise InferenceError(msg)
    return _Entry(SegmentationClass(name, _color(given, where)), _cost(given, where), sources)


def _color(given: Mapping[str, Any], where: str) -> tuple[int, int, int]:
    color = given.get("color")
    if not isinstance(color, list) or len(color) != 3 or not all(_is_whole(c, 255) for c in color):
        msg = (
            f"{where} has color {shown(color)}; expected [red, green, blue], 0..255 each; write "
            "it so"
        )
        raise InferenceError(msg)
    red, green, blue = color
    return red, green, blue


def _cost(given: Mapping[str, Any], where: str) -> int:
    cost: Any = given.get("cost")
    if not _is_whole(cost, LETHAL):
        msg = (
            f"{where} has cost {shown(cost)}; expected a whole number from 0 (free) to {LETHAL} "
            "(lethal); list what shall have no cost as `unlabelled`"
        )
        raise InferenceError(msg)
    return int(cost)


def _is_whole(value: Any, largest: int) -> bool:
    return type(value) is int and 0 <= value <= largest


def _unlabelled(facts: Mapping[str, Any], path: Path) -> list[str]:
    return _names(facts.get("unlabelled", []), f"{path}: unlabelled is")


def _names(given: Any, where: str) -> list[str]:
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        msg = (
            f"{where} {shown(given)}; expected a list of the model's class names; put them in "
            "brackets (yes, no, on, off and numbers need quotes)"
        )
        raise InferenceError(msg)
    return given


def _refuse_unknown_keys(given: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    unknown = [key for key in given if key not in known]
    if unknown:
        msg = (
            f"{where} has {listed(unknown)}; expected only {', '.join(known)}; "
            "correct the spelling or leave it out"
        )
        raise InferenceError(msg)


def _check_placement(
    places: Sequence[tuple[str, int]], entries: Sequence[_Entry], model: Model, path: Path
) -> None:
    """Every class of the model must be placed, once, and nothing else."""
    known = [each.name for each in model.classes]
    given = [name for name, _ in places]
    unknown = [name for name in given if name not in known]
    if unknown:
        msg = (
            f"{path} places {listed(unknown)}; expected only classes of {model.name}: "
            f"{listed(known)}; correct the spelling, or write a taxonomy for this model"
        )
        raise InferenceError(msg)
    twice = next((name for name in given if given.count(name) > 1), None)
    if twice is not None:
        owners = [_owner(place, entries) for name, place in places if name == twice]
        msg = (
            f"{path} places {plain(twice)} in {listed(owners, ' and in ')}; expected each class of "
            f"{model.name} once; take it out of all but one"
        )
        raise InferenceError(msg)
    missing = [name for name in known if name not in given]
    if missing:
        msg = (
            f"{path} leaves out {listed(missing)}; expected each class of {model.name} once; "
            "add it to `from` of a class, or to `unlabelled`"
        )
        raise InferenceError(msg)


def _owner(place: int, entries: Sequence[_Entry]) -> str:
    return "unlabelled" if place == UNLABELLED else entries[place].published.name
