"""CamVid's folder layout: DIR/SPLIT/NAME.png beside DIR/SPLITannot/NAME.png.

Class order and colours are those of the SegNet authors' tutorial. Sequences are named by the part
of the file name before the first underscore (`0016E5_07959.png` belongs to `0016E5`).
"""

from pathlib import Path

from segnet_ros.datasets.frames import DatasetError, LabelledFrame
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


def find_frames(root: Path, split: str) -> list[LabelledFrame]:
    """List the frames of a split in order of their names.

    Raises:
        DatasetError: a folder is missing or empty, or a picture has no labels.
    """
    images, labels = root / split, root / f"{split}annot"
    for folder in (images, labels):
        if not folder.is_dir():
            raise DatasetError(
                f"no folder {folder}; expected {root} to hold {split}/ and {split}annot/ "
                "with equally named PNG files; check the data folder and the split"
            )
    frames = [
        LabelledFrame(path, labels / path.name, path.stem.split("_")[0], CAMVID)
        for path in sorted(images.glob("*.png"))
    ]
    if not frames:
        raise DatasetError(f"no PNG files in {images}; expected one per frame")
    missing = [frame.label_path for frame in frames if not frame.label_path.is_file()]
    if missing:
        raise DatasetError(
            f"{len(missing)} of {len(frames)} pictures in {images} have no labels, "
            f"first {missing[0]}; restore them or remove the pictures"
        )
    return frames
