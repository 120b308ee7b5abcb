# SPDX-License-Identifier: Apache-2.0
"""The diagram of a drive, drawn by matplotlib as SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from segnet_ros.evaluation.svg import svg_uri

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from segnet_ros.evaluation.drive_report import CameraDrive, Event, Timeline
    from segnet_ros.inference.model import SegmentationClass

Floats = npt.NDArray[np.float64]

_WIDTH, _HEIGHT = 9.6, 7.6
_PARTS = (3, 1.2, 1.2, 1.2)
_LINE, _EVENT = "#2a6fb0", "#c0392b"


def drive_chart(camera: CameraDrive, seconds: float, classes: Sequence[SegmentationClass]) -> str:
    """Class shares, confidence, flicker and frame rate over the seconds of a drive.

    Steps without a frame are left empty; times of health events are shaded.

    Args:
        camera: What it saw; at least one frame.
        seconds: Length of the drive.
        classes: In the order of the shares.

    Returns:
        SVG as a data URI; the same for the same camera, byte by byte.

    """
    figure = Figure(figsize=(_WIDTH, _HEIGHT))
    shares, *lines = figure.subplots(len(_PARTS), sharex=True, height_ratios=_PARTS)
    timeline = camera.timeline
    _stack(shares, timeline, classes)
    percent = 100 * np.array([timeline.confidence, timeline.flicker])
    _line(lines[0], timeline, percent[0], "confidence, %")
    _line(lines[1], timeline, percent[1], "flicker, %")
    _line(lines[2], timeline, np.array(timeline.rate), "frames/s")
    _from_zero(lines[1], percent[1])
    _from_zero(lines[2], np.array(timeline.rate))
    for axes in (shares, *lines):
        _shade(axes, camera.events)
    lines[-1].set(xlabel="time, s", xlim=(0, max(seconds, timeline.step)))
    figure.align_ylabels()
    return svg_uri(figure)


def _stack(axes: Axes, timeline: Timeline, classes: Sequence[SegmentationClass]) -> None:
    values = [_broken(timeline, timeline.shares[item.name]) for item in classes]
    colors = ["#{:02x}{:02x}{:02x}".format(*item.color) for item in classes]
    axes.stackplot(_times(timeline), 100 * np.array(values), colors=colors, linewidth=0)
    axes.set(ylim=(0, 100), ylabel="classes, %")


def _line(axes: Axes, timeline: Timeline, values: Floats, label: str) -> None:
    axes.plot(_times(timeline), _broken(timeline, values), color=_LINE, linewidth=1.2)
    axes.set_ylabel(label)
    axes.margins(y=0.15)
    axes.grid(alpha=0.3)


def _from_zero(axes: Axes, values: Floats) -> None:
    known = values[np.isfinite(values)]
    axes.set_ylim(0, 1.15 * known.max(initial=0) or 1)


def _times(timeline: Timeline) -> Floats:
    """Where each step begins and ends, and a point after it that can be left empty."""
    begin = np.array(timeline.begin)
    return np.stack([begin, begin + timeline.step, begin + timeline.step], axis=1).ravel()


def _broken(timeline: Timeline, values: Sequence[float] | Floats) -> Floats:
    """Values of `_times`, NaN between steps that do not follow each other."""
    drawn = np.repeat(np.array(values, np.float64), 3)
    apart = np.diff(timeline.begin, append=np.inf) > 1.5 * timeline.step
    drawn[2::3][apart] = np.nan
    return drawn


def _shade(axes: Axes, events: Sequence[Event]) -> None:
    for event in events:
        axes.axvspan(event.begin, event.end, color=_EVENT, alpha=0.2, linewidth=0)
