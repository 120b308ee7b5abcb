# SPDX-License-Identifier: Apache-2.0
"""Does the node wear out? Two hours of a 640x480 camera at 30 Hz, in real time.

Node, camera and watcher are processes of their own. Every minute the node's memory, descriptors,
threads and shared memory are read, and how long labels took from the picture's sending to their
arrival; after warm-up they are judged. Exit code 1 if a promise is broken or the books do not
balance. `--samples FILE` alone judges and plots an earlier run.
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from bench_models import light_model
from rich.console import Console
from rich.table import Table
from soak_plot import plot
from soak_samples import Sample, Verdict, append, judge, load, sample
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
from usage import usage

RATE = 30.0
TOPICS = ("label", "overlay")
FATES = ("received", "published", "superseded", "stale", "failed", "pending")
_LIGHT = (240, 180)
_SECONDS_PER_MINUTE = 60.0
_SETTLE_SECONDS = 3.0  # diagnostics come once a second


def soak(
    model: Path, periods: int, period: float, note: Callable[[Sample], None]
) -> tuple[int, dict[str, int]]:
    """Run node and camera, and measure.

    Args:
        model: Its folder.
        periods: How many.
        period: Seconds.
        note: Told every sample.

    Returns:
        Frames sent, and the node's books.

    """
    with _node(model) as pid, watching(TOPICS) as watcher, _camera() as device:
        watcher.wait_active()
        device.wait_ready(watcher)
        count = round(periods * period * RATE)
        device.start(RATE, count)
        for number in range(1, periods + 1):
            watcher.spin(period)
            taken = sample(number * period / _SECONDS_PER_MINUTE, _latencies(watcher), usage(pid))
            note(taken)
        return count, _books(watcher)


def _node(model: Path) -> AbstractContextManager[int]:
    return running_node(model, "-r", f"image:={CAMERA}")


def _camera() -> AbstractContextManager[Camera]:
    return camera(*camera_options(CAMERA, SIZES["480p"]))


def _latencies(watcher: Watcher) -> list[int]:
    """Of the labels since the last call, nanoseconds."""
    arrivals = watcher.arrivals["label"]
    latencies = [arrival - stamp for stamp, arrival in arrivals.items()]
    for stamps in watcher.arrivals.values():
        stamps.clear()
    return latencies


def _books(watcher: Watcher) -> dict[str, int]:
    """When the last frame is accounted for."""
    watcher.spin(_SETTLE_SECONDS)
    return {fate: watcher.count(fate) for fate in FATES}


def report(verdicts: Sequence[Verdict], console: Console) -> bool:
    """Print them; whether every promise is kept."""
    table = Table("promise", "measured", "")
    for verdict in verdicts:
        table.add_row(verdict.promise, verdict.measured, "kept" if verdict.kept else "BROKEN")
    console.print(table)
    return all(verdict.kept for verdict in verdicts)


def main() -> None:
    """Run, or read an earlier run; then judge and plot."""
    options = _options()
    console = Console(width=120)
    exact = True
    if options.samples is None:
        options.output.mkdir(parents=True, exist_ok=True)
        options.samples = options.output / "samples.jsonl"
        options.samples.unlink(missing_ok=True)
        exact = _run(options, console)
    samples = load(options.samples)
    plot(samples, options.warm_up, options.samples.with_name("soak.svg"))
    raise SystemExit(not (report(judge(samples, options.warm_up), console) and exact))


def _run(options: argparse.Namespace, console: Console) -> bool:
    isolate()

    def note(taken: Sample) -> None:
        append(options.samples, taken)
        console.print(taken)

    with tempfile.TemporaryDirectory() as temporary:
        model = options.model or light_model(Path(temporary) / "light", _LIGHT)
        sent, books = soak(model, options.minutes, _SECONDS_PER_MINUTE, note)
    console.print(f"{sent} frames sent; the node's books: {books}")
    return books["received"] == sum(books[fate] for fate in FATES[1:])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=120)
    parser.add_argument("--warm-up", type=int, default=15, help="minutes that do not count")
    parser.add_argument("--model", type=Path, help="default: segnet_light at 240x180")
    parser.add_argument("--output", type=Path, default=Path("build/soak"), help="folder")
    parser.add_argument("--samples", type=Path, help="judge and plot these; run nothing")
    return parser.parse_args()


if __name__ == "__main__":
    main()
