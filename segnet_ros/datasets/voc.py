# SPDX-License-Identifier: Apache-2.0
"""PASCAL VOC's folder layout: JPEGImages/, SegmentationClass/ and ImageSets/Segmentation/SPLIT.txt.

DIR is the folder of one year, such as VOCdevkit/VOC2012. The split `trainaug` takes the labels of
the later extension by Hariharan et al. from SegmentationClassAug/. Sequences are the years of the
file names (`2007_000032.jpg`).
"""

from dataclasses import replace
from pathlib import Path

from segnet_ros.datasets.colors import pascal_color
from segnet_ros.datasets.frames import LabelledFrame
from segnet_ros.datasets.patterns import Patterns, find_pairs
from segnet_ros.datasets.taxonomy import VOID, Taxonomy
from segnet_ros.inference.model import SegmentationClass

_NAMES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair",
    "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa",
    "train", "tvmonitor",
)  # fmt: skip
_BORDER = 255
VOC = Taxonomy(
    name="PASCAL VOC",
    classes=tuple(SegmentationClass(name, pascal_color(k)) for k, name in enumerate(_NAMES)),
    class_of={**{k: k for k in range(len(_NAMES))}, _BORDER: VOID},
)
_PATTERNS = Patterns(
    images="JPEGImages/{name}.jpg",
    labels="SegmentationClass/{name}.png",
    names="ImageSets/Segmentation/{split}.txt",
)
_AUGMENTED_SPLIT = "trainaug"
_AUGMENTED = replace(_PATTERNS, labels="SegmentationClassAug/{name}.png")


def find_frames(root: Path, split: str) -> list[LabelledFrame]:
    """List the frames of a split in order of their names.

    Raises:
        DatasetError: the list of the split cannot be read, or a picture or its labels are missing.

    """
    patterns = _AUGMENTED if split == _AUGMENTED_SPLIT else _PATTERNS
    return find_pairs(root, split, patterns, VOC)
