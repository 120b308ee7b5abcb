# SPDX-License-Identifier: Apache-2.0
"""Rendered drives as folders of PNG files in CamVid's layout."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from segnet_ros.inference.files import write_image
from segnet_ros.simulation.drive import StreetDrive

_STRIDE = 45
"""Frames between the moments that neighbouring seeds of a training set show."""

Frame = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]


def write_clip(
    folder: Path, name: str, frames: int, seed: int, size: tuple[int, int] = (480, 360)
) -> None:
    """Write the first frames of one drive.

    Images go to folder/name/000000.png (RGB), labels to folder/nameannot/000000.png (one 8-bit
    channel of `StreetClass` ids). Existing files of the same names are replaced; an interrupted
    run never leaves part of a PNG under its final name.

    Raises:
        ValueError: if frames is not positive, the seed negative or the size too small.
        InferenceError: if a file cannot be written.

    """
    _check_frames(frames)
    drive = StreetDrive(seed, size)
    _write_frames(folder, name, (drive.frame(index) for index in range(frames)))


def write_training_set(
    folder: Path, name: str, frames: int, first_seed: int, size: tuple[int, int] = (480, 360)
) -> None:
    """Write one frame from each of `frames` drives, seeds first_seed, first_seed + 1, ...

    Layout, guarantees and errors are those of `write_clip`.
    """
    _check_frames(frames)
    seeds = range(first_seed, first_seed + frames)
    _write_frames(folder, name, (_sample(seed, size) for seed in seeds))


def _sample(seed: int, size: tuple[int, int]) -> Frame:
    """Return one frame of a drive, at a moment that depends on the seed."""
    return StreetDrive(seed, size).frame(seed * _STRIDE % 1009)


def _write_frames(folder: Path, name: str, frames: Iterable[Frame]) -> None:
    images, labels = folder / name, folder / f"{name}annot"
    images.mkdir(parents=True, exist_ok=True)
    labels.mkdir(parents=True, exist_ok=True)
    for number, (image, label) in enumerate(frames):
        write_image(images / f"{number:06d}.png", image)
        write_image(labels / f"{number:06d}.png", label)


def _check_frames(frames: int) -> None:
    if frames < 1:
        msg = f"frames is {frames}; expected 1 or more"
        raise ValueError(msg)
