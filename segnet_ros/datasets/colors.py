# SPDX-License-Identifier: Apache-2.0
"""Colours for classes that bring none."""


def pascal_color(index: int) -> tuple[int, int, int]:
    """RGB 0..255 of the PASCAL VOC colour map: black at 0, then far apart from one another.

    Args:
        index: 0..255.

    """
    red, green, blue = (_spread(index >> channel) for channel in range(3))
    return red, green, blue


def _spread(bits: int) -> int:
    """Every third bit from the lowest on, as the highest bits of a byte."""
    return sum((bits >> 3 * k & 1) << 7 - k for k in range(3))
