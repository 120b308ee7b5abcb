# SPDX-License-Identifier: Apache-2.0
"""One frame as two models see it, in pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from segnet_ros.evaluation.agreement import PairedClasses, comparable_pixels, joint_labels
from segnet_ros.evaluation.pictures import jpeg_uri
from segnet_ros.inference.visualization import blend, color_table, colorize

if TYPE_CHECKING:
    from segnet_ros.inference.segmenter import Segmentation

Pixels = npt.NDArray[np.uint8]

DIFFERENT = (255, 0, 255)
"""Colour of pixels on which the models differ, RGB."""

INCOMPARABLE = (0, 255, 255)
"""Colour of pixels to which a model gives a class that the other does not have, RGB."""

_ALPHA = 0.6
_BACKGROUND = 0.35


@dataclass(frozen=True)
class FramePictures:
    """Data URIs.

    Attributes:
        a: The picture under the colours of A's labels.
        b: Under those of B's labels; a colour means the same class in both.
        differences: `DIFFERENT` and `INCOMPARABLE` over the darkened picture.

    """

    a: str
    b: str
    differences: str


def draw(a: Segmentation, b: Segmentation, classes: PairedClasses) -> FramePictures:
    """Draw a frame.

    Args:
        a: Of model A under its published ids.
        b: Of model B, of the same picture.
        classes: Of both.

    """
    colors = color_table(classes.classes)
    labels_a = joint_labels(a.labels, classes.ids_a)
    labels_b = joint_labels(b.labels, classes.ids_b)
    return FramePictures(
        a=jpeg_uri(blend(a.image, colorize(labels_a, colors), _ALPHA)),
        b=jpeg_uri(blend(b.image, colorize(labels_b, colors), _ALPHA)),
        differences=jpeg_uri(differences(a.image, labels_a, labels_b, classes)),
    )


def differences(image: Pixels, a: Pixels, b: Pixels, classes: PairedClasses) -> Pixels:
    """Show where labels differ.

    Args:
        image: The picture, uint8 [H, W, 3] RGB.
        a: Joint ids of A, uint8 [H, W].
        b: Joint ids of B.
        classes: Of both.

    Returns:
        uint8 [H, W, 3] RGB.

    """
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    shown = np.asarray(cv2.convertScaleAbs(grey, alpha=_BACKGROUND), np.uint8)
    shown[a != b] = DIFFERENT
    shown[comparable_pixels(a, b, classes) == 0] = INCOMPARABLE
    return shown
