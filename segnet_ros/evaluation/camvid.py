"""CamVid's folder layout: DIR/SPLIT/NAME.png beside DIR/SPLITannot/NAME.png.

Class order and colours are those of the SegNet authors' tutorial. Sequences are named by the part
of the file name before the first underscore (`0016E5_07959.png` belongs to `0016E5`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

CLASS_NAMES = (
    "Sky", "Building", "Pole", "Road", "Pavement", "Tree",
    "SignSymbol", "Fence", "Car", "Pedestrian", "Bicyclist",
)  # fmt: skip
CLASS_COLORS = (
    (128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (60, 40, 222), (128, 128, 0),
    (192, 128, 128), (64, 64, 128), (64, 0, 128), (64, 64, 0), (0, 128, 192),
)  # fmt: skip
VOID = 11


class DatasetError(ValueError):
    """A dataset folder or file does not hold what the layout promises."""


@dataclass(frozen=True)
class LabelledFrame:
    """One picture of a split and the file that holds its labels."""

    image_path: Path
    label_path: Path

    @property
    def sequence(self) -> str:
        """The recording this frame was taken from."""
        return self.image_path.stem.split("_")[0]


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
    frames = [LabelledFrame(path, labels / path.name) for path in sorted(images.glob("*.png"))]
    if not frames:
        raise DatasetError(f"no PNG files in {images}; expected one per frame")
    missing = [frame.label_path for frame in frames if not frame.label_path.is_file()]
    if missing:
        raise DatasetError(
            f"{len(missing)} of {len(frames)} pictures in {images} have no labels, "
            f"first {missing[0]}; restore them or remove the pictures"
        )
    return frames


def split_by_sequence(
    frames: Sequence[LabelledFrame], held_out: Sequence[str]
) -> tuple[list[LabelledFrame], list[LabelledFrame]]:
    """Part frames into (the others, those of the held-out sequences).

    Raises:
        DatasetError: a held-out sequence has no frame, or nothing would be left.
    """
    present = sorted({frame.sequence for frame in frames})
    unknown = sorted(set(held_out) - set(present))
    if unknown:
        raise DatasetError(f"no sequence {', '.join(unknown)}; there are {', '.join(present)}")
    kept = [frame for frame in frames if frame.sequence not in held_out]
    if not kept:
        raise DatasetError("holding out every sequence leaves no frame to train on")
    return kept, [frame for frame in frames if frame.sequence in held_out]


def read_frame(frame: LabelledFrame) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Read a picture and its labels.

    Returns:
        Image uint8 [H, W, 3] RGB 0..255 and labels uint8 [H, W], 0..10 or `VOID`.

    Raises:
        DatasetError: a file cannot be decoded, sizes differ, or a label is out of range.
    """
    image = _decode(frame.image_path, cv2.IMREAD_COLOR)
    labels = _decode(frame.label_path, cv2.IMREAD_UNCHANGED)
    if labels.dtype != np.uint8 or labels.shape != image.shape[:2]:
        raise DatasetError(
            f"{frame.label_path} is {labels.dtype} {labels.shape}; expected one uint8 class id "
            f"per pixel of {frame.image_path.name}, {image.shape[:2]}"
        )
    if labels.max() > VOID:
        raise DatasetError(
            f"{frame.label_path} holds class id {labels.max()}; expected 0..{VOID - 1} "
            f"({', '.join(CLASS_NAMES)}) or {VOID} for void"
        )
    rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return np.asarray(rgb, dtype=np.uint8), np.asarray(labels, dtype=np.uint8)


def _decode(path: Path, flags: int) -> npt.NDArray[Any]:
    pixels = cv2.imread(str(path), flags)
    if pixels is None:
        raise DatasetError(f"{path} cannot be decoded as a picture; restore or remove it")
    return pixels
