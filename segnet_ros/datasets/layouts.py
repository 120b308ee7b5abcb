"""Find a split's frames in whatever layout a folder has."""

from pathlib import Path

from segnet_ros.datasets import camvid
from segnet_ros.datasets.frames import LabelledFrame


def find_frames(source: Path, split: str) -> list[LabelledFrame]:
    """List the frames of a split in order of their names.

    Raises:
        DatasetError: the layout is unknown, or files are missing.
    """
    return camvid.find_frames(source, split)
