# SPDX-License-Identifier: Apache-2.0
"""Diagrams of an evaluation, drawn by matplotlib as SVG."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from segnet_ros.evaluation.calibration import ReliabilityBin
from segnet_ros.evaluation.svg import svg_uri

_MAX_CLASSES_WITH_NUMBERS = 20
_DARK_CELL = 0.6
_CELL = 0.42
_BLUE, _GREY = "#2a6fb0", "#8a8a8a"


def confusion_chart(confusion: Sequence[Sequence[int]], names: Sequence[str]) -> str:
    """Heat map of where the pixels of each class went.

    Args:
        confusion: Pixels by true class (row) and predicted class (column), as `Evaluation` has it.
        names: Of the classes.

    Returns:
        SVG as a data URI. Each row shows shares of its true class; classes that do not occur stay
        empty, and the last column appears only where pixels got no class.

    """
    counts = np.asarray(confusion, np.float64)
    columns = [*names, "no class"] if counts[:, -1].any() else list(names)
    with np.errstate(invalid="ignore"):
        shares = counts[:, : len(columns)] / counts.sum(axis=1, keepdims=True)
    side = 1 + _CELL * len(columns)
    figure = Figure(figsize=(side, side * len(names) / len(columns)))
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    # A dollar sign in a class name is no mathematics.
    axes.set_xticks(range(len(columns)), columns, rotation=90, parse_math=False)
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.set(xlabel="predicted", ylabel="labelled")
    if len(names) <= _MAX_CLASSES_WITH_NUMBERS:
        _write_percentages(axes, shares)
    return svg_uri(figure)


def reliability_chart(bins: Sequence[ReliabilityBin]) -> str:
    """Accuracy by confidence above, the share of the pixels in each bin below.

    Returns:
        SVG as a data URI.

    """
    left = [item.low for item in bins]
    width = [item.high - item.low for item in bins]
    pixels = np.array([item.pixels for item in bins], np.float64)
    figure = Figure(figsize=(4.4, 4.8))
    accuracy, share = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    accuracy.bar(left, np.nan_to_num([item.accuracy for item in bins]), width, align="edge",
                 color=_BLUE, edgecolor="white")  # fmt: skip
    accuracy.plot([0, 1], [0, 1], linestyle="--", color=_GREY)
    accuracy.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy")
    share.bar(left, pixels / max(1.0, pixels.sum()), width, align="edge", color=_GREY)
    share.set(xlabel="confidence", ylabel="share of pixels")
    return svg_uri(figure)


def _write_percentages(axes: Axes, shares: np.ndarray) -> None:
    for (row, column), share in np.ndenumerate(shares):
        if share >= 0.005:
            color = "white" if share > _DARK_CELL else "black"
            axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", color=color,
                      fontsize=7)  # fmt: skip
