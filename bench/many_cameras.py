# SPDX-License-Identifier: Apache-2.0
"""Four cameras, one node: rate, loss, latency, and proof that no label is another camera's.

Every picture says in coloured blocks whose it is, its number and its stamp. The model runs a whole
network and yet answers with these blocks, so every label tells which camera and stamp it is really
of. Then one camera is killed, slowed, switched to 1080p, or sends cut pictures, with undisturbed
time before and after each; what that does to the others is told as a ratio within the run.
"""

import argparse
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import numpy as np
from bench_models import code_reading_model, light_model
from cross_talk import PERCENTILES, Answers, audit, ratios
from picture_code import read
from rclpy.serialization import deserialize_message
from rich.console import Console
from rich.table import Table
from sensor_msgs.msg import Image
from system import (
    SIZES,
    Camera,
    Watcher,
    camera_options,
    isolate,
    running_node,
    watching,
)
from usage import shared_segments

from segnet_ros.inference.shipped import find_model
from segnet_ros.ros.replay import stamp_of

CAMERAS = ("front", "left", "right", "rear")
VICTIM = "rear"
_RATE = 15.0
_SIZE = SIZES["480p"]
_LIGHT = (240, 180)
_UNTIL_STOPPED = 1_000_000
_SETTLE_SECONDS = 5.0  # a new process loads its libraries meanwhile


# What came in each phase, by camera; undisturbed phases have an empty name.
Observed: TypeAlias = Sequence[tuple[str, Mapping[str, Answers]]]


class Auditor:
    """Reads what every label says."""

    def __init__(self) -> None:
        self._answers = _no_answers()

    def inspect(self, topic: str, cdr: bytes, arrival: int) -> None:
        """Note a label of the topic CAMERA/label."""
        message = deserialize_message(cdr, Image)
        labels = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width)
        camera = topic.partition("/")[0]
        self._answers[camera].note(read(labels), stamp_of(cdr), arrival)

    def take(self) -> dict[str, Answers]:
        """What came since the last call."""
        taken, self._answers = self._answers, _no_answers()
        return taken


def _no_answers() -> dict[str, Answers]:
    return {name: Answers(number) for number, name in enumerate(CAMERAS)}


class Rig:
    """The camera processes."""

    def __init__(self) -> None:
        self._cameras: dict[str, Camera] = {}
        self._orphans: set[Path] = set()

    def start(self, names: Sequence[str], watcher: Watcher) -> None:
        """Let cameras send as usual."""
        for name in names:
            self.replace(name, watcher)

    def replace(
        self,
        name: str,
        watcher: Watcher,
        rate: float = _RATE,
        size: tuple[int, int] = _SIZE,
        *further: str,
    ) -> None:
        """End a camera if it runs, and start it anew, perhaps another way."""
        self.stop(name)
        options = further or ("--code", str(CAMERAS.index(name)))
        self._cameras[name] = Camera(*camera_options(f"/{name}/image", size, *options))
        self._cameras[name].wait_ready(watcher)
        self._cameras[name].start(rate, _UNTIL_STOPPED)

    def stop(self, name: str) -> None:
        """End a camera as Ctrl-C does."""
        if name in self._cameras:
            self._cameras.pop(name).stop()

    def kill(self, name: str) -> None:
        """End a camera without any warning."""
        device = self._cameras.pop(name)
        self._orphans |= shared_segments(device.process.pid)
        device.stop(signal.SIGKILL)

    def close(self) -> None:
        """End every camera, and remove what killed ones left in /dev/shm."""
        alive = set().union(*(shared_segments(c.process.pid) for c in self._cameras.values()))
        for name in tuple(self._cameras):
            self.stop(name)
        for path in self._orphans - alive:
            path.unlink(missing_ok=True)


FAULTS: Mapping[str, Callable[[Rig, Watcher], None]] = {
    "killed": lambda rig, _watcher: rig.kill(VICTIM),
    "slowed to 2 Hz": lambda rig, watcher: rig.replace(VICTIM, watcher, 2.0),
    "sends 1080p": lambda rig, watcher: rig.replace(VICTIM, watcher, _RATE, SIZES["1080p"]),
    "sends cut pictures": lambda rig, watcher: rig.replace(
        VICTIM, watcher, _RATE, _SIZE, "--corrupt"
    ),
}


def phases(
    rig: Rig, watcher: Watcher, auditor: Auditor, seconds: float
) -> Iterator[tuple[str, dict[str, Answers]]]:
    """Undisturbed, then every fault followed by undisturbed again: what came in each."""

    def observe() -> dict[str, Answers]:
        watcher.spin(_SETTLE_SECONDS)
        auditor.take()
        watcher.spin(seconds)
        return auditor.take()

    rig.start(CAMERAS, watcher)
    yield "", observe()
    for name, disturb in FAULTS.items():
        disturb(rig, watcher)
        yield name, observe()
        rig.replace(VICTIM, watcher)
        yield "", observe()


@contextmanager
def connected(model: Path) -> Iterator[tuple[Rig, Watcher, Auditor]]:
    """Node and watcher, without cameras yet."""
    auditor, rig = Auditor(), Rig()
    topics = [f"{name}/label" for name in CAMERAS]
    with (
        watching(topics, auditor.inspect) as watcher,
        running_node(model, "-p", f"cameras:=[{', '.join(CAMERAS)}]"),
    ):
        watcher.wait_active()
        try:
            yield rig, watcher, auditor
        finally:
            rig.close()


def undisturbed_table(observed: Mapping[str, Answers]) -> Table:
    """Each camera in the first phase."""
    table = Table("camera", "rate 1/s", "lost %", *(f"p{p} ms" for p in PERCENTILES), "wrong")
    for name, answers in observed.items():
        latencies = (f"{latency:.1f}" for latency in answers.latency_ms)
        cells = (f"{answers.rate:.2f}", f"{answers.lost_percent:.1f}", *latencies)
        table.add_row(name, *cells, str(sum(answers.wrong.values())))
    return table


def fault_table(observed: Observed) -> Table:
    """The others' figures while one camera is disturbed, over those before and after."""
    titles = (f"p{p} ratio" for p in PERCENTILES)
    table = Table(f"{VICTIM} camera", "its labels 1/s", "other", "rate ratio", *titles)
    undisturbed = [phase for fault, phase in observed if not fault]
    disturbed = [(fault, phase) for fault, phase in observed if fault]
    for (fault, phase), (before, after) in zip(disturbed, pairwise(undisturbed), strict=True):
        rate = f"{phase[VICTIM].rate:.1f}"
        for name in CAMERAS:
            if name != VICTIM:
                figures = ratios(phase[name], before[name], after[name])
                table.add_row(fault, rate, name, *(f"{figure:.2f}" for figure in figures))
    return table


def measure(title: str, model: Path, seconds: float, console: Console) -> bool:
    """Print everything about one model; whether no label was wrong."""
    with connected(model) as (rig, watcher, auditor):
        observed = list(phases(rig, watcher, auditor, seconds))
    count, wrong = audit(answers for _, phase in observed for answers in phase.values())
    console.rule(title)
    console.print(undisturbed_table(observed[0][1]))
    console.print(fault_table(observed))
    console.print(f"{count} labels: {_in_words(wrong)}")
    return not wrong


def _in_words(wrong: Mapping[str, int]) -> str:
    if not wrong:
        return "each of its own camera and stamp"
    return "CROSS-TALK: " + ", ".join(f"{number} {fault}" for fault, number in wrong.items())


def main() -> None:
    """Measure a light model, and the shipped one for comparison; exit code 1 on cross-talk."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0, help="of a phase (default: 15)")
    options = parser.parse_args()
    isolate()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        light = code_reading_model(light_model(folder / "plain", _LIGHT), folder / "light")
        shipped = code_reading_model(find_model("segnet_light_camvid"), folder / "shipped")
        models = {"segnet_light at 240x180": light, "segnet_light_camvid (480x360)": shipped}
        console = Console()
        clean = [measure(name, model, options.seconds, console) for name, model in models.items()]
    raise SystemExit(not all(clean))


if __name__ == "__main__":
    main()
