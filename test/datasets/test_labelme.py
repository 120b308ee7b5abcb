# SPDX-License-Identifier: Apache-2.0
"""Labelme documents, drawn again in the way Labelme does: lines included, in their order."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from segnet_ros.datasets.labelme import IGNORED, labelme_document
from segnet_ros.datasets.taxonomy import VOID
from segnet_ros.inference.model import SegmentationClass
from segnet_ros.simulation.drive import StreetDrive

CLASSES = [SegmentationClass(str(k), (0, 0, 0)) for k in range(255)]


def _drawn(document: dict[str, Any]) -> npt.NDArray[np.uint8]:
    labels = np.full((document["imageHeight"], document["imageWidth"]), VOID, np.uint8)
    for shape in document["shapes"]:
        assert shape["shape_type"] == "polygon"
        label = VOID if shape["label"] == IGNORED else int(shape["label"])
        cv2.fillPoly(labels, [np.array(shape["points"], np.int32)], label)
    return labels


def test_head() -> None:
    document = labelme_document("a.jpg", np.zeros((2, 3), np.uint8), CLASSES)
    shapes = document.pop("shapes")
    assert document == {
        "version": "5.0.0",
        "flags": {},
        "imagePath": "a.jpg",
        "imageData": None,
        "imageHeight": 2,
        "imageWidth": 3,
    }
    (shape,) = shapes
    assert sorted(shape.pop("points")) == [[0, 0], [0, 1], [2, 0], [2, 1]]
    assert shape == {"label": "0", "group_id": None, "shape_type": "polygon", "flags": {}}


def test_what_lies_in_holes_is_drawn_later() -> None:
    labels = np.zeros((9, 9), np.uint8)
    labels[1:8, 1:8] = 1
    labels[2:7, 2:7] = VOID
    labels[3:6, 3:6] = 0
    labels[4, 4] = 2
    document = labelme_document("a.jpg", labels, CLASSES)
    assert [shape["label"] for shape in document["shapes"]] == ["0", "1", IGNORED, "0", "2"]
    np.testing.assert_array_equal(_drawn(document), labels)


def test_void_that_nothing_covers_needs_no_shape() -> None:
    labels = np.zeros((6, 6), np.uint8)
    labels[:, 3:] = VOID
    (shape,) = labelme_document("a.jpg", labels, CLASSES)["shapes"]
    assert shape["label"] == "0"


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_drawn_again(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = random.choice([0, 1, 7, VOID], (9, 11), p=[0.5, 0.3, 0.1, 0.1]).astype(np.uint8)
    np.testing.assert_array_equal(_drawn(labelme_document("a.jpg", labels, CLASSES)), labels)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_street_is_drawn_again_within_a_percent(seed: int) -> None:
    _, labels = StreetDrive(seed, (240, 180)).frame(40)
    labels[np.random.default_rng(seed).random(labels.shape) < 0.002] = VOID
    again = _drawn(labelme_document("a.jpg", labels, CLASSES))
    assert 0 < (again != labels).mean() <= 0.005
