# SPDX-License-Identifier: Apache-2.0
"""Labelled frames that every machine can make for itself."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from segnet_ros.simulation.drive import StreetDrive
from segnet_ros.training.errors import ExportError

Pixels = npt.NDArray[np.uint8]
SEEDS = range(4)
_INDICES = (0, 150)


class Frame(NamedTuple):
    """A picture, uint8 [H, W, 3] RGB, and its labels, uint8 [H, W]."""

    image: Pixels
    labels: Pixels


@lru_cache(maxsize=2)
def rendered_frames(size: tuple[int, int]) -> tuple[Frame, ...]:
    """Eight frames of four streets, all streets first; labels are `StreetClass` ids.

    Args:
        size: (width, height) in pixels.

    Raises:
        ExportError: the size is too small to render.

    """
    try:
        drives = [StreetDrive(seed, size) for seed in SEEDS]
    except ValueError as error:
        msg = f"no frame to check the graph with: {error}"
        raise ExportError(msg) from error
    return tuple(
        Frame(*drive.frame(index + 10 * seed))
        for index in _INDICES
        for seed, drive in zip(SEEDS, drives, strict=True)
    )
