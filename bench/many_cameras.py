"""Four cameras, one node: rate, loss, latency, and proof that no label is another camera's.

Every picture says in coloured blocks whose it is, its number and its stamp. The model runs a whole
network and yet answers with these blocks, so every label tells which camera and stamp it is really
of. Then one camera is killed, slowed, switched to 1080p, or sends cut pictures, with undisturbed
time before and after each; what that does to the others is told as a ratio within the run.
"""

import argparse
import signal
import statistics
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from bench_models import code_reading_model, light_model
from picture_code import Code, moment_of, read
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
_PERCENTILES = (50, 95, 99)
_NS_PER_MS = 1e6
_NS_PER_S = 1e9


@dataclass
class Answers:
    """What came of one camera in one phase.

    Attributes:
        arrivals: When labels came, nanoseconds.
        latencies_ms: From the stamp to the arrival.
        numbers: Of the frames.
        wrong: Labels by what was wrong with them; empty if each was of its camera and stamp.
    """

    arrivals: list[int] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Labels per second."""
        if len(self.arrivals) < 2:
            return 0.0
        return (len(self.arrivals) - 1) * _NS_PER_S / (self.arrivals[-1] - self.arrivals[0])

    @property
    def lost_percent(self) -> float:
        """Of the frames between the first and the last that has a label."""
        if not self.numbers:
            return 100.0
        return 100 * (1 - len(self.numbers) / (max(self.numbers) - min(self.numbers) + 1))

    @property
    def latency_ms(self) -> Sequence[float]:
        """p50, p95, p99; nan if nothing came."""
        if not self.latencies_ms:
            return [float("nan")] * len(_PERCENTILES)
        return [float(p) for p in np.percentile(self.latencies_ms, _PERCENTILES)]


class Auditor:
    """Reads what every label says."""

    def __init__(self) -> None:
        self.answers = {name: Answers() for name in CAMERAS}

    def inspect(self, topic: str, cdr: bytes, arrival: int) -> None:
        """Note a label of the topic CAMERA/label."""
        camera = topic.partition("/")[0]
        answers, stamp = self.answers[camera], stamp_of(cdr)
        message = deserialize_message(cdr, Image)
        labels = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width)
        code = read(labels)
        if fault := find_fault(code, CAMERAS.index(camera), stamp):
            answers.wrong[fault] += 1
        elif code is not None:
            answers.numbers.append(code.number)
        answers.arrivals.append(arrival)
        answers.latencies_ms.append((arrival - stamp) / _NS_PER_MS)

    def take(self) -> dict[str, Answers]:
        """What came since the last call."""
        taken, self.answers = self.answers, {name: Answers() for name in CAMERAS}
        return taken


def find_fault(code: Code | None, camera: int, stamp: int) -> str:
    """What a label says that it should not; empty if all is well."""
    if code is None:
        return "no whole picture"
    if code.camera != camera:
        return f"of camera {CAMERAS[code.camera] if code.camera < len(CAMERAS) else code.camera}"
    return "" if code.moment == moment_of(stamp) else "of another stamp"


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


FAULTS = {
    "killed": lambda rig, watcher: rig.kill(VICTIM),
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


def ratios(
    disturbed: Mapping[str, Answers], before: Mapping[str, Answers], after: Mapping[str, Answers]
) -> dict[str, tuple[float, ...]]:
    """Of every camera but the victim: rate, p50, p95, p99 over the mean of before and after."""
    return {
        name: tuple(
            figure / statistics.fmean(usual)
            for figure, *usual in zip(
                *(_figures(phase[name]) for phase in (disturbed, before, after)), strict=True
            )
        )
        for name in CAMERAS
        if name != VICTIM
    }


def _figures(answers: Answers) -> Sequence[float]:
    return [answers.rate, *answers.latency_ms]


def undisturbed_table(observed: Mapping[str, Answers]) -> Table:
    """Each camera in the first phase."""
    table = Table("camera", "rate 1/s", "lost %", *(f"p{p} ms" for p in _PERCENTILES), "wrong")
    for name, answers in observed.items():
        latencies = (f"{latency:.1f}" for latency in answers.latency_ms)
        cells = (f"{answers.rate:.2f}", f"{answers.lost_percent:.1f}", *latencies)
        table.add_row(name, *cells, str(answers.wrong.total()))
    return table


def fault_table(observed: Sequence[tuple[str, dict[str, Answers]]]) -> Table:
    """The others' figures while one camera is disturbed, over those before and after."""
    titles = (f"p{p} ratio" for p in _PERCENTILES)
    table = Table(f"{VICTIM} camera", "its labels 1/s", "other", "rate ratio", *titles)
    for (_, before), (fault, disturbed), (_, after) in zip(
        observed[0::2], observed[1::2], observed[2::2], strict=False
    ):
        rate = f"{disturbed[VICTIM].rate:.1f}"
        for name, figures in ratios(disturbed, before, after).items():
            table.add_row(fault, rate, name, *(f"{figure:.2f}" for figure in figures))
    return table


def audit(observed: Sequence[tuple[str, dict[str, Answers]]]) -> str:
    """How many labels were proven to be of their camera and stamp, in words."""
    answers = [of_camera for _, phase in observed for of_camera in phase.values()]
    wrong: Counter[str] = sum((item.wrong for item in answers), Counter())
    labels = sum(len(item.arrivals) for item in answers)
    if not wrong:
        return f"{labels} labels, each of its own camera and stamp"
    return f"CROSS-TALK: of {labels} labels {dict(wrong)}"


def measure(title: str, model: Path, seconds: float, console: Console) -> bool:
    """Print everything about one model; whether no label was wrong."""
    with connected(model) as (rig, watcher, auditor):
        observed = list(phases(rig, watcher, auditor, seconds))
    console.rule(title)
    console.print(undisturbed_table(observed[0][1]))
    console.print(fault_table(observed))
    verdict = audit(observed)
    console.print(verdict)
    return not verdict.startswith("CROSS-TALK")


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
