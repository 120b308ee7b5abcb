# SPDX-License-Identifier: Apache-2.0
"""What the values in label files mean."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from segnet_ros.inference.model import SegmentationClass

VOID = 255
"""The label of pixels that count neither in the loss nor in a score, whatever the files store."""


@dataclass(frozen=True)
class Taxonomy:
    """The classes of a dataset.

    Attributes:
        name: Of the dataset.
        classes: In order of their ids.
        class_of: From the values in the label files to class ids or `VOID`. A value that is not
            listed is an error of the file.

    """

    name: str
    classes: tuple[SegmentationClass, ...]
    class_of: Mapping[int, int]


def class_names(classes: Iterable[SegmentationClass]) -> list[str]:
    """Names in order of their ids."""
    return [item.name for item in classes]
