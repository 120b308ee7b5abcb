# SPDX-License-Identifier: Apache-2.0
"""What the node itself costs: CPU time per frame beyond the engine and the conversions.

The node's process is measured whole (/proc/PID/stat, idle timers and Fast DDS's threads included)
while a camera sends 720p at 30 Hz. From that are taken away, each called alone in the same run, at
the same pace, on the same pictures: the engine, and the conversions: deserialising the message,
decoding, resizing, painting, filling and serialising the answers. The rest is the node's.

A model that does next to nothing keeps the difference of large numbers small. For comparison, a
relay that only takes the pictures and sends ready answers shows how much of the rest is rclpy and
Fast DDS.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from bench_models import cheap_model
from cpu_account import ENGINE, RECEIVE, SERIALISE, Account, account
from rclpy.serialization import deserialize_message, serialize_message
from rich.console import Console
from rich.table import Table
from sensor_msgs.msg import Image
from system import (
    CAMERA,
    SIZES,
    camera,
    camera_options,
    frames,
    isolate,
    relay,
    running_node,
    watching,
)
from usage import cpu_seconds

from segnet_ros.inference.model import load_model
from segnet_ros.inference.postprocessing import resize_labels
from segnet_ros.inference.preprocessing import resize_image
from segnet_ros.inference.runtime import load_runtime
from segnet_ros.inference.visualization import blend, color_table, colorize
from segnet_ros.messages.image_conversion import fill_image, to_rgb

ALLOWANCE_MS = 1.5
_RATE = 30.0
_NETWORK = (480, 360)
_WARM_UP_FRAMES = 90
_ALPHA = 0.5
_LARGEST_KEPT = 31 * 2**20  # glibc's limit is 32 MiB
_OUTPUTS = {"label": ("label",), "label + overlay": ("label", "overlay")}
_OVERLAY_STAGES = ("color", "blend", "fill overlay", f"{SERIALISE} overlay")


def node_cpu_ms(
    process: AbstractContextManager[int], outputs: Sequence[str], size: tuple[int, int], count: int
) -> float:
    """CPU time of a process per frame that it answers."""
    with (
        watching(outputs) as monitor,
        process as pid,
        camera(*camera_options(CAMERA, size)) as source,
    ):
        source.wait_ready(monitor)
        source.play(monitor, _RATE, _WARM_UP_FRAMES)
        monitor.arrivals[outputs[0]].clear()
        before = cpu_seconds(pid)
        source.play(monitor, _RATE, count)
        spent = cpu_seconds(pid) - before
        return 1e3 * spent / len(monitor.arrivals[outputs[0]])


def stage_cpu_ms(model: Path, size: tuple[int, int], count: int) -> dict[str, float]:
    """CPU time per frame of every stage alone."""
    _keep_freed_memory()
    idle = _paced_cpu_ms(lambda: None, count)
    stages = _stages(model, size)
    return {name: _paced_cpu_ms(stage, count) - idle for name, stage in stages.items()}


def _keep_freed_memory() -> None:
    """Let malloc hand freed pictures out again instead of fetching new pages for every frame.

    Where it does not do so in the node, the page faults are the node's own cost.
    """
    bytearray(_LARGEST_KEPT)  # freed at once: glibc raises its thresholds to this size


def _paced_cpu_ms(function: Callable[[], Any], count: int) -> float:
    """Of this process per call, at the camera's pace: caches cool down as they do in the node."""
    function()
    spent = time.process_time()
    started = time.monotonic()
    for index in range(1, count + 1):
        function()
        time.sleep(max(0.0, started + index / _RATE - time.monotonic()))
    return 1e3 * (time.process_time() - spent) / count


def _stages(model: Path, size: tuple[int, int]) -> dict[str, Callable[[], Any]]:
    """The calls that the node makes of a frame, with what each needs."""
    picture, sent, label, overlay = frames(size, count=1)[0], Image(), Image(), Image()
    fill_image(sent, picture, "rgb8")
    cdr = serialize_message(sent)
    runtime = load_runtime(load_model(model))
    network_input = resize_image(picture, _NETWORK)
    prediction = runtime.infer(network_input)
    labels = resize_labels(prediction.labels, size)
    table = color_table(load_model(model).classes)
    color = colorize(labels, table)
    fill_image(label, labels, "mono8")
    fill_image(overlay, picture, "rgb8")
    return {
        RECEIVE: lambda: deserialize_message(cdr, Image),
        "decode": lambda: to_rgb(sent),
        "resize": lambda: resize_image(picture, _NETWORK),
        ENGINE: lambda: runtime.infer(network_input),
        "resize labels": lambda: resize_labels(prediction.labels, size),
        "fill label": lambda: fill_image(label, labels, "mono8"),
        f"{SERIALISE} label": lambda: serialize_message(label),
        "color": lambda: colorize(labels, table),
        "blend": lambda: blend(picture, color, _ALPHA),
        "fill overlay": lambda: fill_image(overlay, picture, "rgb8"),
        f"{SERIALISE} overlay": lambda: serialize_message(overlay),
    }


def stage_table(stages: Mapping[str, float]) -> Table:
    """What engine and conversions cost."""
    table = Table("stage alone", "CPU ms per frame")
    for name, cost in stages.items():
        table.add_row(name, f"{cost:.2f}")
    return table


def account_table(accounts: Mapping[str, Account]) -> Table:
    """A column per set of subscribed outputs."""
    table = Table("CPU ms per frame", *accounts)
    rows = {
        "node process": [a.whole for a in accounts.values()],
        "engine": [a.engine for a in accounts.values()],
        "conversions": [a.conversions for a in accounts.values()],
        "node only": [a.node for a in accounts.values()],
        "(a relay beyond its conversions)": [a.relay for a in accounts.values()],
    }
    for title, figures in rows.items():
        table.add_row(title, *(f"{figure:.2f}" for figure in figures))
    verdicts = ("met" if a.node <= ALLOWANCE_MS else "missed" for a in accounts.values())
    table.add_row(f"allowance of {ALLOWANCE_MS} ms", *verdicts)
    return table


def main() -> None:
    """Print two tables."""
    options = _options()
    isolate()
    size = SIZES[options.camera]
    with tempfile.TemporaryDirectory() as folder:
        model = cheap_model(Path(folder) / "cheap", _NETWORK)
        stages = stage_cpu_ms(model, size, options.frames // 10)
        accounts = {}
        for name, outputs in _OUTPUTS.items():
            node = running_node(model, "-r", f"image:={CAMERA}")
            whole = node_cpu_ms(node, outputs, size, options.frames)
            bare = node_cpu_ms(relay(outputs, size), outputs, size, options.frames)
            done = {
                k: v for k, v in stages.items() if "overlay" in outputs or k not in _OVERLAY_STAGES
            }
            accounts[name] = account(whole, bare, done)
    console = Console()
    console.print(stage_table(stages))
    console.print(account_table(accounts))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--camera", choices=SIZES, default="720p")
    parser.add_argument("--frames", type=int, default=2000, help="per measurement (default: 2000)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
