# SPDX-License-Identifier: Apache-2.0
"""A camera whose frames tell their numbers, and a listener to its labels that checks them."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from peer import Peer, image, pixels, reliable
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image

DEEP = QoSProfile(depth=1000)
SIZE = (24, 32)


def arguments(model: Path, *cameras: str) -> list[str]:
    """Of an active node of a `channel_model` whose books can be foretold.

    It loses nothing on its way in or out; without names it has one camera.
    """
    words = ["-p", f"model:={model}", "-p", "autostart:=true"]
    if cameras:
        words += ["-p", f"cameras:=[{','.join(cameras)}]"]
    for prefix in [f"{camera}/" for camera in cameras] or [""]:
        words += reliable(f"/{prefix}image")
        words += ["-p", f"qos_overrides./{prefix}image.subscription.depth:=1000"]
        for output in ("label", "confidence"):
            topic = f"/segmentation/{prefix}{output}"
            words += ["-p", f"qos_overrides.{topic}.publisher.depth:=1000"]
    return words


def active(peer: Peer, *cameras: str) -> None:
    """Wait until the diagnostics of an active node with these cameras have come."""
    peer.until(lambda: peer.values().get("state") == "active", "the node to be active")
    peer.until(lambda: all(f"{c} frames".strip() in peer.statuses for c in cameras), "the cameras")


class NumberedCamera:
    """Publishes pictures of one colour, as bright as their number, as far as a byte goes.

    Args:
        peer: Publishes and listens.
        name: The camera's; empty for the node's only one.
        channel: Of its colour, which is the label that the `channel_model` gives.

    Attributes:
        number: Of the newest frame; they count from 1.
        labels: What came of them.
        confidences: The same.
    """

    def __init__(self, peer: Peer, name: str = "", channel: int = 1) -> None:
        self.peer, self.name, self.channel = peer, name, channel
        self.number = 0
        self.labels: list[Image] = []
        self.confidences: list[Image] = []
        self._numbers: dict[tuple[int, int], int] = {}
        self._prefix = f"{name}/" if name else ""
        self._before = self.books
        self._lock = threading.Lock()

    def listen(self) -> "NumberedCamera":
        self.labels = self.peer.subscribe(f"/segmentation/{self._prefix}label", DEEP)
        self.confidences = self.peer.subscribe(f"/segmentation/{self._prefix}confidence", DEEP)
        return self

    def connect(self) -> "NumberedCamera":
        self.publisher = self.peer.camera(f"/{self._prefix}image", DEEP)
        return self

    @property
    def task(self) -> str:
        """Name of the diagnostics about its frames."""
        return f"{self.name} frames".strip()

    @property
    def books(self) -> Mapping[str, int]:
        return self.peer.books(self.task)

    @property
    def counted(self) -> Mapping[str, int]:
        """What was added to the books since this was made."""
        return {fate: count - self._before[fate] for fate, count in self.books.items()}

    def settle(self) -> Mapping[str, int]:
        """Wait until the books know of every frame; returns what was added to them."""
        self.peer.until(
            lambda: self.counted["received"] == self.number and not self.counted["pending"],
            f"the books of camera {self.name}",
        )
        return self.counted

    def send(self, size: tuple[int, int] = SIZE, stamp: tuple[int, int] | None = None) -> None:
        """The stamp is now or one that was not used before."""
        with self._lock:
            self.number += 1
            picture = np.zeros((*size, 3), np.uint8)
            picture[..., self.channel] = _brightness(self.number)
            stamp = divmod(time.time_ns(), 10**9) if stamp is None else stamp
            self._numbers[stamp] = self.number
            message = image(picture, "rgb8", stamp=stamp)
            message.header.frame_id = f"{self.name}_optical"
            self.publisher.publish(message)

    def step(self, size: tuple[int, int] = SIZE, stamp: tuple[int, int] | None = None) -> None:
        """Send one and wait for its label."""
        self.send(size, stamp)
        self.wait_for_last()

    def wait_for_last(self) -> None:
        self.peer.until(
            lambda: self.labels and self.number_of(self.labels[-1]) == self.number,
            f"label {self.number} of camera {self.name}",
        )

    def send_at(self, rate: float, count: int) -> None:
        for _ in range(count):
            self.send()
            time.sleep(1 / rate)

    def number_of(self, label: Image) -> int:
        return self._numbers[label.header.stamp.sec, label.header.stamp.nanosec]

    def check(self, size: tuple[int, int] = SIZE) -> Sequence[int]:
        """Everything that came is this camera's, in order, and nothing twice; its numbers."""
        self.peer.until(lambda: len(self.confidences) == len(self.labels), "the last confidence")
        for label, confidence in zip(self.labels, self.confidences, strict=True):
            assert label.header == confidence.header
            assert label.header.frame_id == f"{self.name}_optical"
            assert pixels(label).shape == pixels(confidence).shape == size
            assert (pixels(label) == self.channel).all()
            assert (pixels(confidence) == _brightness(self.number_of(label))).all()
        numbers = [self.number_of(label) for label in self.labels]
        assert numbers == sorted(set(numbers))
        return numbers


def _brightness(number: int) -> int:
    return 1 + number % 255


@contextmanager
def repeating(*works: Callable[[], None], pause: float) -> Iterator[None]:
    """Does each of them again and again, in threads of their own."""
    ended = threading.Event()

    def work_on(work: Callable[[], None]) -> None:
        while not ended.wait(pause):
            work()

    threads = [threading.Thread(target=work_on, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()
