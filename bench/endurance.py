# SPDX-License-Identifier: Apache-2.0
"""Does the node grow? A day of sim time, compressed to minutes, with all that changes on the way.

Two cameras and /clock follow a recording that starts again every sim hour. Within every hour
listeners come and go, at times all of them, live parameters, taxonomy and model are exchanged, the
model is loaded anew, a frame is saved, and images come too late. At the end of every hour the
process is measured: memory, descriptors, threads, shared memory. Exit code 1 if one of them grows
after the first hours.
"""

import argparse
import itertools
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, TypeAlias

from bench_models import cheap_model
from builtin_interfaces.msg import Time
from growth import Growth, growth
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from rclpy.serialization import serialize_message
from rich.console import Console
from rich.table import Table
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger
from system import Watcher, frames, isolate, running_node, watching
from usage import Usage, usage

from segnet_ros.messages.image_conversion import fill_image
from segnet_ros.ros.replay import with_stamp

CAMERAS = ("front", "left")
HOURS = 24
WARM_UP_HOURS = 6
ALLOWED_PER_HOUR = {
    "memory": 0.15,
    "descriptors": 0.05,
    "threads": 0.05,
    "shared_segments": 0.05,
    "shared_memory": 0.1,
}
_SIZE = (320, 240)
_NETWORK = (64, 48)
_LABELS = tuple(f"{name}/label" for name in CAMERAS)
_STEPS_PER_SECOND = 50
_HOUR = 3600.0
_RECORDING_STARTS = 1_000_000  # seconds
_NS_PER_S = 1_000_000_000
_MAX_AGE_STEPS = 4
_LATE_EVERY = 40  # images


# When, as a share of the hour, and what.
Event: TypeAlias = tuple[float, Callable[[], None]]


@dataclass
class Day:
    """What is needed to play a day.

    Attributes:
        watcher: Publishes, listens and asks.
        folder: For saved frames and models.
        pid: Of the node.
        answers: Of services, still to come, each with what tells refusals in it.
        refused: What the node did not do, by its reason.

    """

    watcher: Watcher
    folder: Path
    pid: int
    answers: list[tuple[Any, Callable[[Any], Sequence[str]]]]
    refused: Counter[str]

    def set(self, **values: Any) -> None:
        """Set parameters; a double underscore stands for the dot after a camera's name."""
        parameters = [
            Parameter(name.replace("__", "."), value=value).to_parameter_msg()
            for name, value in values.items()
        ]
        request = SetParameters.Request(parameters=parameters)
        answer = self.watcher.ask(SetParameters, "set_parameters", request)
        self.answers.append((answer, _set))

    def leave(self) -> None:
        """Listen to no labels: the node is to stop working."""
        for topic in _LABELS:
            self.watcher.ignore(topic)

    def come_back(self) -> None:
        """Listen to the labels again."""
        for topic in _LABELS:
            self.watcher.listen(topic)

    def trigger(self, service: str) -> None:
        """Ask for something."""
        self.answers.append((self.watcher.ask(Trigger, service, Trigger.Request()), _triggered))

    def collect(self) -> None:
        """Wait for all answers, and count what was refused."""
        self.watcher.until(lambda: all(a.done() for a, _ in self.answers), "answers of services")
        for answer, refusals in self.answers:
            self.refused.update(refusals(answer.result()))
        self.answers.clear()


def _set(response: SetParameters.Response) -> Sequence[str]:
    return [result.reason for result in response.results if not result.successful]


def _triggered(response: Trigger.Response) -> Sequence[str]:
    return [] if response.success else [response.message]


class Recording:
    """/clock and images of every camera, which start again when they are played again.

    Args:
        watcher: Publishes.
        hour_seconds: Wall time of a sim hour.

    """

    def __init__(self, watcher: Watcher, hour_seconds: float) -> None:
        self._watcher = watcher
        self.steps = max(1, round(hour_seconds * _STEPS_PER_SECOND))
        self._clock = watcher.node.create_publisher(Clock, "/clock", QoSProfile(depth=1))
        self._cameras = [
            watcher.node.create_publisher(Image, f"/{name}/image", QoSProfile(depth=5))
            for name in CAMERAS
        ]
        self._pictures = itertools.cycle(_serialised_pictures())
        self._counts = itertools.count(1)

    @property
    def step_seconds(self) -> float:
        """Sim time from frame to frame."""
        return _HOUR / self.steps

    def play(self, events: Sequence[Event]) -> None:
        """An hour, with events at shares of it, in their order."""
        pending = list(events)
        started = time.monotonic()
        for step in range(self.steps):
            while pending and step >= pending[0][0] * self.steps:
                pending.pop(0)[1]()
            self._publish(_RECORDING_STARTS + step * self.step_seconds)
            due = started + (step + 1) / _STEPS_PER_SECOND
            self._watcher.spin(max(0.001, due - time.monotonic()))

    def _publish(self, now: float) -> None:
        seconds, rest = divmod(now, 1.0)
        stamp = Time(sec=int(seconds), nanosec=int(rest * _NS_PER_S))
        self._clock.publish(Clock(clock=stamp))
        for camera in self._cameras:
            late = next(self._counts) % _LATE_EVERY == 0
            taken = now - late * 2 * _MAX_AGE_STEPS * self.step_seconds
            camera.publish(with_stamp(next(self._pictures), int(taken * _NS_PER_S)))


def _serialised_pictures() -> list[bytes]:
    messages = []
    for picture in frames(_SIZE):
        message = Image()
        fill_image(message, picture, "rgb8")
        messages.append(bytes(serialize_message(message)))
    return messages


def events(day: Day, hour: int) -> Sequence[Event]:
    """What happens in an hour besides images; the last fifth is quiet."""
    odd = hour % 2 == 1
    model = str(day.folder / ("second" if odd else "first"))
    taxonomy = "driving" if odd else ""
    watcher = day.watcher
    visitor: list[Watcher] = []
    return (
        (0.05, lambda: watcher.listen("front/overlay")),
        (0.10, lambda: visitor.append(Watcher(("left/color", "front/confidence")))),
        (0.15, lambda: day.set(overlay_alpha=0.1 + 0.02 * hour, overlay_legend=odd)),
        (0.20, lambda: day.set(confidence_threshold=0.02 * hour, front__max_rate=20.0 + hour)),
        (0.25, lambda: day.set(taxonomy=taxonomy)),
        (0.30, lambda: day.trigger("save_frame")),
        (0.35, lambda: watcher.ignore("front/overlay")),
        (0.40, lambda: visitor.pop().close()),
        (0.45, day.leave),
        (0.55, day.come_back),
        (0.60, lambda: day.trigger("reload_model")),
        (0.70, lambda: day.set(model=model)),
    )


def play_day(day: Day, recording: Recording, console: Console) -> list[Usage]:
    """The process at the end of every hour."""
    table = _Rows(console)
    measured = []
    for hour in range(HOURS):
        recording.play(events(day, hour))
        day.collect()
        measured.append(usage(day.pid))
        shutil.rmtree(day.folder / "frames", ignore_errors=True)
        labels = {topic: len(day.watcher.arrivals[topic]) for topic in _LABELS}
        for stamps in day.watcher.arrivals.values():
            stamps.clear()
        table.add(hour + 1, measured[-1], labels.values())
    return measured


class _Rows:
    """A table that is printed as it grows."""

    def __init__(self, console: Console) -> None:
        self._console = console
        titles = ["hour", *(field.name for field in fields(Usage)), *_LABELS]
        console.print(*(f"{title:>15}" for title in titles))

    def add(self, hour: int, measured: Usage, labels: Any) -> None:
        figures = [f"{figure:>15.1f}" for figure in astuple(measured)]
        self._console.print(f"{hour:>15}", *figures, *(f"{count:>15}" for count in labels))


def judge(measured: Sequence[Usage]) -> dict[str, Growth]:
    """Every figure of `Usage` after warm-up."""
    return {
        name: growth([getattr(item, name) for item in measured], WARM_UP_HOURS, allowed)
        for name, allowed in ALLOWED_PER_HOUR.items()
    }


def verdict_table(judged: dict[str, Growth]) -> Table:
    """Growth per hour beside what is allowed."""
    table = Table(f"after {WARM_UP_HOURS} h", "first", "last", "per hour", "allowed", "verdict")
    for name, found in judged.items():
        figures = (found.first, found.last, found.slope, ALLOWED_PER_HOUR[name])
        cells = (f"{figure:.2f}" for figure in figures)
        table.add_row(name, *cells, "GROWS" if found.grown else "steady")
    return table


def _smallest_leak(recording: Recording) -> float:
    return ALLOWED_PER_HOUR["memory"] * 2**20 / (len(CAMERAS) * recording.steps)


def main() -> None:
    """Print figures per hour and a verdict."""
    options = _options()
    isolate()
    console = Console(width=150)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        models = [cheap_model(folder / name, _NETWORK) for name in ("first", "second")]
        with (
            watching(_LABELS) as watcher,
            running_node(models[0], *_node_parameters(folder)) as pid,
        ):
            watcher.wait_active()
            day = Day(watcher, folder, pid, [], Counter())
            recording = Recording(watcher, options.seconds / HOURS)
            day.set(max_age=_MAX_AGE_STEPS * recording.step_seconds)
            judged = judge(play_day(day, recording, console))
    console.print(verdict_table(judged))
    console.print(f"A leak of {_smallest_leak(recording):.0f} bytes per image would be seen.")
    for reason, count in day.refused.items():
        console.print(f"refused {count} times: {reason}")
    raise SystemExit(any(found.grown for found in judged.values()))


def _node_parameters(folder: Path) -> Sequence[str]:
    values = {
        "cameras": f"[{', '.join(CAMERAS)}]",
        "use_sim_time": "true",
        "frames_folder": str(folder / "frames"),
    }
    return [part for name, value in values.items() for part in ("-p", f"{name}:={value}")]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=300.0, help="wall time of the day (default: 300)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
