# SPDX-License-Identifier: Apache-2.0
"""What a person looks at after the demo: a video and a contact sheet."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from segnet_ros.demo import recording as recorded
from segnet_ros.inference.files import write_image
from segnet_ros.inference.model import SegmentationClass
from segnet_ros.inference.picture_files import read_picture
from segnet_ros.inference.preprocessing import resize_image
from segnet_ros.inference.video import video_writer
from segnet_ros.inference.visualization import color_table, colorize, legend

Pixels = npt.NDArray[np.uint8]

_ROWS = 6
_TILE_WIDTH = 360
_GAP = 4


def write_video(recording: Path, path: Path, rate: float) -> None:
    """Write the recorded overlays as a video."""
    with video_writer(path, rate) as append:
        for _, overlay in recorded.overlays(recording):
            append(overlay)


def write_contact_sheet(
    recording: Path, path: Path, classes: Sequence[SegmentationClass], truth: Mapping[int, Path]
) -> None:
    """Write rows of camera, overlay, labels and, where the clip has them, true labels.

    Args:
        recording: Bag of the recorder.
        path: PNG file to write.
        classes: Of the model.
        truth: Stamp to label file.

    """
    table = color_table(classes)
    labels = dict(_sample(recording))
    camera = _at(recorded.camera(recording), labels)
    overlays = _at(recorded.overlays(recording), labels)
    rows = []
    for stamp in sorted(labels.keys() & camera.keys() & overlays.keys()):
        tiles = [camera[stamp], overlays[stamp], colorize(labels[stamp], table)]
        if stamp in truth:
            expected = read_picture(truth[stamp], cv2.IMREAD_UNCHANGED)
            tiles.append(colorize(np.asarray(expected, np.uint8), table))
        rows.append(np.hstack([_tile(picture) for picture in tiles]))
    if rows:
        sheet = np.vstack(rows)
        write_image(path, np.vstack([sheet, legend(classes, sheet.shape[1])]))


def _sample(recording: Path) -> list[tuple[int, Pixels]]:
    """A few label images, evenly spread over the recording."""
    total = sum(1 for _ in recorded.labels(recording))
    wanted = set(np.linspace(0, total - 1, _ROWS).round().astype(int).tolist()) if total else set()
    return [item for index, item in enumerate(recorded.labels(recording)) if index in wanted]


def _at(pictures: Iterable[tuple[int, Pixels]], wanted: Mapping[int, Pixels]) -> dict[int, Pixels]:
    return {stamp: picture for stamp, picture in pictures if stamp in wanted}


def _tile(picture: Pixels) -> Pixels:
    height = round(_TILE_WIDTH * picture.shape[0] / picture.shape[1])
    tile = resize_image(picture, (_TILE_WIDTH, height))
    padding = ((0, _GAP), (0, _GAP), (0, 0))
    return np.pad(tile, padding, constant_values=24)
