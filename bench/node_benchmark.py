# SPDX-License-Identifier: Apache-2.0
"""The node after the method of NVIDIA's ros2_benchmark: peak rate, then fixed rates, per camera.

Camera, node and monitor are processes of their own that talk through the shipped Fast DDS profile.
The peak is searched by bisection and small steps: at most 5 % of the frames lost, labels not much
slower than frames. It is then measured five times, best and worst left out, and once at each fixed
rate. Unlike there, rates above the peak are measured too (this node drops frames instead of
queueing them), and CPU is that of the node's process alone, in percent of one core.
"""

import argparse
import json
import math
import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from peak import Search, find_peak
from performance import Performance, conclude, performance
from rich.console import Console
from rich.table import Table
from system import (
    CAMERA,
    SIZES,
    Camera,
    Watcher,
    camera,
    camera_options,
    isolate,
    running_node,
    watching,
)
from usage import cpu_seconds

from segnet_ros.ros.parameters import DEFAULT_MODEL

FIXED_RATES = (10.0, 30.0, 60.0)
ITERATIONS = 5
_WARM_UP_FRAMES = 30
_LAST_LABELS_SECONDS = 1.0

_ROWS = {
    "mean rate (1/s)": "rate",
    "frames sent": "frames_sent",
    "frames missed": "frames_missed",
    "latency of the first frame (ms)": "latency_first_ms",
    "latency of the last frame (ms)": "latency_last_ms",
    "mean latency (ms)": "latency_mean_ms",
    "max latency (ms)": "latency_max_ms",
    "mean jitter (ms)": "jitter_mean_ms",
    "max jitter (ms)": "jitter_max_ms",
    "standard deviation of jitter (ms)": "jitter_deviation_ms",
    "CPU of the node (% of a core)": "cpu_percent",
}


class Bench:
    """A camera before the running node.

    Args:
        pid: Of the node.
        source: Sends the pictures.
        monitor: Hears the labels.
        seconds: How long a run is.

    """

    def __init__(self, pid: int, source: Camera, monitor: Watcher, seconds: float) -> None:
        self._pid = pid
        self._source = source
        self._monitor = monitor
        self._seconds = seconds

    @property
    def runtime(self) -> str:
        """What the node runs on."""
        return self._monitor.values["runtime"]

    def warm_up(self) -> None:
        """The first frames meet cold caches and fresh connections."""
        self._source.play(self._monitor, FIXED_RATES[0], _WARM_UP_FRAMES)

    def measure(self, rate: float) -> Performance | None:
        """One run at a rate."""
        arrived = self._monitor.arrivals["label"]
        arrived.clear()
        before = cpu_seconds(self._pid)
        sent = self._source.play(self._monitor, rate, math.ceil(self._seconds * rate))
        cpu = cpu_seconds(self._pid) - before
        self._monitor.spin(_LAST_LABELS_SECONDS)
        return performance(sent, arrived, 1e11 * cpu / (sent[-1] - sent[0]))


@contextmanager
def bench(model: str, size: tuple[int, int], seconds: float) -> Iterator[Bench]:
    """Processes that are connected and warm."""
    with (
        watching(("label",)) as monitor,
        running_node(model, "-r", f"image:={CAMERA}") as pid,
        camera(*camera_options(CAMERA, size)) as source,
    ):
        monitor.wait_active()
        source.wait_ready(monitor)
        warm = Bench(pid, source, monitor, seconds)
        warm.warm_up()
        yield warm


def measure(
    model: str, size: tuple[int, int], seconds: float, search: Search, console: Console
) -> dict[str, Any]:
    """Everything about one camera size."""
    with bench(model, size, seconds) as connected:

        def probe(rate: float) -> Performance | None:
            console.print(f"{size[0]}x{size[1]} at {rate:g} Hz", style="dim")
            return connected.measure(rate)

        peak = find_peak(probe, search)
        runs = [run for _ in range(ITERATIONS) if (run := probe(peak)) is not None]
        fixed = {rate: probe(rate) for rate in FIXED_RATES}
        return {
            "runtime": connected.runtime,
            "peak": {"rate": peak, "performance": asdict(conclude(runs))},
            "fixed": {str(rate): run and asdict(run) for rate, run in fixed.items()},
        }


def report(name: str, result: Mapping[str, Any]) -> Table:
    """A column per rate."""
    peak, fixed = result["peak"], result["fixed"]
    rates = [f"{float(rate):g} Hz" for rate in fixed]
    table = Table(name, f"peak, {peak['rate']:g} Hz", *rates, title=result["runtime"])
    runs = (peak["performance"], *fixed.values())
    for title, field in _ROWS.items():
        table.add_row(title, *(f"{run[field]:.1f}" if run else "-" for run in runs))
    return table


def main() -> None:
    """Print a table per camera, and write JSON if asked."""
    options = _options()
    isolate()
    console = Console()
    search = Search(upper=options.upper)
    results = {
        name: measure(options.model, SIZES[name], options.seconds, search, console)
        for name in options.cameras
    }
    for name, result in results.items():
        console.print(report(name, result))
    if options.json:
        facts = {"model": options.model, "seconds": options.seconds, "search": asdict(search)}
        facts |= {"machine": platform.platform(), "cores": os.cpu_count(), "iterations": ITERATIONS}
        content = json.dumps({**facts, "cameras": results}, indent=2) + "\n"
        options.json.write_text(content, encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=DEFAULT_MODEL, help="name or folder")
    parser.add_argument("--cameras", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--seconds", type=float, default=5.0, help="of a run (default: 5)")
    parser.add_argument("--upper", type=float, default=100.0, help="highest rate tried, Hz")
    parser.add_argument("--json", type=Path, help="write the figures")
    return parser.parse_args()


if __name__ == "__main__":
    main()
