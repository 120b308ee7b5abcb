# SPDX-License-Identifier: Apache-2.0
"""A diagram of how two models agree along a recording, drawn by matplotlib as SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from segnet_ros.evaluation.svg import svg_uri

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes

    from segnet_ros.evaluation.comparison import ComparedCamera, Event

Floats = npt.NDArray[np.float64]

_POINTS = 500
_GAP = 3.0  # of the usual step
_SECOND_NS = 1e9
_LINE, _BAND = "#2a6fb0", "#b9d2ea"
_EVENT_COLORS = {
    "frozen": "#7a5ea8", "black": "#1a1a1a", "overexposed": "#e0a800", "blurred": "#2e8b57",
    "lost": "#c0392b",
}  # fmt: skip


def timeline_chart(camera: ComparedCamera) -> str:
    """Pixel agreement above, mean IoU below, over the seconds since the recording's begin.

    Long recordings are drawn in groups of frames: the line is their mean, the band reaches from
    the least to the greatest. The line is broken where frames are missing. Events are shaded, or a
    dashed line if they are of one frame.

    Args:
        camera: At least one frame.

    Returns:
        SVG as a data URI; the same for the same camera, byte by byte.

    """
    figure = Figure(figsize=(9, 4.4))
    above, below = figure.subplots(2, sharex=True)
    times = np.array([frame.time_ns - camera.start_ns for frame in camera.frames]) / _SECOND_NS
    for axes, name, label in ((above, "agreement", "pixel agreement"), (below, "miou", "mean IoU")):
        values = np.array([getattr(frame, name) for frame in camera.frames])
        _draw(axes, times, 100 * values)
        axes.set_ylabel(f"{label}, %")
        axes.grid(alpha=0.3)
        _mark(axes, camera.events, camera.start_ns)
    below.set_xlabel("time, s")
    if camera.events:
        handles, labels = above.get_legend_handles_labels()
        above.legend(handles, labels, loc="lower left", ncols=len(labels), fontsize="small")
    return svg_uri(figure)


def _draw(axes: Axes, times: Floats, values: Floats) -> None:
    size = -(-len(times) // _POINTS)
    begins = np.arange(0, len(times), size)
    counts = np.diff(np.append(begins, len(times)))
    middle = np.add.reduceat(times, begins) / counts
    mean = np.add.reduceat(values, begins) / counts
    lowest, highest = (each.reduceat(values, begins) for each in (np.minimum, np.maximum))
    broken = _gaps(middle)
    x, y, low, high = (np.insert(each, broken, np.nan) for each in (middle, mean, lowest, highest))
    if size > 1:
        axes.fill_between(x, low, high, color=_BAND, linewidth=0)
    axes.plot(x, y, color=_LINE, linewidth=1, marker="." if len(x) <= _POINTS // 2 else None)


def _gaps(times: Floats) -> npt.NDArray[np.intp]:
    """Places before which frames are missing."""
    steps = np.diff(times)
    return np.flatnonzero(steps > _GAP * np.median(steps)) + 1 if len(steps) else np.array([], int)


def _mark(axes: Axes, events: Sequence[Event], start_ns: int) -> None:
    labels = _labels_once(events)
    for event, label in zip(events, labels, strict=True):
        begin, end = ((time - start_ns) / _SECOND_NS for time in (event.begin_ns, event.end_ns))
        color = _EVENT_COLORS[event.kind]
        if begin == end:
            axes.axvline(begin, color=color, linestyle="--", linewidth=1, label=label)
        else:
            axes.axvspan(begin, end, color=color, alpha=0.25, linewidth=0, label=label)


def _labels_once(events: Sequence[Event]) -> Iterator[str]:
    """What a legend calls the events; matplotlib leaves out what begins with an underscore."""
    known: set[str] = set()
    for event in events:
        yield "_" if event.kind in known else event.kind
        known.add(event.kind)
