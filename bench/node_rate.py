# SPDX-License-Identifier: Apache-2.0
"""Node rate over bare-engine rate, and frames lost at 720p and 30 Hz, in one run.

The bare engine is the runtime alone, called in a loop with a picture of its own size. The node is
fed faster than it can work; its rate is what it publishes. Engine runs before and after each node
run, because the machine's speed drifts.
"""

import math
import os
import statistics
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table
from system import (
    CAMERA,
    SIZES,
    Camera,
    Watcher,
    camera,
    camera_options,
    frames,
    isolate,
    running_node,
    watching,
)

from segnet_ros.inference.model import load_model
from segnet_ros.inference.runtime import load_runtime
from segnet_ros.inference.shipped import find_model
from segnet_ros.ros.fastdds import VARIABLES
from segnet_ros.ros.parameters import DEFAULT_MODEL

_SECONDS = 10.0
_WARM_UP = 3.0
_CAMERA_OVER_ENGINE = 1.1
_LIVE_RATE = 30.0
_DEFAULT_PROFILE = (
    '<dds xmlns="http://www.eprosima.com"><profiles>'
    '<participant profile_name="plain"/></profiles></dds>'
)


def engine_rate() -> float:
    """Frames per second of the runtime alone, from the median."""
    model = load_model(find_model(DEFAULT_MODEL))
    runtime = load_runtime(model)
    image = frames(model.size, count=1)[0]
    durations = []
    end = time.monotonic() + 4.0
    while time.monotonic() < end:
        started = time.perf_counter()
        runtime.infer(image)
        durations.append(time.perf_counter() - started)
    runtime.close()
    return 1.0 / statistics.median(durations)


def rates(watcher: Watcher, source: Camera, rate: float) -> dict[str, float]:
    """Frames per second by fate, between two reports of the node, while a camera sends."""
    fates = ("received", "published", "superseded")
    source.start(rate, math.ceil(2 * (_WARM_UP + _SECONDS) * rate))
    watcher.spin(_WARM_UP)
    before, started = [watcher.count(fate) for fate in fates], watcher.reported
    watcher.spin(_SECONDS)
    seconds = watcher.reported - started
    return {
        fate: (watcher.count(fate) - count) / seconds
        for fate, count in zip(fates, before, strict=True)
    }


def node_rates(size: tuple[int, int], rate: float, *options: str) -> dict[str, float]:
    """See `rates`; the processes are made for it."""
    with (
        watching(("label",)) as watcher,
        running_node(DEFAULT_MODEL, "-r", f"image:={CAMERA}"),
        camera(*camera_options(CAMERA, size, *options)) as source,
    ):
        watcher.wait_active()
        source.wait_ready(watcher)
        return rates(watcher, source, rate)


def rate_table() -> Table:
    """Engine and node rate per camera size."""
    table = Table("camera", "engine 1/s", "node 1/s", "node / engine")
    for name, size in SIZES.items():
        before = engine_rate()
        node = node_rates(size, before * _CAMERA_OVER_ENGINE)["published"]
        engine = statistics.mean((before, engine_rate()))
        table.add_row(name, f"{engine:.1f}", f"{node:.1f}", f"{node / engine:.2f}")
    return table


def loss_table(folder: Path) -> Table:
    """Best-effort 720p at 30 Hz, with the shipped Fast DDS profile and without."""
    table = Table("Fast DDS", "received 1/s", "published 1/s", "superseded 1/s", "lost %")
    for name, profile in (("shipped profile", None), ("as it comes", _DEFAULT_PROFILE)):
        if profile is not None:
            (folder / "default.xml").write_text(profile, encoding="utf-8")
            os.environ.update(dict.fromkeys(VARIABLES, str(folder / "default.xml")))
        measured = node_rates(SIZES["720p"], _LIVE_RATE, "--best-effort")
        lost = 100 * max(0.0, 1 - measured["received"] / _LIVE_RATE)
        table.add_row(name, *(f"{rate:.1f}" for rate in measured.values()), f"{lost:.1f}")
    return table


def main() -> None:
    """Print both tables."""
    isolate()
    with tempfile.TemporaryDirectory() as folder:
        Console().print(rate_table())
        Console().print(loss_table(Path(folder)))


if __name__ == "__main__":
    main()
