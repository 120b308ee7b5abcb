# SPDX-License-Identifier: Apache-2.0
"""Samples of a soak run as a picture."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from soak_samples import Sample

_SIZE = (9.0, 8.0)  # inches


def plot(samples: Sequence[Sample], warm_up: int, path: Path) -> None:
    """Draw memory, counts, latency and rate over time, as SVG.

    Args:
        samples: In order of time.
        warm_up: How many of them are grey.
        path: Of the picture.

    """
    mpl.rcParams["svg.hashsalt"] = "soak"  # the same samples give the same file
    figure = Figure(figsize=_SIZE, layout="constrained")
    memory, counts, latency, labels = figure.subplots(4, 1, sharex=True)
    minutes = [item.elapsed for item in samples]
    for axes in (memory, counts, latency, labels):
        axes.axvspan(0, minutes[warm_up - 1] if warm_up else 0, color="0.9")
        axes.grid(visible=True, color="0.9")
    memory.plot(minutes, [item.memory for item in samples], color="tab:blue")
    memory.set_ylabel("memory [MiB]")
    memory.margins(y=0.5)
    counts.plot(minutes, [item.descriptors for item in samples], label="descriptors")
    counts.plot(minutes, [item.threads for item in samples], label="threads")
    segments = [item.shared_segments for item in samples]
    counts.plot(minutes, segments, label="shared segments", color="0.6")
    counts.set_ylim(bottom=0)
    counts.set_ylabel("count")
    counts.legend(loc="center right")
    latency.plot(minutes, [item.worst for item in samples], color="0.7", label="worst")
    latency.plot(minutes, [item.p99 for item in samples], color="tab:red", label="p99")
    latency.plot(minutes, [item.p50 for item in samples], color="tab:green", label="p50")
    latency.set_yscale("log")
    latency.set_ylabel("latency [ms]")
    latency.legend(loc="upper right")
    labels.plot(minutes, [item.labels for item in samples], color="tab:purple")
    labels.set_ylim(bottom=0)
    labels.set_ylabel("labels per period")
    labels.set_xlabel("minutes")
    figure.savefig(path, format="svg", metadata={"Date": None})
