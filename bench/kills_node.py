# SPDX-License-Identifier: Apache-2.0
"""The node killed at a moment by chance: files stay as they were, and the next one labels again."""

import hashlib
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
from bench_models import light_model
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger
from system import SIZES, Watcher, frames, watching
from usage import shared_segments

from segnet_ros.messages.image_conversion import fill_image
from segnet_ros.ros.dead_segments import dead_segments
from segnet_ros.ros.replay import with_stamp

PICTURE = SIZES["720p"]

_MODELS = ("first", "second")
_NETWORK = (240, 180)
_STEP_SECONDS = 0.03
_PATIENCE = 30.0
_FILES_OF_A_FRAME = 4


class Site:
    """A camera and a listener, which outlive the node.

    Args:
        folder: With what `_prepare` made.
        watcher: Listens to the labels.

    """

    def __init__(self, folder: Path, watcher: Watcher) -> None:
        self.folder = folder
        self.watcher = watcher
        self._publisher = watcher.node.create_publisher(Image, "/image", QoSProfile(depth=5))
        self._picture = (folder / "picture.cdr").read_bytes()

    def play(self, seconds: float) -> None:
        """Send pictures for a while."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._publisher.publish(with_stamp(self._picture, time.time_ns()))
            self.watcher.spin(min(left, _STEP_SECONDS))

    def wait_for_label(self) -> None:
        """Send pictures until one comes back segmented."""
        began = time.time_ns()

        def came() -> bool:
            self.play(_STEP_SECONDS)
            # A label of the node before may still come.
            return any(stamp >= began for stamp in self.watcher.arrivals["label"])

        self.watcher.until(came, "a label")

    def ask_for(self, transition: str) -> None:
        """Ask for a transition, and wait for nothing."""
        request = ChangeState.Request()
        request.transition.label = transition
        self.watcher.ask(ChangeState, "change_state", request)

    def exchange_model(self) -> None:
        """Ask for the other model, and wait for nothing."""
        value = Parameter("model", value=str(_model(self.folder, "second"))).to_parameter_msg()
        request = SetParameters.Request(parameters=[value])
        self.watcher.ask(SetParameters, "set_parameters", request)

    def save_frames(self) -> None:
        """Ask for the next frame's files, and wait for nothing."""
        self.watcher.ask(Trigger, "save_frame", Trigger.Request())


@dataclass(frozen=True)
class Phase:
    """What a node is doing when it is killed.

    Attributes:
        within: The kill comes up to so many seconds after the beginning.
        begin: Begins it; without, the phase begins with the process.
        autostart: Whether the node is active by itself, and labels before it begins.

    """

    within: float
    begin: Callable[[Site], None] | None = None
    autostart: bool = True


PHASES: Mapping[str, Phase] = {
    "start": Phase(2.5),
    "configure": Phase(0.6, lambda site: site.ask_for("configure"), autostart=False),
    "segmenting": Phase(0.5, Site.wait_for_label),
    "save_frame": Phase(0.4, Site.save_frames),
    "model exchange": Phase(0.6, Site.exchange_model),
    "deactivate": Phase(0.05, lambda site: site.ask_for("deactivate")),
}


def kill_node(folder: Path, moment: random.Random) -> str:
    """Kill a node while it does something, then start another one.

    Args:
        folder: Empty before the first kill, and the same for every further one.
        moment: Chooses what the node does, and when it is killed meanwhile.

    Returns:
        What is corrupted; empty if nothing is.

    """
    _prepare(folder)
    name = moment.choice(list(PHASES))
    with watching(["label"]) as watcher:
        site = Site(folder, watcher)
        left = _killed(site, PHASES[name], moment)
        problems = [*_corrupted(folder), *_restarted(site), *_corrupted(folder)]
    problems += _accumulated(folder, left)
    return "; ".join(f"{name}: {problem}" for problem in dict.fromkeys(problems))


SUBJECTS: Mapping[str, Callable[[Path, random.Random], str]] = {"node": kill_node}


def _killed(site: Site, phase: Phase, moment: random.Random) -> set[Path]:
    """Start a node and kill it; the shared memory that it used."""
    with _node(site.folder, phase.autostart) as process:
        if phase.begin is not None:
            if phase.autostart:
                site.wait_for_label()
            phase.begin(site)
        site.play(moment.uniform(0.0, phase.within))
        segments = shared_segments(process.pid)
        process.kill()
    return segments


def _restarted(site: Site) -> Iterator[str]:
    """A fresh node labels, and ends as it should."""
    with _node(site.folder, autostart=True) as process:
        try:
            site.wait_for_label()
            process.send_signal(signal.SIGINT)
            if code := process.wait(_PATIENCE):
                yield f"the next node ended with exit code {code}"
        except TimeoutError as error:
            yield f"the next node does not label: {error}; {_where(process)}"
        except subprocess.TimeoutExpired:
            yield f"the next node runs {_PATIENCE:g} s after SIGINT; {_where(process)}"


def _where(process: subprocess.Popen[bytes]) -> str:
    """Have a process end that hangs, and say in the standard error where its threads are."""
    process.send_signal(signal.SIGABRT)  # heard by faulthandler
    process.wait()
    return "see the traceback in its standard error"


@contextmanager
def _node(folder: Path, autostart: bool) -> Iterator[subprocess.Popen[bytes]]:
    values = {
        "model": _model(folder, "first"),
        "frames_folder": folder / "frames",
        "engine_cache": folder / "engines",
        "autostart": str(autostart).lower(),
    }
    parameters = [part for name, value in values.items() for part in ("-p", f"{name}:={value}")]
    command = ["node", "--ros-args", "--log-level", "fatal", *parameters]
    process = subprocess.Popen([sys.executable, "-X", "faulthandler", "-m", "segnet_ros", *command])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _prepare(folder: Path) -> None:
    """Two models, an engine cache, a picture, and the sums of what must not change."""
    if (folder / "sums.json").exists():
        return
    for name in _MODELS:
        light_model(_model(folder, name), _NETWORK)
    (folder / "engines").mkdir()
    (folder / "engines" / "built.engine").write_bytes(bytes(range(256)) * 4096)
    message = Image()
    fill_image(message, frames(PICTURE, count=1)[0], "rgb8")
    (folder / "picture.cdr").write_bytes(serialize_message(message))
    (folder / "sums.json").write_text(json.dumps(_sums(folder)), encoding="utf-8")


def _model(folder: Path, name: str) -> Path:
    return folder / "models" / name


def _sums(folder: Path) -> Mapping[str, str]:
    """SHA-256 of everything that the node only reads."""
    files = [path for part in ("models", "engines") for path in (folder / part).rglob("*")]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.is_file()
    }


def _corrupted(folder: Path) -> Iterator[str]:
    known = json.loads((folder / "sums.json").read_text(encoding="utf-8"))
    found = _sums(folder)
    for name in sorted(known.keys() | found.keys()):
        if known.get(name) != found.get(name):
            yield f"{name} changed"
    yield from _broken_frames(folder / "frames")


def _broken_frames(folder: Path) -> Iterator[str]:
    """A set is complete when its JSON is there; no file is half-written, whoever's set it is."""
    for path in sorted(folder.glob("[!.]*")):
        if path.suffix == ".json":
            yield from _incomplete(path)
        elif cv2.imread(str(path), cv2.IMREAD_UNCHANGED) is None:
            yield f"{path.name} of {path.stat().st_size} bytes is no picture"


def _incomplete(facts: Path) -> Sequence[str]:
    stem = facts.with_suffix("")
    parts: list[Any] = [cv2.imread(f"{stem}{part}") for part in (".png", "_label.png")]
    try:
        json.loads(facts.read_text(encoding="utf-8"))
    except ValueError:
        return [f"{facts.name} is cut off"]
    whole = all(part is not None for part in parts) and parts[0].shape == parts[1].shape
    return [] if whole else [f"{facts.name} stands beside no pictures of one size"]


def _accumulated(folder: Path, segments: set[Path]) -> Iterator[str]:
    """Of nodes killed before nothing is left; `segments` are for the next kill to look for."""
    unfinished = list((folder / "frames").glob(".partial-*"))
    if len(unfinished) > _FILES_OF_A_FRAME:
        yield f"{len(unfinished)} unfinished files in the folder of frames"
    listed = folder / "segments.txt"
    before = set(listed.read_text(encoding="utf-8").split()) if listed.exists() else set()
    if kept := before & {str(path) for path in dead_segments()}:
        yield f"{len(kept)} shared-memory segments of the node killed before are still there"
    listed.write_text("\n".join(map(str, segments)), encoding="utf-8")
