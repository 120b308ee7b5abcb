# SPDX-License-Identifier: Apache-2.0
"""CamVid's folder layout: DIR/SPLIT/NAME.png beside DIR/SPLITannot/NAME.png.

Class order and colours are those of the SegNet authors' tutorial. Sequences are named by the part
of the file name before the first underscore (`0016E5_07959.png` belongs to `0016E5`).
"""

from pathlib import Path

from segnet_ros.datasets.frames import DatasetError, LabelledFrame
from segnet_ros.datasets.patterns import Patterns, find_pairs
from segnet_ros.datasets.taxonomy import VOID, Taxonomy
from segnet_ros.inference.model import SegmentationClass

_COLORS = {
    "Sky": (128, 128, 128), "Building": (128, 0, 0), "Pole": (192, 192, 128),
    "Road": (128, 64, 128), "Pavement": (60, 40, 222), "Tree": (128, 128, 0),
    "SignSymbol": (192, 128, 128), "Fence": (64, 64, 128), "Car": (64, 0, 128),
    "Pedestrian": (64, 64, 0), "Bicyclist": (0, 128, 192),
}  # fmt: skip
CAMVID = Taxonomy(
    name="CamVid",
    classes=tuple(SegmentationClass(name, color) for name, color in _COLORS.items()),
    class_of={**{k: k for k in range(len(_COLORS))}, len(_COLORS): VOID},
)
_PATTERNS = Patterns(images="{split}/{name}.png", labels="{split}annot/{name}.png")


def find_frames(root: Path, split: str) -> list[LabelledFrame]:
    """List the frames of a split in order of their names.

    Raises:
        DatasetError: a folder is missing or empty, or a picture has no labels.

    """
    for folder in (root / split, root / f"{split}annot"):
        if not folder.is_dir():
            msg = (
                f"no folder {folder}; expected {root} to hold {split}/ and {split}annot/ "
                "with equally named PNG files; check the data folder and the split"
            )
            raise DatasetError(msg)
    return find_pairs(root, split, _PATTERNS, CAMVID)
