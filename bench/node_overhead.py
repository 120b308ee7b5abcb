"""What the node costs beside the engine: median milliseconds per frame, and their sum.

`receive` is taking the message off the middleware into Python; decode, resize and publish (labels
and overlay, both with a subscriber) are the node's own diagnostics.
"""

import statistics
import tempfile
import time
from pathlib import Path

from rclpy.serialization import deserialize_message, serialize_message
from rich.console import Console
from rich.table import Table
from sensor_msgs.msg import Image
from system import SIZES, frames, isolate, node_and_camera, write_bag

from segnet_ros.ros.image_conversion import fill_image

_RATE = 10.0
_SECONDS = 12.0
_REPEATS = 50


def receive_ms(size: tuple[int, int]) -> float:
    """Median time to make a Python message of a serialised image."""
    message = Image()
    fill_image(message, frames(size, count=1)[0], "rgb8")
    cdr = serialize_message(message)
    durations = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        deserialize_message(cdr, Image)
        durations.append(time.perf_counter() - started)
    return 1e3 * statistics.median(durations)


def main() -> None:
    """Print a table over the camera sizes."""
    isolate()
    table = Table("camera", "receive", "decode", "resize", "publish", "all but engine", "engine")
    for name, size in SIZES.items():
        with tempfile.TemporaryDirectory() as folder:
            write_bag(Path(folder) / "bag", size)
            with node_and_camera(Path(folder) / "bag", _RATE, ("label", "overlay")) as watcher:
                watcher.spin(_SECONDS)
        stages = [receive_ms(size), *map(watcher.milliseconds, ("decode", "resize", "publish"))]
        figures = [*stages, sum(stages), watcher.milliseconds("infer")]
        table.add_row(name, *(f"{figure:.2f}" for figure in figures))
    Console().print(table)


if __name__ == "__main__":
    main()
