"""Labels for human eyes: class colours, overlay, legend."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from segnet_ros.inference.model import SegmentationClass

Pixels = npt.NDArray[np.uint8]


def color_table(classes: Sequence[SegmentationClass]) -> Pixels:
    """Colours by id: uint8 [256, 1, 3] RGB; ids without a class, such as 255, are black."""
    table = np.zeros((256, 1, 3), np.uint8)
    for index, item in enumerate(classes):
        table[index, 0] = item.color
    return table


def colorize(labels: Pixels, table: Pixels) -> Pixels:
    """Paint labels uint8 [H, W] with a `color_table`: uint8 [H, W, 3] RGB."""
    return np.asarray(cv2.applyColorMap(labels, table), dtype=np.uint8)


def blend(image: Pixels, color: Pixels, alpha: float) -> Pixels:
    """Lay class colours over a picture.

    Args:
        image: uint8 [H, W, 3] RGB.
        color: The same shape.
        alpha: Share of the colours, 0..1.

    Returns:
        uint8 [H, W, 3] RGB.
    """
    return np.asarray(cv2.addWeighted(image, 1.0 - alpha, color, alpha, 0.0), dtype=np.uint8)


def legend(classes: Sequence[SegmentationClass], width: int, row_height: int = 22) -> Pixels:
    """Draw class colours with their names in rows of equal columns: uint8 [H, width, 3] RGB."""
    column = 112
    per_row = max(1, width // column)
    rows = -(-len(classes) // per_row)
    canvas = np.full((rows * row_height, width, 3), 24, np.uint8)
    for index, item in enumerate(classes):
        left, top = index % per_row * column, index // per_row * row_height
        cv2.rectangle(canvas, (left + 5, top + 5), (left + 17, top + 17), item.color, cv2.FILLED)
        cv2.putText(
            canvas, item.name, (left + 23, top + 16), cv2.FONT_HERSHEY_SIMPLEX, 0.42,
            (235, 235, 235), 1, cv2.LINE_AA,
        )  # fmt: skip
    return canvas
