# SPDX-License-Identifier: Apache-2.0
"""One frame on request: what ~/save_frame waits for."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from rclpy.executors import Executor
from rclpy.task import Future
from std_msgs.msg import Header

Pixels = npt.NDArray[np.uint8]

_PATIENCE = 5.0  # seconds


@dataclass(frozen=True)
class CapturedFrame:
    """A camera's frame with the model's answer.

    Attributes:
        camera: The camera's name.
        topic: Where the image came from.
        header: The image's.
        image: uint8 [H, W, 3] RGB.
        labels: The model's own ids at the image's size, uint8 [H, W]: a taxonomy may join classes
            that annotators keep apart.
        confidence: uint8 [H, W], 255 = certain.
        facts: About the model.

    """

    camera: str
    topic: str
    header: Header
    image: Pixels
    labels: Pixels
    confidence: Pixels
    facts: Mapping[str, Any]


class FrameCapture:
    """Hands one camera's next frame to whoever asks.

    Args:
        executor: Whose coroutines wait for frames.

    """

    def __init__(self, executor: Callable[[], Executor]) -> None:
        self._executor = executor
        self._lock = threading.Lock()
        self._waiting: Future | None = None
        self._asked = 0.0

    @property
    def wanted(self) -> bool:
        """Whether somebody waits."""
        return self._waiting is not None

    def request(self) -> Future:
        """The next frame, a `CapturedFrame`; None if none comes within 5 s."""
        with self._lock:
            if self._waiting is None:
                self._waiting = future = Future()
                self._asked = time.monotonic()
                future.add_done_callback(lambda _: self._executor().wake())
            return self._waiting

    def offer(self, frame: CapturedFrame | None) -> None:
        """Answer the request, if there is one; from any thread."""
        with self._lock:
            waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.set_result(frame)

    def expire(self) -> None:
        """Give up a request that has waited too long; to be called now and then."""
        if self.wanted and time.monotonic() - self._asked > _PATIENCE:
            self.offer(None)
