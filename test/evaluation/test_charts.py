# SPDX-License-Identifier: Apache-2.0

import base64
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'segnet_ros[report]'")

from segnet_ros.evaluation.calibration import ReliabilityBin
from segnet_ros.evaluation.charts import confusion_chart, reliability_chart


def texts(uri):
    """What the SVG says: matplotlib draws letters as paths and notes the text in comments."""
    kind, _, content = uri.partition(",")
    assert kind == "data:image/svg+xml;base64"
    svg = base64.b64decode(content, validate=True).decode()
    ET.fromstring(svg)
    return [text.strip() for text in re.findall(r"<!--(.*?)-->", svg, re.DOTALL)]


def test_rows_are_shares_of_the_labelled_class() -> None:
    found = texts(confusion_chart([[30, 10, 0], [3, 997, 0]], ["Sky", "Road"]))
    assert found.count("75") == 1
    assert found.count("25") == 1
    assert found.count("100") == 1
    assert "0" not in found, "0.3 % is too little to be written"
    assert found.count("Sky") == found.count("Road") == 2
    assert "no class" not in found


def test_pixels_without_a_class_get_a_column() -> None:
    found = texts(confusion_chart([[30, 60]], ["Sky"]))
    assert found.count("no class") == 1
    assert found.count("33") == 1
    assert found.count("67") == 1


def test_a_class_that_does_not_occur_stays_empty() -> None:
    with np.errstate(all="raise"):
        found = texts(confusion_chart([[4, 0, 0], [0, 0, 0]], ["Sky", "Road"]))
    assert [text for text in found if text.isdigit()] == ["100"]


def test_many_classes_are_drawn_without_numbers() -> None:
    classes = 30
    confusion = np.eye(classes, classes + 1, dtype=int).tolist()
    found = texts(confusion_chart(confusion, [f"class {k}" for k in range(classes)]))
    assert "class 29" in found
    assert "100" not in found


@pytest.mark.parametrize("name", ["$x$", r"$\frac", "<b>&", "a -- b"])
def test_any_class_name_can_be_drawn(name) -> None:
    texts(confusion_chart([[1, 0]], [name]))


def test_reliability_survives_empty_bins() -> None:
    bins = [
        ReliabilityBin(0.0, 0.5, 0, float("nan"), float("nan")),
        ReliabilityBin(0.5, 1.0, 10, 0.7, 0.6),
    ]
    assert {"confidence", "accuracy", "share of pixels"} <= set(texts(reliability_chart(bins)))
