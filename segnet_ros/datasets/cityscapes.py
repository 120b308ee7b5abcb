# SPDX-License-Identifier: Apache-2.0
"""Cityscapes' folder layout: DIR/leftImg8bit/SPLIT/CITY/ beside DIR/gtFine/SPLIT/CITY/.

Labels are the `*_gtFine_labelIds.png` that the dataset ships; the 19 classes are those of its
benchmark, everything else is void. The sequence of a frame is its city.
"""

from pathlib import Path

from segnet_ros.datasets.frames import LabelledFrame
from segnet_ros.datasets.patterns import Patterns, find_pairs
from segnet_ros.datasets.taxonomy import VOID, Taxonomy
from segnet_ros.inference.model import SegmentationClass

_CLASSES = {
    7: ("road", (128, 64, 128)), 8: ("sidewalk", (244, 35, 232)),
    11: ("building", (70, 70, 70)), 12: ("wall", (102, 102, 156)), 13: ("fence", (190, 153, 153)),
    17: ("pole", (153, 153, 153)), 19: ("traffic light", (250, 170, 30)),
    20: ("traffic sign", (220, 220, 0)), 21: ("vegetation", (107, 142, 35)),
    22: ("terrain", (152, 251, 152)), 23: ("sky", (70, 130, 180)), 24: ("person", (220, 20, 60)),
    25: ("rider", (255, 0, 0)), 26: ("car", (0, 0, 142)), 27: ("truck", (0, 0, 70)),
    28: ("bus", (0, 60, 100)), 31: ("train", (0, 80, 100)), 32: ("motorcycle", (0, 0, 230)),
    33: ("bicycle", (119, 11, 32)),
}  # fmt: skip
_IDS = 34
# The id of licence plates is -1.
_MINUS_ONE = 255
CITYSCAPES = Taxonomy(
    name="Cityscapes",
    classes=tuple(SegmentationClass(name, color) for name, color in _CLASSES.values()),
    class_of={
        **dict.fromkeys((*range(_IDS), _MINUS_ONE), VOID),
        **{value: k for k, value in enumerate(_CLASSES)},
    },
)
_PATTERNS = Patterns(
    images="leftImg8bit/{split}/{name}_leftImg8bit.png",
    labels="gtFine/{split}/{name}_gtFine_labelIds.png",
)


def find_frames(root: Path, split: str) -> list[LabelledFrame]:
    """List the frames of a split in order of cities and names.

    Raises:
        DatasetError: the split has no picture, or a picture has no labels.

    """
    return find_pairs(root, split, _PATTERNS, CITYSCAPES)
