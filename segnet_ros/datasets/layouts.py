# SPDX-License-Identifier: Apache-2.0
"""Find a split's frames in whatever layout a folder has."""

from pathlib import Path

from segnet_ros.datasets import camvid, cityscapes, folder, sun_rgbd, voc
from segnet_ros.datasets.frames import DatasetError, LabelledFrame

DESCRIPTION = "dataset.yaml"
"""A folder that holds this file says itself what is in it; see `folder`."""


def _described(root: Path, split: str) -> list[LabelledFrame]:
    return folder.find_frames(root / DESCRIPTION, split)


_LAYOUTS = {
    "leftImg8bit": cityscapes.find_frames,
    "ImageSets/Segmentation": voc.find_frames,
    "SUNRGBD-*_images": sun_rgbd.find_frames,
    "*annot": camvid.find_frames,
    DESCRIPTION: _described,
}
"""Layouts by a folder or file that only they have."""


def find_frames(source: Path, split: str) -> list[LabelledFrame]:
    """List the frames of a split in order of their names.

    Args:
        source: A dataset's folder; or a YAML file that describes any folder (see `folder`), which
            may lie in the folder under the name `DESCRIPTION`.
        split: What the dataset calls it: train, val, test.

    Raises:
        DatasetError: the layout is unknown, or files are missing.

    """
    if source.suffix in (".yaml", ".yml"):
        return folder.find_frames(source, split)
    for mark, find in _LAYOUTS.items():
        if any(source.glob(mark)):
            return find(source, split)
    msg = (
        f"{source} is no data folder of a known layout; expected one with SPLIT/ and SPLITannot/ "
        "(CamVid), leftImg8bit/ (Cityscapes), ImageSets/Segmentation/ (PASCAL VOC) or "
        "SUNRGBD-SPLIT_images/ (SUN RGB-D); describe any other folder in a YAML file such as "
        "config/datasets/drivable_area.yaml and give that"
    )
    raise DatasetError(msg)
