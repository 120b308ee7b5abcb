# SPDX-License-Identifier: Apache-2.0
"""SUN RGB-D, 37 classes, as the repository ankurhanda/sunrgbd-meta-data packs it.

DIR holds three unpacked archives: SUNRGBD-train_images/ (img-000001.jpg to img-005285.jpg),
SUNRGBD-test_images/ (img-000001.jpg to img-005050.jpg) and sunrgbd_train_test_labels/, where the
labels of the test pictures come first and those of the training pictures go on after them.
The dataset names no sequences; a hundred neighbours in number, which often show one room, make one.
"""

from pathlib import Path

from segnet_ros.datasets.colors import pascal_color
from segnet_ros.datasets.frames import DatasetError, LabelledFrame
from segnet_ros.datasets.patterns import complete
from segnet_ros.datasets.taxonomy import VOID, Taxonomy
from segnet_ros.inference.model import SegmentationClass

_NAMES = (
    "wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window", "bookshelf",
    "picture", "counter", "blinds", "desk", "shelves", "curtain", "dresser", "pillow", "mirror",
    "floor_mat", "clothes", "ceiling", "books", "fridge", "tv", "paper", "towel", "shower_curtain",
    "box", "whiteboard", "person", "night_stand", "toilet", "sink", "lamp", "bathtub", "bag",
)  # fmt: skip
SUN_RGBD = Taxonomy(
    name="SUN RGB-D",
    classes=tuple(SegmentationClass(name, pascal_color(k)) for k, name in enumerate(_NAMES, 1)),
    class_of={0: VOID, **{value: k for k, value in enumerate(range(1, len(_NAMES) + 1))}},
)
_LABELS = "sunrgbd_train_test_labels"
_LABELS_BEFORE = {"train": 5050, "test": 0}
_PICTURE = "img-" + 6 * "[0-9]" + ".jpg"


def find_frames(root: Path, split: str) -> list[LabelledFrame]:
    """List the frames of a split in order of their numbers.

    Raises:
        DatasetError: the split is neither train nor test, or files are missing.

    """
    if split not in _LABELS_BEFORE:
        msg = f"SUN RGB-D has no split {split}; expected train or test"
        raise DatasetError(msg)
    images = root / f"SUNRGBD-{split}_images"
    paths = sorted(images.glob(_PICTURE))
    return complete([_frame(root, path, _LABELS_BEFORE[split]) for path in paths], images)


def _frame(root: Path, image: Path, labels_before: int) -> LabelledFrame:
    number = int(image.stem.removeprefix("img-")) + labels_before
    return LabelledFrame(image, root / _LABELS / f"img-{number:06d}.png", image.stem[:-2], SUN_RGBD)
