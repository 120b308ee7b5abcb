# SPDX-License-Identifier: Apache-2.0
"""Classes as users write them down, and the mistakes they make."""

from typing import Any

import pytest

from segnet_ros.datasets.class_list import parse_taxonomy
from segnet_ros.datasets.colors import pascal_color
from segnet_ros.datasets.frames import DatasetError
from segnet_ros.datasets.taxonomy import VOID, Taxonomy
from segnet_ros.inference.model import SegmentationClass

ROAD, GRASS = SegmentationClass("road", (128, 0, 0)), SegmentationClass("grass", (0, 128, 0))
GREEN = SegmentationClass("grass", (0, 200, 10))


@pytest.mark.parametrize(
    ("classes", "void", "expected"),
    [
        (["road", "grass"], [], Taxonomy("Yard", (ROAD, GRASS), {0: 0, 1: 1})),
        (["road", "grass"], 255, Taxonomy("Yard", (ROAD, GRASS), {0: 0, 1: 1, 255: VOID})),
        (
            {"road": 255, "grass": [0, 7]},
            [3, 4],
            Taxonomy("Yard", (ROAD, GRASS), {255: 0, 0: 1, 7: 1, 3: VOID, 4: VOID}),
        ),
        (
            [{"name": "road", "value": [5, 6]}, {"name": "grass", "color": [0, 200, 10]}],
            0,
            Taxonomy("Yard", (ROAD, GREEN), {5: 0, 6: 0, 1: 1, 0: VOID}),
        ),
    ],
    ids=["names", "names and void", "mapping", "list of mappings"],
)
def test_ways_to_write(classes: Any, void: Any, expected: Taxonomy) -> None:
    assert parse_taxonomy("Yard", classes, void) == expected


def test_most_classes() -> None:
    taxonomy = parse_taxonomy("Many", [f"class {k}" for k in range(255)], 255)
    assert taxonomy.classes[254] == SegmentationClass("class 254", pascal_color(255))
    assert len(taxonomy.class_of) == 256


@pytest.mark.parametrize(
    ("classes", "void", "message"),
    [
        (None, [], "classes holds None; expected 1..255 as name: value, or a list"),
        ("road", [], "classes holds 'road'; expected 1..255 as name: value, or a list"),
        ([], [], "classes holds 0 classes; expected 1..255 as name: value, or a list"),
        (256 * ["a"], [], "classes holds 256 classes; expected 1..255 as name: value, or a list"),
        (["a", "b", "a"], [], "2 classes have the name a; expected each once"),
        ({"a": 1, "b": [0, 1]}, [], "the value 1 stands for a and for b; expected one meaning"),
        ({"a": [1, 1]}, [], "the value 1 stands for a and for a; expected one meaning"),
        (["a", "b"], [255, 1], "the value 1 stands for b and for void; expected one meaning"),
        ({"a": 256}, [], "a has the value 256; expected a whole number 0..255 or a list of them"),
        ({"a": -1}, [], "a has the value -1; expected a whole number 0..255 or a list of them"),
        ({"a": True}, [], "a has the value True; expected a whole number 0..255 or a list of them"),
        ({"a": []}, [], "a has the value []; expected a whole number 0..255 or a list of them"),
        (["a"], "9", "void has the value '9'; expected a whole number 0..255 or a list of them"),
        (
            [{"name": "a", "color": [1, 2]}], [],
            "a has color [1, 2]; expected [red, green, blue], 0..255 each",
        ),
        (
            [{"name": "a", "color": [1, 2, 256]}], [],
            "a has color [1, 2, 256]; expected [red, green, blue], 0..255 each",
        ),
    ],
)  # fmt: skip
def test_mistakes(classes: Any, void: Any, message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        parse_taxonomy("Yard", classes, void)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "entry", [True, 3, "", {"value": 3}, {"name": "b", "colour": [1, 2, 3]}], ids=repr
)
def test_entry_that_is_no_class(entry: Any) -> None:
    with pytest.raises(DatasetError, match=r"^class 1 is \{.*\}; expected a name \(a text; yes"):
        parse_taxonomy("Yard", ["a", entry], [])
