# SPDX-License-Identifier: Apache-2.0
"""COCO annotations, decoded again as COCO's own tools decode them."""

import io
import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from segnet_ros.datasets.coco import CocoWriter
from segnet_ros.datasets.taxonomy import VOID
from segnet_ros.inference.model import SegmentationClass
from segnet_ros.simulation.drive import StreetDrive

CLASSES = [SegmentationClass(name, (0, 0, 0)) for name in ("road", "car", "tree")]
RING = np.array([[0, 0, 0, 0], [0, 1, 1, 1], [0, 1, 2, 1], [0, 1, 1, 1]], np.uint8)


def _written(*pictures: npt.NDArray[np.uint8], classes: Any = CLASSES) -> dict[str, Any]:
    file = io.StringIO()
    writer = CocoWriter(file, classes, {"description": "proposed"})
    for number, labels in enumerate(pictures):
        writer.add(f"{number}.jpg", labels)
    writer.close()
    document: dict[str, Any] = json.loads(file.getvalue())
    return document


def _decoded(segmentation: Any, size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Pixels whose centres lie inside, as COCO's own tools have it."""
    if isinstance(segmentation, dict):
        assert segmentation["size"] == list(size)
        counts = segmentation["counts"]
        values = np.arange(len(counts)) % 2 == 1
        return np.repeat(values, counts).reshape(size, order="F")
    (numbers,) = segmentation
    line = np.array(numbers).reshape(-1, 2)
    rows, columns = np.indices(size)
    inside = np.zeros(size, bool)
    for (x, y), (next_x, next_y) in zip(line, np.roll(line, -1, axis=0), strict=True):
        if x == next_x:
            inside ^= (min(y, next_y) <= rows) & (rows < max(y, next_y)) & (columns >= x)
    return inside


def _rebuilt(document: dict[str, Any], image: int) -> npt.NDArray[np.uint8]:
    (size,) = [(i["height"], i["width"]) for i in document["images"] if i["id"] == image]
    labels = np.full(size, VOID, np.uint8)
    for each in document["annotations"]:
        if each["image_id"] == image:
            labels[_decoded(each["segmentation"], size)] = each["category_id"] - 1
    return labels


def test_document_of_a_ring() -> None:
    document = _written(RING)
    assert document["info"] == {"description": "proposed"}
    assert [(item["id"], item["name"]) for item in document["categories"]] == [
        (1, "road"),
        (2, "car"),
        (3, "tree"),
    ]
    assert document["images"] == [{"id": 1, "file_name": "0.jpg", "width": 4, "height": 4}]
    ring, around, middle = document["annotations"]
    assert ring == {
        "id": 1,
        "image_id": 1,
        "category_id": 2,
        "segmentation": {"counts": [5, 3, 1, 1, 1, 1, 1, 3], "size": [4, 4]},
        "area": 8,
        "bbox": [1, 1, 3, 3],
        "iscrowd": 0,
    }
    assert (around["id"], around["category_id"], around["area"]) == (2, 1, 7)
    assert around["bbox"] == [0, 0, 4, 4]
    assert sorted(zip(*[iter(around["segmentation"][0])] * 2, strict=True)) == [
        (0, 0), (0, 4), (1, 1), (1, 4), (4, 0), (4, 1),
    ]  # fmt: skip
    assert (middle["category_id"], middle["bbox"], middle["area"]) == (3, [2, 2, 1, 1], 1)


def test_a_run_that_begins_inside() -> None:
    labels = np.array([[1, 1, 1], [1, VOID, 1], [1, 1, 1]], np.uint8)
    (ring,) = _written(labels)["annotations"]
    assert ring["segmentation"]["counts"] == [0, 4, 1, 4]


def test_void_is_not_annotated() -> None:
    assert _written(np.full((4, 4), VOID, np.uint8))["annotations"] == []


def test_no_picture_at_all() -> None:
    document = _written()
    assert (document["images"], document["annotations"]) == ([], [])


def test_ids_go_on_from_picture_to_picture() -> None:
    document = _written(RING, RING)
    assert [each["id"] for each in document["annotations"]] == [1, 2, 3, 4, 5, 6]
    assert [each["image_id"] for each in document["annotations"]] == [1, 1, 1, 2, 2, 2]
    np.testing.assert_array_equal(_rebuilt(document, 2), RING)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_street_is_rebuilt_within_a_percent(seed: int) -> None:
    _, labels = StreetDrive(seed, (240, 180)).frame(40)
    labels[np.random.default_rng(seed).random(labels.shape) < 0.02] = VOID
    classes = [SegmentationClass(str(k), (0, 0, 0)) for k in range(255)]
    document = _written(labels, classes=classes)
    again = _rebuilt(document, 1)
    differing = again != labels
    assert 0 < differing.mean() <= 0.0025
    assert (again[differing] == VOID).all()
    kinds = {type(each["segmentation"]) for each in document["annotations"]}
    assert kinds == {list, dict}
