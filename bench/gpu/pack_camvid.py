# SPDX-License-Identifier: Apache-2.0
"""Pack CamVid for a GPU machine that gets its data in one small transfer.

usage: python bench/gpu/pack_camvid.py CAMVID PACKED

The pictures become JPEG of quality 98 (35 MB for train, 10 MB for val, instead of 125 MB of PNG);
labels stay PNG. PACKED/camvid.yaml describes the folder to `segnet train --data`.
"""

import shutil
import sys
from pathlib import Path

import cv2
import yaml

from segnet_ros.datasets.camvid import CAMVID, find_frames
from segnet_ros.datasets.taxonomy import VOID

SPLITS = ("train", "val")
_QUALITY = 98


def pack(source: Path, target: Path) -> None:
    """Write target/SPLIT/NAME.jpg, target/SPLITannot/NAME.png and target/camvid.yaml."""
    for split in SPLITS:
        images, labels = target / split, target / f"{split}annot"
        images.mkdir(parents=True, exist_ok=True)
        labels.mkdir(exist_ok=True)
        for frame in find_frames(source, split):
            picture = cv2.imread(str(frame.image_path))
            path = images / f"{frame.image_path.stem}.jpg"
            cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
            shutil.copyfile(frame.label_path, labels / frame.label_path.name)
    (target / "camvid.yaml").write_text(yaml.safe_dump(_description(), sort_keys=False))


def _description() -> dict[str, object]:
    values = {label: value for value, label in CAMVID.class_of.items()}
    return {
        "name": CAMVID.name,
        "images": "{split}/{name}.jpg",
        "labels": "{split}annot/{name}.png",
        "classes": [
            {"name": item.name, "value": values[k], "color": list(item.color)}
            for k, item in enumerate(CAMVID.classes)
        ],
        "void": values[VOID],
    }


if __name__ == "__main__":
    pack(Path(sys.argv[1]), Path(sys.argv[2]))
