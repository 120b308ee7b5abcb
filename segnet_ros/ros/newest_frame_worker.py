"""One thread that always works on the newest frame, and exact books of what became of every one."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

Frame = TypeVar("Frame")


class Outcome(Enum):
    """What became of a frame."""

    PUBLISHED = "published"
    SUPERSEDED = "superseded"
    STALE = "stale"
    FAILED = "failed"


@dataclass(frozen=True)
class Books:
    """received = published + superseded + stale + failed + pending, at every moment.

    Attributes:
        received: Frames handed over.
        published: Frames whose labels went out.
        superseded: Frames that a newer one replaced before their turn, or that were waiting when
            the worker stopped.
        stale: Frames older than the largest age when their turn came.
        failed: Frames that could not be decoded or segmented.
        pending: The frame in work and the frame that waits: 0 to 2.
    """

    received: int = 0
    published: int = 0
    superseded: int = 0
    stale: int = 0
    failed: int = 0
    pending: int = 0


class NewestFrameWorker(Generic[Frame]):
    """Calls `process` with the newest submitted frame, one at a time, in a thread of its own.

    Args:
        process: Works on a frame and says what became of it. Whatever it raises counts as failed
            and is passed to `on_error`.
        on_error: Told of exceptions.
    """

    def __init__(
        self, process: Callable[[Frame], Outcome], on_error: Callable[[Exception], None]
    ) -> None:
        self._process = process
        self._on_error = on_error
        self._changed = threading.Condition()
        self._waiting: Frame | None = None
        self._working = False
        self._running = False
        self._received = 0
        self._outcomes = dict.fromkeys(Outcome, 0)
        self._last_submission: float | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to work; `submit` may be called from now on."""
        self._running = True
        self._thread = threading.Thread(target=self._work, name="segmentation", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the frame in work, give up the waiting one, and end the thread."""
        with self._changed:
            self._running = False
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        with self._changed:
            self._give_up_waiting()

    def submit(self, frame: Frame) -> None:
        """Hand over a frame; returns at once. A frame still waiting is superseded."""
        with self._changed:
            self._received += 1
            self._last_submission = time.monotonic()
            self._give_up_waiting()
            self._waiting = frame
            if not self._running:
                self._give_up_waiting()
            self._changed.notify()

    @property
    def books(self) -> Books:
        """A consistent snapshot."""
        with self._changed:
            pending = (self._waiting is not None) + self._working
            counts = {outcome.value: count for outcome, count in self._outcomes.items()}
            return Books(received=self._received, pending=pending, **counts)

    @property
    def seconds_since_submission(self) -> float | None:
        """Age of the newest submission; None before the first."""
        with self._changed:
            last = self._last_submission
        return None if last is None else time.monotonic() - last

    def _give_up_waiting(self) -> None:
        if self._waiting is not None:
            self._outcomes[Outcome.SUPERSEDED] += 1
            self._waiting = None

    def _work(self) -> None:
        while (frame := self._take()) is not None:
            outcome = self._try(frame)
            with self._changed:
                self._outcomes[outcome] += 1
                self._working = False

    def _take(self) -> Frame | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting is not None or not self._running)
            if not self._running:
                return None
            frame, self._waiting = self._waiting, None
            self._working = True
            return frame

    def _try(self, frame: Frame) -> Outcome:
        try:
            return self._process(frame)
        except Exception as error:  # the thread must outlive any frame
            self._on_error(error)
            return Outcome.FAILED
