# SPDX-License-Identifier: Apache-2.0
"""What a runtime does to a node: it raises, answers garbage, hangs; and memory and signals."""

import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import faulty_node
import numpy as np
from bench_models import light_model
from books_audit import BooksAudit
from diagnostic_msgs.msg import DiagnosticArray
from fault import Fault
from rclpy.qos import QoSProfile
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image
from system import TIMEOUT, Watcher, watching

from segnet_ros.messages.image_conversion import fill_image
from segnet_ros.ros.replay import with_stamp
from segnet_ros.ros.watchdog import EXIT_HANGS

_NETWORK = (240, 180)
_SMALL, _LARGE = (640, 480), (3840, 2160)
_STEP_SECONDS = 0.04
_SPELL_SECONDS = 2.0
_WATCHDOG_SECONDS = 3.0
_FIRST_SECONDS = 4.0  # of a node's life, until it is active at the latest
_GENUINE = ("-m", "segnet_ros", "node")
_OUT_OF_MEMORY = "out of memory ("
_MEMORY_LEFT = tuple(mib * 2**20 for mib in (80, 64, 56, 48, 40, 32, 24, 16, 8))
_PARAMETERS = {
    "runtime": "openvino", "autostart": "true", "watchdog": _WATCHDOG_SECONDS,
    "qos_overrides./image.subscription.reliability": "reliable",
    "qos_overrides./image.subscription.depth": 5,
    "qos_overrides./segmentation/label.publisher.depth": 1000,
}  # fmt: skip


class Stage:
    """A camera and a listener in this process, and a node that fails on command.

    Args:
        folder: For the model, the order and the node's log.
        watcher: Listens to the labels.
        command: The node's, without ROS arguments; by default the one that obeys orders.

    """

    def __init__(self, folder: Path, watcher: Watcher, *command: str) -> None:
        self.watcher = watcher
        self.audit = BooksAudit()
        self._folder = folder
        self._command = command or (faulty_node.__file__, str(folder / "order"))
        self._publisher = watcher.node.create_publisher(Image, "/image", QoSProfile(depth=5))
        watcher.node.create_subscription(DiagnosticArray, "/diagnostics", self.audit.note, 10)
        self._pictures = {size: _picture(size) for size in (_SMALL, _LARGE)}
        self.start()

    @property
    def log(self) -> str:
        """What the nodes said so far."""
        return (self._folder / "log").read_text(encoding="utf-8")

    def order(self, fault: str, times: int | None = None) -> None:
        """See `faulty_node.order`."""
        faulty_node.order(self._folder / "order", fault, times)

    def behave(self) -> None:
        """No faults any more."""
        (self._folder / "order").unlink(missing_ok=True)

    def play(self, seconds: float, size: tuple[int, int] = _SMALL) -> None:
        """Send pictures for a while."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._publisher.publish(with_stamp(self._pictures[size], time.time_ns()))
            self.watcher.spin(min(left, _STEP_SECONDS))

    def play_until(
        self, condition: Callable[[], object], what: str, size: tuple[int, int] = _SMALL
    ) -> float:
        """Send pictures until something is true; seconds that took."""
        began = time.monotonic()
        while not condition():
            if time.monotonic() > began + TIMEOUT:
                msg = f"waited {TIMEOUT:g} s for {what}"
                raise TimeoutError(msg)
            self.play(_STEP_SECONDS, size)
        return time.monotonic() - began

    def play_until_told(self, fault: Fault, words: str, size: tuple[int, int] = _SMALL) -> None:
        """Send pictures until the diagnostics say something anew."""
        began = time.monotonic()
        self.play_until(lambda: self.audit.first(words, began), f'"{words}" in /diagnostics', size)
        told = self.audit.first(words, began)
        assert told is not None
        fault.told = told.message
        fault.told_after.append(told.moment - began)

    def play_until_labelled(self, size: tuple[int, int] = _SMALL) -> float:
        """Send pictures until another one is labelled; seconds that took."""
        before = len(self.watcher.arrivals["label"])
        return self.play_until(
            lambda: len(self.watcher.arrivals["label"]) > before, "a label", size
        )

    def check_books(self, fault: Fault) -> None:
        """Nothing may be lost from the newest books, nor published that did not come."""
        books: Callable[[], Mapping[str, int]] = lambda: self.audit.books["frames"]  # noqa: E731
        self.watcher.spin(_SPELL_SECONDS)
        fault.expect(books()["pending"] == 0, f"{books()['pending']} frames pending")
        came = len(self.watcher.arrivals["label"])
        fault.expect(books()["published"] == came, f"{books()['published']} published, {came} came")
        fault.broken.extend(self.audit.broken)

    def await_end(self, fault: Fault, code: int) -> None:
        """Wait for the node's end, send pictures meanwhile, and start another one."""
        self.play_until(lambda: self.node.poll() is not None, "the end of the node")
        fault.expect(self.node.returncode == code, f"exit code {self.node.returncode}")
        if code == EXIT_HANGS:  # else it could not tell
            books = self.audit.books["frames"]
            fault.expect(books["pending"] == 0, f"{books['pending']} frames pending at the end")
        fault.broken.extend(self.audit.broken)
        self.behave()
        self.audit.books.clear()
        self.start()

    def close(self) -> None:
        """End the node."""
        self.node.kill()
        self.node.wait()

    def start(self) -> None:
        """Start a node; the one before has ended."""
        settings = {**_PARAMETERS, "model": _model(self._folder)}
        words = [w for name, value in settings.items() for w in ("-p", f"{name}:={value}")]
        command = [sys.executable, *self._command, "--ros-args"]
        with (self._folder / "log").open("a") as log:
            self.node = subprocess.Popen([*command, *words], stdout=log, stderr=subprocess.STDOUT)


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """A node that labels what the camera sends."""
    with watching(["label"]) as watcher:
        around = Stage(folder, watcher)
        try:
            around.play_until_labelled()
            yield around
        finally:
            around.close()


def runtime_fails_once(folder: Path, times: int) -> Fault:
    """Each fault of `FAULTS` that ends, for one frame."""
    faults = [name for name in faulty_node.FAULTS if not name.startswith("hang")]
    fault = Fault(f"runtime fails once: {', '.join(faults)}", "all but one frame's")
    with stage(folder) as around:
        for _ in range(times):
            for name in faults:
                around.order(name, times=1)
                around.play_until(lambda: not (folder / "order").exists(), name)
                fault.recovery.append(around.play_until_labelled())
        around.check_books(fault)
        failed = around.audit.books["frames"]["failed"]
        fault.expect(failed == times * len(faults), f"{failed} failed")
    return fault


def runtime_raises(folder: Path, times: int) -> Fault:
    """Every frame for a while."""
    return _for_a_while(Fault("runtime raises for a while", "none"), "raise", folder, times)


def runtime_answers_garbage(folder: Path, times: int) -> Fault:
    """Labels that are no classes."""
    return _for_a_while(Fault("runtime answers garbage", "none"), "range", folder, times)


def runtime_hangs(folder: Path, times: int) -> Fault:
    """A native call that does not return."""
    fault = Fault(f"runtime hangs, watchdog {_WATCHDOG_SECONDS:g} s, started again", "none")
    with stage(folder) as around:
        for _ in range(times):
            began = time.monotonic()
            around.order("hang", times=1)
            around.play_until_told(fault, "the node ends")
            around.await_end(fault, EXIT_HANGS)
            around.play_until_labelled()
            fault.recovery.append(time.monotonic() - began)
    return fault


def runtime_hangs_with_pythons_lock(folder: Path, times: int) -> Fault:
    """The same, in a way that no thread of Python goes on."""
    fault = Fault("runtime hangs with the GIL held, started again", "none", "nothing: it cannot")
    with stage(folder) as around:
        for _ in range(times):
            began = time.monotonic()
            around.order("hang_with_lock", times=1)
            around.await_end(fault, 1)
            fault.expect("Timeout (0:00:0" in around.log, "faulthandler told nothing")
            around.play_until_labelled()
            fault.recovery.append(time.monotonic() - began)
    return fault


def memory_runs_out(folder: Path, times: int) -> Fault:
    """The address space may grow by less than a 4K frame takes on its way."""
    fault = Fault("no memory for 4K frames, then enough", "none, or some")
    ended: list[int] = []
    for _ in range(times):
        with stage(folder) as around:  # a node that has had 4K frames keeps room for them
            fault.told_after.append(_starve(around))
            with suppress(ProcessLookupError):
                _limit_memory(around.node, None)
            seconds, codes = _respawned_until_labelled(around)
            fault.recovery.append(seconds)
            ended += codes
            around.check_books(fault)
            lines = (line for line in around.log.splitlines() if _OUT_OF_MEMORY in line)
            fault.told = next(lines, fault.told)
    fault.labels += f"; ended {len(ended)} of {times}, exit codes {sorted(set(ended))}"
    return fault


def _starve(around: Stage) -> float:
    """Leave less and less until frames fail: with too little they are lost before the node."""
    before = around.log.count(_OUT_OF_MEMORY)
    began = time.monotonic()
    for left in _MEMORY_LEFT:
        _limit_memory(around.node, left)
        around.play(_SPELL_SECONDS, _LARGE)
        if around.node.poll() is not None or around.log.count(_OUT_OF_MEMORY) > before:
            return time.monotonic() - began
    msg = "the node does not lack memory"
    raise TimeoutError(msg)


def _respawned_until_labelled(around: Stage) -> tuple[float, list[int]]:
    """Started again as launch does if it ended: Fast DDS, too, lacked memory; and exit codes."""
    codes: list[int] = []
    began = time.monotonic()

    def labelled() -> bool:
        if around.node.poll() is not None:
            codes.append(around.node.returncode)
            around.watcher.arrivals["label"].clear()
            around.audit.books.clear()
            around.start()
        return any(stamp > began_ns for stamp in around.watcher.arrivals["label"])

    began_ns = time.time_ns()
    around.play_until(labelled, "a label", _LARGE)
    return time.monotonic() - began, codes


def signals(folder: Path, times: int) -> Fault:
    """SIGINT or SIGTERM at a moment by chance: imports, configure, activate, frames in work."""
    fault = Fault("SIGINT or SIGTERM at a moment by chance", "until the signal")
    # A shell that starts us in the background has it ignored, and so would the nodes.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    moment = random.Random(times)
    with watching(["label"]) as watcher:
        for _ in range(times):
            around = Stage(folder, watcher, *_GENUINE)
            said = len(around.log)
            around.play(moment.uniform(0, _FIRST_SECONDS))
            number = moment.choice([signal.SIGINT, signal.SIGTERM])
            began = time.monotonic()
            around.node.send_signal(number)
            try:
                around.node.wait(TIMEOUT)
            except subprocess.TimeoutExpired:
                around.close()
            fault.recovery.append(time.monotonic() - began)
            _check_end(fault, number, around.node.returncode, around.log[said:])
    return fault


def _check_end(fault: Fault, number: signal.Signals, code: int, log: str) -> None:
    begun = "segnet_ros/commands" in log or "[segmentation]" in log
    if code in (-number, 1) and not begun:  # Python itself was still starting
        return
    fault.expect(code in (0, 130), f"{number.name}: exit code {code}")
    fault.expect("Traceback" not in log, f"{number.name}: a traceback")


SUBJECTS: Mapping[str, Callable[[Path, int], Fault]] = {
    function.__name__: function
    for function in (
        runtime_fails_once,
        runtime_raises,
        runtime_answers_garbage,
        runtime_hangs,
        runtime_hangs_with_pythons_lock,
        memory_runs_out,
        signals,
    )
}


def _for_a_while(fault: Fault, name: str, folder: Path, times: int) -> Fault:
    with stage(folder) as around:
        for _ in range(times):
            around.order(name)
            around.play_until_told(fault, "every frame fails")
            around.play(_SPELL_SECONDS)
            around.behave()
            fault.recovery.append(around.play_until_labelled())
            around.play(_SPELL_SECONDS)
        around.check_books(fault)
    return fault


def _limit_memory(node: "subprocess.Popen[bytes]", left: int | None) -> None:
    """Let the address space grow by so many bytes, or without limit."""
    limit = resource.RLIM_INFINITY
    if left is not None:
        pages = Path(f"/proc/{node.pid}/statm").read_text(encoding="utf-8").split()[0]
        limit = int(pages) * resource.getpagesize() + left
    resource.prlimit(node.pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))


def _picture(size: tuple[int, int]) -> bytes:
    message = Image()
    fill_image(message, np.full((size[1], size[0], 3), 90, np.uint8), "rgb8")
    return bytes(serialize_message(message))


def _model(folder: Path) -> Path:
    made = folder / "light"
    return made if made.exists() else light_model(made, _NETWORK)
