# SPDX-License-Identifier: Apache-2.0
"""Labelled pictures as COCO annotations, which CVAT and other annotation tools import."""

import json
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt

from segnet_ros.datasets.polygons import Region, corner_outlines, find_regions, without_specks
from segnet_ros.datasets.taxonomy import VOID
from segnet_ros.inference.model import SegmentationClass

Pixels = npt.NDArray[np.uint8]


class CocoWriter:
    """Writes one JSON document, picture by picture; little is kept in memory.

    A category's id is the class id + 1. Every region is an annotation of its own: a polygon, or
    run lengths where it has holes, which polygons of COCO cannot have. Void, and specks of up to a
    quarter of a percent of the picture together, are no annotations.

    Args:
        file: To write to; becomes whole with `close`.
        classes: In order of their ids.
        info: Where the labels come from.

    """

    def __init__(
        self, file: TextIO, classes: Sequence[SegmentationClass], info: Mapping[str, Any]
    ) -> None:
        self._file = file
        self._images: list[dict[str, Any]] = []
        self._ids = count(1)
        categories = [
            {"id": label, "name": item.name, "supercategory": ""}
            for label, item in enumerate(classes, start=1)
        ]
        head = _json({"info": info, "licenses": [], "categories": categories})
        file.write(f'{head[:-1]},\n"annotations":[')

    def add(self, file_name: str, labels: Pixels) -> None:
        """Add a picture.

        Args:
            file_name: Of the picture, without folders.
            labels: uint8 [H, W], class ids or void.

        """
        height, width = labels.shape
        image = len(self._images) + 1
        self._images.append({"id": image, "file_name": file_name, "width": width, "height": height})
        of_classes = (region for region in find_regions(labels) if region.label != VOID)
        for region in without_specks(of_classes, labels.size):
            number = next(self._ids)
            entry = {"id": number, "image_id": image, **_annotation(region, labels.shape)}
            self._file.write(("\n" if number == 1 else ",\n") + _json(entry))

    def close(self) -> None:
        """Write what is left; the file stays open."""
        self._file.write(f'\n],\n"images":{_json(self._images)}}}\n')


def _annotation(region: Region, size: tuple[int, ...]) -> dict[str, Any]:
    height, width = region.mask.shape
    outer, *holes = corner_outlines(region)
    return {
        "category_id": region.label + 1,
        "segmentation": _run_lengths(region, size) if holes else [outer.ravel().tolist()],
        "area": region.area,
        "bbox": [region.left, region.top, width, height],
        "iscrowd": 0,
    }


def _run_lengths(region: Region, size: tuple[int, ...]) -> dict[str, Any]:
    """Lengths of the runs outside and inside, in turn, down the picture's columns."""
    picture = np.zeros(size, np.uint8)
    height, width = region.mask.shape
    picture[region.top : region.top + height, region.left : region.left + width] = region.mask
    column_by_column = picture.ravel("F")
    changes = np.flatnonzero(column_by_column[1:] != column_by_column[:-1]) + 1
    first = [0] if column_by_column[0] else []  # the first run is one outside, if of no pixel
    ends = [*first, *changes.tolist(), picture.size]
    return {"counts": np.diff(ends, prepend=0).tolist(), "size": list(size)}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
