# SPDX-License-Identifier: Apache-2.0
"""What labelled frames look like, so that their like is not proposed again."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segnet_ros.bags.ahead import map_ahead
from segnet_ros.bags.mining.descriptor import SIZE, Descriptor, describe
from segnet_ros.datasets.frames import LabelledFrame, read_frame
from segnet_ros.datasets.layouts import find_frames

_THREADS = 2
_AHEAD = 4


def describe_known(datasets: Sequence[Path]) -> Descriptor:
    """Describe the frames that `segnet train` would train on.

    Args:
        datasets: Folders, or YAML files; see `find_frames`.

    Returns:
        uint8 [n, `SIZE`].

    Raises:
        DatasetError: a dataset cannot be read.

    """
    frames = [frame for dataset in datasets for frame in find_frames(dataset, "train")]
    described = map_ahead(_describe, frames, _THREADS, _AHEAD)
    return np.array(list(described), np.uint8).reshape(len(frames), SIZE)


def _describe(frame: LabelledFrame) -> Descriptor:
    return describe(read_frame(frame)[0])
