# SPDX-License-Identifier: Apache-2.0
"""What the ids mean, as JSON."""

import json
from pathlib import Path

import numpy as np

from segnet_ros.inference.model import Model, SegmentationClass
from segnet_ros.inference.taxonomy import Taxonomy
from segnet_ros.messages.model_info import model_info

CLASSES = (
    SegmentationClass("drivable", (128, 64, 128)),
    SegmentationClass("Straße", (0, 10, 255)),
    SegmentationClass("person", (1, 2, 3)),
)
MODEL = Model(
    name="light",
    architecture="segnet_light",
    size=(480, 360),
    classes=(SegmentationClass("Road", (9, 9, 9)),),
    sha256="ab" * 32,
    folder=Path("light"),
)


def taxonomy(name: str = "robot", costs: tuple[int, ...] = (0, 100, 254)) -> Taxonomy:
    ids = np.full(256, 255, np.uint8)
    return Taxonomy(name=name, classes=CLASSES, ids=ids, costs=costs, confidence_threshold=0.25)


def told(described: Taxonomy) -> dict:
    text = model_info(MODEL, described, threshold=0.5, runtime="openvino 2025, CPU", version=7)
    return json.loads(text)


def test_model_info_tells_everything() -> None:
    assert told(taxonomy()) == {
        "version": 7,
        "model": "light",
        "architecture": "segnet_light",
        "sha256": "ab" * 32,
        "runtime": "openvino 2025, CPU",
        "taxonomy": "robot",
        "confidence_threshold": 0.5,
        "unlabelled": 255,
        "size": [480, 360],
        "classes": [
            {"id": 0, "name": "drivable", "color": [128, 64, 128], "cost": 0},
            {"id": 1, "name": "Straße", "color": [0, 10, 255], "cost": 100},
            {"id": 2, "name": "person", "color": [1, 2, 3], "cost": 254},
        ],
    }


def test_model_info_without_costs_has_none() -> None:
    facts = told(taxonomy(name="", costs=()))
    assert facts["taxonomy"] == ""
    assert facts["classes"][2] == {"id": 2, "name": "person", "color": [1, 2, 3]}


def test_model_info_reads_well_in_a_terminal() -> None:
    text = model_info(MODEL, taxonomy(), threshold=0.5, runtime="x", version=1)
    assert "Straße" in text
    assert "\n" not in text
