# SPDX-License-Identifier: Apache-2.0
"""Labels for human eyes: class colours, overlay, legend."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from segnet_ros.inference.model import SegmentationClass

Pixels = npt.NDArray[np.uint8]

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_CAPITAL_HEIGHT = 21  # pixels at scale 1
_TEXT = (235, 235, 235)
_OUTLINE = (150, 150, 150)  # so that black swatches are seen, too

# Of a legend in a picture.
_PIXELS_PER_TEXT_SCALE = 1200
_SMALLEST_TEXT = 0.35
_ROW_PER_TEXT_SCALE = 40
_SHOWING_THROUGH = 0.35


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


def legend(classes: Sequence[SegmentationClass], width: int) -> Pixels:
    """Draw class colours with their names in rows of equal columns: uint8 [H, width, 3] RGB."""
    column, row = 112, 22
    per_row = max(1, width // column)
    rows = -(-len(classes) // per_row)
    canvas = np.full((rows * row, width, 3), 24, np.uint8)
    for index, item in enumerate(classes):
        top, left = index // per_row * row, index % per_row * column
        _draw_entry(canvas[top : top + row, left : left + column], item, 0.42)
    return canvas


class Legend:
    """A table in an overlay's upper left corner: colour, name and share of every class in sight.

    Args:
        classes: In the order of their ids.

    """

    def __init__(self, classes: Sequence[SegmentationClass]) -> None:
        self._entries = (*classes, SegmentationClass("unlabelled", (0, 0, 0)))

    def draw(self, overlay: Pixels, labels: Pixels) -> None:
        """Draw into a picture.

        Only classes that occur are listed, those with the largest shares first and as many as fit;
        ids without a class count as "unlabelled".

        Args:
            overlay: uint8 [H, W, 3] RGB; changed in place.
            labels: Class ids of the same frame, uint8 [H, W] of any size.

        """
        scale = max(_SMALLEST_TEXT, min(overlay.shape[:2]) / _PIXELS_PER_TEXT_SCALE)
        row = round(_ROW_PER_TEXT_SCALE * scale)
        shares = self._shares(labels)[: max(0, overlay.shape[0] // row - 1)]
        top = row // 2
        box = overlay[top : top + len(shares) * row, top : top + self._width(row, scale)]
        if box.size == 0:
            return
        box[...] = cv2.convertScaleAbs(box, alpha=_SHOWING_THROUGH)
        for index, (entry, share) in enumerate(shares):
            cells = box[index * row : (index + 1) * row]
            _draw_entry(cells, entry, scale)
            _draw_share(cells, share, scale)

    def _shares(self, labels: Pixels) -> list[tuple[SegmentationClass, float]]:
        """What occurs, with its share of the pixels, 0..1; the largest first."""
        counts = cv2.calcHist([labels], [0], None, [256], [0, 256]).ravel().astype(np.float64)
        known = len(self._entries) - 1
        counts[known] = counts[known:].sum()
        pairs = zip(self._entries, (counts[: known + 1] / labels.size).tolist(), strict=True)
        return sorted((pair for pair in pairs if pair[1] > 0), key=lambda pair: -pair[1])

    def _width(self, row: int, scale: float) -> int:
        # Of all names, not of those in sight: the table does not jump from frame to frame.
        longest = max(_text_width(entry.name, scale) for entry in self._entries)
        return row + longest + row // 2 + _text_width(_percent(1.0), scale) + row // 4


def _draw_entry(cells: Pixels, item: SegmentationClass, scale: float) -> None:
    """Draw a class's colour and name into a table's row, uint8 [row height, width, 3]."""
    row = cells.shape[0]
    low, high = round(0.23 * row), round(0.77 * row)
    cv2.rectangle(cells, (low, low), (high, high), item.color, cv2.FILLED)
    cv2.rectangle(cells, (low, low), (high, high), _OUTLINE, 1)
    _write(cells, item.name, row + 1, scale)


def _draw_share(cells: Pixels, share: float, scale: float) -> None:
    """Draw a share, 0..1, at the right end of a table's row."""
    row, width = cells.shape[:2]
    text = _percent(share)
    _write(cells, text, width - row // 4 - _text_width(text, scale), scale)


def _percent(share: float) -> str:
    return "<1%" if share < 0.01 else f"{share:.0%}"


def _write(cells: Pixels, text: str, left: int, scale: float) -> None:
    baseline = round((cells.shape[0] + _CAPITAL_HEIGHT * scale) / 2)
    cv2.putText(cells, text, (left, baseline), _FONT, scale, _TEXT, 1, cv2.LINE_AA)


def _text_width(text: str, scale: float) -> int:
    (width, _), _ = cv2.getTextSize(text, _FONT, scale, 1)
    return int(width)
