# SPDX-License-Identifier: Apache-2.0
"""A node in its own process, changing cameras in theirs, and a listener that audits them all."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bench_models import code_reading_model, light_model
from books_audit import BooksAudit
from changing_camera_process import ChangingCamera, Sent
from diagnostic_msgs.msg import DiagnosticArray
from fault import Fault
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image
from system import Watcher, running_node

from segnet_ros.ros.replay import stamp_of

NS_PER_S = 1e9

_NETWORK = (240, 180)
_DEPTH = 1000


@dataclass(frozen=True)
class Heard:
    """A label.

    Attributes:
        topic: Below /segmentation.
        arrival: Nanoseconds of the system's clock.
        content: What it says of its picture; None if its pixels differ.

    """

    topic: str
    arrival: int
    content: Sent | None


class Site:
    """Everything around a node.

    Args:
        watcher: Listens to the diagnostics.
        names: The node's cameras; one empty name for its only one.

    Attributes:
        watcher: The one given.
        audit: Of every camera's books.
        heard: Every label, by its stamp.

    """

    def __init__(self, watcher: Watcher, names: Sequence[str]) -> None:
        self.watcher = watcher
        self.audit = BooksAudit()
        self.heard: dict[int, Heard] = {}
        self._cameras: list[ChangingCamera] = []
        node = watcher.node
        node.create_subscription(DiagnosticArray, "/diagnostics", self.audit.note, 10)
        for topic in (f"{name}/label".lstrip("/") for name in names):
            node.create_subscription(
                Image,
                f"/segmentation/{topic}",
                lambda cdr, topic=topic: self._hear(topic, cdr),
                QoSProfile(depth=_DEPTH),
                raw=True,
            )

    @property
    def sent(self) -> dict[int, Sent]:
        """Every frame of every camera, by its stamp."""
        for camera in self._cameras:
            camera.listen()
        return {stamp: sent for camera in self._cameras for stamp, sent in camera.sent.items()}

    def camera(self, topic: str = "/image", **options: Any) -> ChangingCamera:
        """Start a camera's process, and wait for nothing."""
        self._cameras.append(ChangingCamera(topic, **options))
        return self._cameras[-1]

    def connected(self, topic: str = "/image", **options: Any) -> ChangingCamera:
        """Start a camera's process, and wait until the node has subscribed."""
        camera = self.camera(topic, **options)
        self.watcher.until(lambda: camera.is_ready, "a subscriber of the camera")
        return camera

    def finish(self, camera: ChangingCamera) -> None:
        """Wait until a camera has sent what it was told to."""
        self.watcher.until(lambda: camera.is_done, "the camera's last frame")

    def first_label(self, camera: ChangingCamera, since: int = 0) -> int:
        """Wait for a label of a camera's frame after a moment; when it came, nanoseconds."""

        def came() -> list[int]:
            camera.listen()
            stamps = camera.sent.keys() & self.heard.keys()
            return [self.heard[stamp].arrival for stamp in stamps if stamp >= since]

        self.watcher.until(came, "a label")
        return min(came())

    def until_told(self, fault: Fault, words: str, since: float) -> None:
        """Wait until the diagnostics say something after a moment of the steady clock."""
        self.watcher.until(lambda: self.audit.first(words, since), f'"{words}" in /diagnostics')
        told = self.audit.first(words, since)
        assert told is not None
        fault.told = told.message
        fault.told_after.append(told.moment - since)

    def until_ok(self, words: str) -> float:
        """Wait until the diagnostics of frames do not say something any more; seconds that took."""
        began = time.monotonic()
        self.watcher.until(lambda: words not in self.audit.newest("frames"), f'no "{words}"')
        return time.monotonic() - began

    def settle(self, fault: Fault, untold: int = 0, lossless: bool = True) -> Mapping[str, int]:
        """Hold the books against what was sent and what came; nothing may be on its way.

        Args:
            fault: Is told what is wrong.
            untold: Cameras that were killed: each may have sent one frame more than it told.
            lossless: Whether every frame sent arrives.

        Returns:
            All cameras' books together.

        """
        sent = len(self.sent)
        self._wait(lambda: self._total()["received"] >= sent if lossless else self._is_quiet())
        self._wait(self._is_quiet)
        total = self._total()
        exact = sent <= total["received"] <= sent + untold
        fault.expect(exact or not lossless, f"received {total['received']} of {sent} sent")
        fault.expect(total["received"] <= sent + untold, "received more than was sent")
        came = len(self.heard)
        fault.expect(total["published"] == came, f"{total['published']} published, {came} came")
        fault.broken.extend(self.audit.broken)
        self._check_labels(fault, untold)
        return total

    def close(self) -> None:
        """End the cameras."""
        for camera in self._cameras:
            camera.close()

    def _check_labels(self, fault: Fault, untold: int) -> None:
        sent = self.sent
        unknown = [stamp for stamp in self.heard if stamp not in sent]
        fault.expect(len(unknown) <= untold, f"{len(unknown)} labels of frames never sent")
        wrong = [s for s, heard in self.heard.items() if s in sent and heard.content != sent[s]]
        fault.expect(not wrong, f"{len(wrong)} wrong labels")

    def _total(self) -> Mapping[str, int]:
        books = list(self.audit.books.values())
        return {fate: sum(each[fate] for each in books) for fate in books[0]}

    def _is_quiet(self) -> bool:
        total = self._total()
        return not total["pending"] and total["published"] == len(self.heard)

    def _wait(self, condition: Any) -> None:
        """Wait for the diagnostics to catch up; what they then lack is told as broken."""
        end = time.monotonic() + 10.0
        while not condition() and time.monotonic() < end:
            self.watcher.spin(0.1)

    def _hear(self, topic: str, cdr: bytes) -> None:
        arrival = time.time_ns()
        message = deserialize_message(cdr, Image)
        pixels = np.frombuffer(message.data, np.uint8)
        same = pixels.size > 0 and (pixels == pixels[0]).all()
        content = Sent(int(pixels[0]), (message.height, message.width)) if same else None
        self.heard[stamp_of(cdr)] = Heard(topic, arrival, content)


@contextmanager
def site(
    folder: Path,
    *parameters: str,
    names: Sequence[str] = ("",),
    reliable: bool = True,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Site]:
    """A node that runs a whole network and answers with the brightest channel, active.

    Args:
        folder: Where its model is, or is made.
        parameters: Further arguments of the node.
        names: Its cameras.
        reliable: Whether it asks cameras for that, so that the books can be foretold.
        environment: Variables of the node; without, this process's.

    """
    arguments = [*parameters, *_lossless(names, reliable)]
    if names != ("",):
        arguments += ["-p", f"cameras:=[{', '.join(names)}]"]
    watcher = Watcher([])
    around = Site(watcher, names)
    try:
        with running_node(_model(folder), *arguments, environment=environment):
            watcher.wait_active()
            watcher.until(lambda: len(around.audit.books) == len(names), "books of all cameras")
            yield around
    finally:
        around.close()
        watcher.close()


def _lossless(names: Sequence[str], reliable: bool) -> Iterator[str]:
    for name in names:
        image = f"qos_overrides./{name}/image.subscription".replace("//", "/")
        label = f"qos_overrides./segmentation/{name}/label.publisher".replace("//", "/")
        if reliable:
            yield from ("-p", f"{image}.reliability:=reliable")
        yield from ("-p", f"{image}.depth:={_DEPTH}", "-p", f"{label}.depth:={_DEPTH}")


def _model(folder: Path) -> Path:
    made = folder / "code_reading"
    if not made.exists():
        code_reading_model(light_model(folder / "plain", _NETWORK), made)
    return made
