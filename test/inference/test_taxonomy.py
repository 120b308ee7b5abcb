# SPDX-License-Identifier: Apache-2.0
"""Taxonomies: what is read, what is refused with which words, and what is shipped."""

import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from segnet_ros.inference import shipped as shipped_files
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.excerpts import shown
from segnet_ros.inference.model import Model, SegmentationClass, load_model
from segnet_ros.inference.shipped import find_model, shipped, shipped_models
from segnet_ros.inference.taxonomy import find_taxonomy, load_taxonomy, own_taxonomy

MODEL = Model(
    name="toy",
    architecture="none",
    size=(4, 3),
    classes=[SegmentationClass(name, (1, 2, 3)) for name in ("sky", "road", "car", "wall", "man")],
    sha256="",
    folder=Path(),
)
FACTS = {
    "name": "robot",
    "confidence_threshold": 0.25,
    "classes": [
        {"name": "obstacle", "color": [140, 0, 255], "cost": 254, "from": ["wall", "car"]},
        {"name": "drivable", "color": [0, 170, 80], "cost": 0, "from": ["road"]},
        {"name": "vulnerable", "color": [230, 40, 40], "cost": 253, "from": ["man"]},
    ],
    "unlabelled": ["sky"],
}


def _write(folder: Path, facts: dict[str, Any]) -> Path:
    path = folder / "robot.yaml"
    path.write_text(yaml.safe_dump(facts, sort_keys=False), encoding="utf-8")
    return path


def _refusal(path: Path, model: Model = MODEL) -> str:
    with pytest.raises(InferenceError) as caught:
        load_taxonomy(path, model)
    return str(caught.value)


# What is read


def test_every_fact_is_read(tmp_path: Path) -> None:
    taxonomy = load_taxonomy(_write(tmp_path, FACTS), MODEL)
    assert taxonomy.name == "robot"
    assert taxonomy.classes == (
        SegmentationClass("obstacle", (140, 0, 255)),
        SegmentationClass("drivable", (0, 170, 80)),
        SegmentationClass("vulnerable", (230, 40, 40)),
    )
    assert taxonomy.costs == (254, 0, 253)
    assert taxonomy.confidence_threshold == 0.25
    assert taxonomy.free == {1}
    assert taxonomy.ids.dtype == np.uint8
    assert taxonomy.ids.tolist() == [255, 1, 0, 0, 2] + 251 * [255]
    assert not taxonomy.ids.flags.writeable


def test_threshold_and_unlabelled_may_be_left_out(tmp_path: Path) -> None:
    facts = copy.deepcopy(FACTS)
    del facts["confidence_threshold"], facts["unlabelled"]
    facts["classes"][1]["from"] = ["sky", "road"]
    taxonomy = load_taxonomy(_write(tmp_path, facts), MODEL)
    assert taxonomy.confidence_threshold == 0.0
    assert taxonomy.ids.tolist() == [1, 1, 0, 0, 2] + 251 * [255]


def test_the_models_own_classes() -> None:
    taxonomy = own_taxonomy(MODEL)
    assert taxonomy.name == ""
    assert taxonomy.classes == MODEL.classes
    assert taxonomy.ids.tolist() == [0, 1, 2, 3, 4] + 251 * [255]
    assert taxonomy.costs == ()
    assert taxonomy.free == frozenset()
    assert taxonomy.confidence_threshold == 0.0


def test_a_model_of_the_most_classes(tmp_path: Path) -> None:
    names = [f"c{index}" for index in range(255)]
    model = dataclasses.replace(
        MODEL, classes=[SegmentationClass(name, (0, 0, 0)) for name in names]
    )
    classes = [
        {"name": f"of {name}", "color": [0, 0, 0], "cost": 0, "from": [name]} for name in names
    ]
    path = _write(tmp_path, {"name": "all", "classes": classes[::-1]})
    assert load_taxonomy(path, model).ids.tolist() == [*range(254, -1, -1), 255]
    assert own_taxonomy(model).ids.tolist() == list(range(256))


# What is refused


def _set(fact: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda facts: facts.update({fact: value})


def _set_in_class(fact: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda facts: facts["classes"][1].update({fact: value})


def _drop_in_class(fact: str) -> Callable[[dict[str, Any]], None]:
    return lambda facts: facts["classes"][1].pop(fact)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        # Placement
        (
            _set_in_class("from", ["road", "Road"]),
            (
                " places Road; expected only classes of toy: sky, road, car, wall, man; correct "
                "the spelling, or write a taxonomy for this model"
            ),
        ),
        (_set("unlabelled", ["sky", "sun", "moon"]), " places sun, moon; expected only classes"),
        (
            _set_in_class("from", ["road", "car"]),
            (
                " places car in obstacle and in drivable; expected each class of toy once; take it "
                "out of all but one"
            ),
        ),
        (_set("unlabelled", ["sky", "man"]), " places man in vulnerable and in unlabelled;"),
        (_set_in_class("from", ["road", "road"]), " places road in drivable and in drivable;"),
        (
            lambda facts: (facts.pop("unlabelled"), facts["classes"].pop(2)),
            (
                " leaves out sky, man; expected each class of toy once; add it to `from` of a "
                "class, or to `unlabelled`"
            ),
        ),
        # Names
        (_set("name", ""), ": name is ''; expected a text"),
        (_set("name", None), ": name is None; expected a text"),
        (
            _set_in_class("name", "obstacle"),
            ": obstacle given more than once; expected each name once",
        ),
        (_set_in_class("name", True), ": class 1 has the name True; expected a text; name it"),
        (_drop_in_class("name"), ": class 1 has the name None; expected a text"),
        # Colours, costs, threshold
        (
            _set_in_class("color", [0, 170]),
            ": class 1, drivable, has color [0, 170]; expected [red, green, blue], 0..255 each",
        ),
        (_set_in_class("color", [0, 170, 256]), " has color [0, 170, 256]; expected"),
        (_set_in_class("color", [0, 170, -1]), " has color [0, 170, -1]; expected"),
        (_set_in_class("color", [0, 170, 8.0]), " has color [0, 170, 8.0]; expected"),
        (_set_in_class("color", "green"), " has color 'green'; expected"),
        (_drop_in_class("color"), " has color None; expected"),
        (
            _set_in_class("cost", 255),
            (
                ": class 1, drivable, has cost 255; expected a whole number from 0 (free) to 254 "
                "(lethal); list what shall have no cost as `unlabelled`"
            ),
        ),
        (_set_in_class("cost", -1), " has cost -1; expected a whole number"),
        (_set_in_class("cost", 0.5), " has cost 0.5; expected a whole number"),
        (_set_in_class("cost", True), " has cost True; expected a whole number"),
        (_drop_in_class("cost"), " has cost None; expected a whole number"),
        (_set("confidence_threshold", 1.01), ": confidence_threshold is 1.01; expected 0..1"),
        (_set("confidence_threshold", -0.1), ": confidence_threshold is -0.1; expected 0..1"),
        (_set("confidence_threshold", True), ": confidence_threshold is True; expected 0..1"),
        (_set("confidence_threshold", None), ": confidence_threshold is None; expected 0..1"),
        (_set("confidence_threshold", float("nan")), ": confidence_threshold is nan; expected"),
        # Form
        (
            _set("threshold", 0.5),
            (
                " has threshold; expected only name, confidence_threshold, classes, unlabelled; "
                "correct the spelling or leave it out"
            ),
        ),
        (
            _set_in_class("colour", [1, 2, 3]),
            ": class 1 has colour; expected only name, color, cost, from;",
        ),
        (_set("classes", []), ": classes is []; expected a list of 1..255 classes"),
        (_set("classes", {"road": 0}), ": classes is {'road': 0}; expected a list"),
        (
            lambda facts: facts["classes"].insert(0, "road"),
            ": class 0 is 'road'; expected a mapping {name, color, cost, from}",
        ),
        (
            _set_in_class("from", "road"),
            (
                ": class 1, drivable, has `from` 'road'; expected a list of the model's class "
                "names; put them in brackets"
            ),
        ),
        (_set_in_class("from", ["road", 3]), " has `from` ['road', 3]; expected a list"),
        (_set_in_class("from", [["road"]]), " has `from` [['road']]; expected a list"),
        (_drop_in_class("from"), ": class 1, drivable, has `from` None; expected a list"),
        (
            _set_in_class("from", []),
            ": class 1, drivable, has an empty `from`; expected at least one class of the model",
        ),
        (_set("unlabelled", "sky"), ": unlabelled is 'sky'; expected a list"),
        (_set("unlabelled", None), ": unlabelled is None; expected a list"),
    ],
)
def test_mistakes_are_refused(
    spoil: Callable[[dict[str, Any]], None], message: str, tmp_path: Path
) -> None:
    facts = copy.deepcopy(FACTS)
    spoil(facts)
    path = _write(tmp_path, facts)
    refusal = _refusal(path)
    assert refusal.startswith(str(path))
    assert message in refusal
    assert "\n" not in refusal


@pytest.mark.parametrize(
    ("content", "message"), [("- road", "holds list; expected a mapping"), ("a: [", "is not read")]
)
def test_what_is_no_taxonomy_is_refused(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "robot.yaml"
    path.write_text(content)
    assert message in _refusal(path)


def test_another_model_is_refused(tmp_path: Path) -> None:
    other = dataclasses.replace(
        MODEL, name="indoor", classes=[SegmentationClass("floor", (0, 0, 0))]
    )
    assert "expected only classes of indoor: floor;" in _refusal(_write(tmp_path, FACTS), other)


# What is shipped


def test_a_file_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _write(tmp_path, FACTS)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert find_taxonomy(str(path)) == path
    assert find_taxonomy("robot.yaml") == Path("robot.yaml")
    assert find_taxonomy("~/robot.yaml") == path


def test_a_shipped_one_is_found_by_name() -> None:
    assert find_taxonomy("driving") == shipped("config/taxonomies/driving.yaml")


@pytest.mark.parametrize("name", ["drivin", "", "config", "~nobody-here/robot.yaml", 300 * "a"])
def test_unknown_taxonomies_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shipped("config").parent)
    with pytest.raises(InferenceError) as caught:
        find_taxonomy(name)
    assert str(caught.value) == (
        f"no taxonomy {shown(name)}; expected a YAML file, or one of the shipped taxonomies: "
        "driving, sidewalk_robot"
    )


def test_without_shipped_taxonomies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped_files, "_roots", lambda: [tmp_path])
    with pytest.raises(InferenceError, match=r"shipped taxonomies: none is installed$"):
        find_taxonomy("driving")


PUBLISHED = {
    "driving": {
        "drivable": (0, {"Road"}),
        "sidewalk": (254, {"Pavement"}),
        "obstacle": (254, {"Building", "Pole", "Tree", "SignSymbol", "Fence"}),
        "vehicle": (254, {"Car"}),
        "vulnerable": (254, {"Pedestrian", "Bicyclist"}),
    },
    "sidewalk_robot": {
        "sidewalk": (0, {"Pavement"}),
        "road": (200, {"Road"}),
        "obstacle": (254, {"Building", "Pole", "Tree", "SignSymbol", "Fence"}),
        "vehicle": (254, {"Car"}),
        "vulnerable": (254, {"Pedestrian", "Bicyclist"}),
    },
}


@pytest.mark.parametrize("model_name", shipped_models())
@pytest.mark.parametrize("name", PUBLISHED)
def test_shipped_taxonomies_fit_the_shipped_models(name: str, model_name: str) -> None:
    model = load_model(find_model(model_name))
    taxonomy = load_taxonomy(find_taxonomy(name), model)
    assert taxonomy.name == name
    assert taxonomy.confidence_threshold == 0.5
    made_of: dict[str, set[str]] = {each.name: set() for each in taxonomy.classes}
    unlabelled = set()
    for place, each in enumerate(model.classes):
        published = taxonomy.ids[place]
        if published == 255:
            unlabelled.add(each.name)
        else:
            made_of[taxonomy.classes[published].name].add(each.name)
    costs = {each.name: cost for each, cost in zip(taxonomy.classes, taxonomy.costs, strict=True)}
    assert {each: (costs[each], made_of[each]) for each in costs} == PUBLISHED[name]
    assert unlabelled == {"Sky"}
    assert len({each.color for each in taxonomy.classes}) == len(taxonomy.classes)
