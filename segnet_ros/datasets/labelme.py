# SPDX-License-Identifier: Apache-2.0
"""Labelled pictures as documents of the annotation tool Labelme."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from segnet_ros.datasets.polygons import (
    Region,
    centre_outline,
    filled,
    find_regions,
    without_specks,
)
from segnet_ros.datasets.taxonomy import VOID
from segnet_ros.inference.model import SegmentationClass

Pixels = npt.NDArray[np.uint8]

IGNORED = "__ignore__"
"""Labelme's name for pixels that are not to count."""

_VERSION = "5.0.0"


def labelme_document(
    file_name: str, labels: Pixels, classes: Sequence[SegmentationClass]
) -> dict[str, Any]:
    """Describe a picture's regions as polygons.

    Labelme's polygons have no holes: what lies in a region's hole comes later in the list and is
    drawn over it, void included. Specks of classes, and of void, are left out: up to a quarter of
    a percent of the picture each.

    Args:
        file_name: Of the picture, in the same folder as the document.
        labels: uint8 [H, W], class ids or void.
        classes: In order of their ids.

    """
    height, width = labels.shape
    return {
        "version": _VERSION,
        "flags": {},
        "shapes": [_shape(region, classes) for region in _in_drawing_order(labels)],
        "imagePath": file_name,
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }


def _shape(region: Region, classes: Sequence[SegmentationClass]) -> dict[str, Any]:
    return {
        "label": IGNORED if region.label == VOID else classes[region.label].name,
        "points": centre_outline(region).astype(float).tolist(),
        "group_id": None,
        "shape_type": "polygon",
        "flags": {},
    }


def _in_drawing_order(labels: Pixels) -> list[Region]:
    """Regions with what lies in their holes after them: it is smaller than they are when filled."""
    found = find_regions(labels)
    of_classes = without_specks((each for each in found if each.label != VOID), labels.size)
    void = _painted_over((each for each in found if each.label == VOID), of_classes, labels.shape)
    regions = of_classes + without_specks(void, labels.size)
    return sorted(regions, key=lambda region: -int(np.count_nonzero(filled(region))))


def _painted_over(
    void: Iterable[Region], others: Iterable[Region], size: tuple[int, ...]
) -> Iterator[Region]:
    """Void that lies in holes of others, whose outlines would cover it."""
    covered = np.zeros(size, np.uint8)
    for region in others:
        _part(covered, region)[...] |= filled(region)
    for region in void:
        if (_part(covered, region) & region.mask).any():
            yield region


def _part(picture: Pixels, region: Region) -> Pixels:
    height, width = region.mask.shape
    return picture[region.top : region.top + height, region.left : region.left + width]
