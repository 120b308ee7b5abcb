# SPDX-License-Identifier: Apache-2.0
"""One labelled picture, its sequence, and reading it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from segnet_ros.datasets.palette_png import is_palette_png, palette_indices
from segnet_ros.datasets.taxonomy import VOID, Taxonomy, class_names
from segnet_ros.inference.picture_files import PictureError, read_picture

Pixels = npt.NDArray[np.uint8]
_UNKNOWN = -1


class DatasetError(ValueError):
    """A dataset folder or file does not hold what its layout promises."""


@dataclass(frozen=True)
class LabelledFrame:
    """One picture of a split and the file that holds its labels.

    Attributes:
        image_path: The picture.
        label_path: One value per pixel: a greyscale picture, or a palette PNG's indices.
        sequence: The recording, city or folder this frame was taken from.
        taxonomy: What the values in the label file mean.

    """

    image_path: Path
    label_path: Path
    sequence: str
    taxonomy: Taxonomy


def common_taxonomy(frames: Sequence[LabelledFrame]) -> Taxonomy:
    """The taxonomy that all frames share.

    Raises:
        DatasetError: there is no frame, or their classes differ.

    """
    if not frames:
        msg = "no labelled frames; expected one or more"
        raise DatasetError(msg)
    first = frames[0].taxonomy
    for frame in frames:
        if frame.taxonomy.classes != first.classes:
            msg = (
                f"{frame.label_path} has the classes of {frame.taxonomy.name}, "
                f"{frames[0].label_path} those of {first.name}; expected the same names and "
                "colours in the same order; describe both with one list of classes"
            )
            raise DatasetError(msg)
    return first


def split_by_sequence(
    frames: Sequence[LabelledFrame], held_out: Sequence[str]
) -> tuple[list[LabelledFrame], list[LabelledFrame]]:
    """Part frames into (the others, those of the held-out sequences).

    Raises:
        DatasetError: a held-out sequence has no frame, or nothing would be left.

    """
    chosen = of_sequences(frames, held_out) if held_out else []
    kept = [frame for frame in frames if frame.sequence not in held_out]
    if not kept:
        msg = "holding out every sequence leaves no frame to train on"
        raise DatasetError(msg)
    return kept, chosen


def of_sequences(frames: Sequence[LabelledFrame], sequences: Sequence[str]) -> list[LabelledFrame]:
    """The frames of some sequences.

    Raises:
        DatasetError: a sequence has no frame.

    """
    present = sorted({frame.sequence for frame in frames})
    unknown = sorted(set(sequences) - set(present))
    if unknown:
        msg = f"no sequence {', '.join(unknown)}; there are {', '.join(present)}"
        raise DatasetError(msg)
    return [frame for frame in frames if frame.sequence in sequences]


def read_frame(frame: LabelledFrame) -> tuple[Pixels, Pixels]:
    """Read a picture and its labels.

    Returns:
        Image uint8 [H, W, 3] RGB 0..255 and labels uint8 [H, W], class ids or `VOID`.

    Raises:
        DatasetError: a file cannot be decoded, is too large, sizes differ, or a label has no
            meaning.

    """
    image = _decode(frame.image_path, cv2.IMREAD_COLOR)
    values = _decode_labels(frame.label_path)
    if values.dtype != np.uint8 or values.shape != image.shape[:2]:
        msg = (
            f"{frame.label_path} is {values.dtype} {values.shape}; expected one uint8 value "
            f"per pixel of {frame.image_path.name}, {image.shape[:2]}"
        )
        raise DatasetError(msg)
    rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return np.asarray(rgb, dtype=np.uint8), _to_classes(values, frame)


def _to_classes(values: Pixels, frame: LabelledFrame) -> Pixels:
    table = np.full(256, _UNKNOWN, np.int16)
    table[list(frame.taxonomy.class_of)] = list(frame.taxonomy.class_of.values())
    labels = table[values]
    unknown = values[labels == _UNKNOWN]
    if unknown.size:
        msg = (
            f"{frame.label_path} holds the value {unknown.min()}, which {frame.taxonomy.name} "
            f"does not know; expected {_meanings(frame.taxonomy)}"
        )
        raise DatasetError(msg)
    return labels.astype(np.uint8)


def _meanings(taxonomy: Taxonomy) -> str:
    names = class_names(taxonomy.classes)
    void = [str(value) for value, label in taxonomy.class_of.items() if label == VOID]
    values = [f"{value} {names[k]}" for value, k in taxonomy.class_of.items() if k != VOID]
    return ", ".join(values) + (f" or, for void, {', '.join(void)}" if void else "")


def _decode_labels(path: Path) -> npt.NDArray[Any]:
    values = _decode(path, cv2.IMREAD_UNCHANGED)
    if values.ndim == 2 or not is_palette_png(path):
        return values
    try:
        return palette_indices(path)
    except ImportError as error:
        msg = (
            f"{path} is a palette PNG, which OpenCV cannot read as labels; run `pip install pillow`"
        )
        raise DatasetError(msg) from error
    except PictureError as error:
        raise DatasetError(str(error)) from error


def _decode(path: Path, flags: int) -> npt.NDArray[Any]:
    try:
        return read_picture(path, flags)
    except PictureError as error:
        raise DatasetError(str(error)) from error
