# SPDX-License-Identifier: Apache-2.0
"""One thread that works on the newest frames of all cameras, the most urgent first."""

import logging
import threading
from collections.abc import Callable, Sequence
from itertools import count
from math import inf
from time import monotonic
from typing import Generic, TypeVar

from segnet_ros.ros.batching import choose
from segnet_ros.ros.books import Books, Ledger, Outcome
from segnet_ros.ros.camera_slot import CameraSlot

Frame = TypeVar("Frame")

_LOG = logging.getLogger(__name__)


class Job(Generic[Frame]):
    """A frame in work.

    Attributes:
        camera: Whose frame it is.
        frame: As submitted.
        waited: Seconds from its submission until its turn.
        outcome: What became of it; None until it is settled.

    """

    def __init__(self, camera: str, frame: Frame, waited: float, ledger: Ledger) -> None:
        self.camera = camera
        self.frame = frame
        self.waited = waited
        self.outcome: Outcome | None = None
        self._ledger = ledger
        self._once = threading.Lock()

    def settle(self, outcome: Outcome) -> None:
        """Book what became of the frame, once and while `process` runs; any thread may.

        Raises:
            RuntimeError: It is settled already.

        """
        if not self._settle_first(outcome):
            before = self.outcome.value if self.outcome else "settled"
            msg = (
                f'a frame of camera "{self.camera}" is {before} already and cannot become '
                f"{outcome.value}: settle each job once, before process returns"
            )
            raise RuntimeError(msg)

    def close(self) -> None:
        """Book the frame as failed if nobody settled it."""
        self._settle_first(Outcome.FAILED)

    def _settle_first(self, outcome: Outcome) -> bool:
        if not self._once.acquire(blocking=False):
            return False
        self.outcome = outcome
        self._ledger.settle(outcome)
        return True


class FrameScheduler(Generic[Frame]):
    """Calls `process` with the newest frames, at most one per camera, in a thread of its own.

    One frame per camera waits; a newer one supersedes it. Of the cameras whose frame may go under
    their largest rate, the higher priority comes first, then the one served longest ago.

    Args:
        cameras: Their names, each once.
        process: Works on 1 to `batch` jobs and settles each. A job that it leaves unsettled, or
            that is unsettled when it raises, counts as failed.
        on_error: Told of what `process` raised and its jobs, all of them settled.
        batch: Frames at once, at most.
        window: Seconds from its submission that a frame waits for other cameras' to share a
            batch; only for cameras that are alive and, by their own interval, expected in time.

    """

    def __init__(
        self,
        cameras: Sequence[str],
        process: Callable[[Sequence[Job[Frame]]], None],
        on_error: Callable[[Exception, Sequence[Job[Frame]]], None],
        *,
        batch: int = 1,
        window: float = 0.0,
    ) -> None:
        self._slots = {camera: CameraSlot[Frame](camera) for camera in cameras}
        self._process = process
        self._on_error = on_error
        self._batch = batch
        self._window = window
        self._turns = count(1)
        self._changed = threading.Condition()
        self._running = False
        self._thread: threading.Thread | None = None
        self._in_work: Sequence[Job[Frame]] = ()
        self._batches = 0

    @property
    def in_work(self) -> int:
        """Number of the batch that is in work, counted from 1; 0 while there is none."""
        return self._batches if self._in_work else 0

    @property
    def thread(self) -> int:
        """`Thread.ident` of the thread that works; 0 while there is none."""
        return (self._thread and self._thread.ident) or 0

    def start(self) -> None:
        """Begin to work; `submit` may be called from now on."""
        self._running = True
        self._thread = threading.Thread(target=self._work, name="segmentation", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the frames in work, give up the waiting ones, and end the thread."""
        with self._changed:
            self._running = False
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.give_up_waiting()

    def submit(self, camera: str, frame: Frame) -> None:
        """Hand over a frame; returns at once. A frame of that camera still waiting is superseded.

        While the scheduler is stopped the frame is superseded too.
        """
        slot = self._slots[camera]
        with self._changed:
            # Named, so that megabytes are freed after the lock.
            _replaced = slot.put(frame, monotonic())
            if self._running:
                self._changed.notify()
            else:
                slot.give_up()

    def limit(self, camera: str, *, priority: int, max_rate: float) -> None:
        """Change a camera's priority (higher first) and largest rate (Hz, 0 = none) at once."""
        with self._changed:
            self._slots[camera].limit(priority, max_rate)
            self._changed.notify()

    def give_up_waiting(self, camera: str | None = None) -> None:
        """Supersede the waiting frame of a camera, or of all of them."""
        cameras = self._slots if camera is None else [camera]
        with self._changed:
            for name in cameras:
                self._slots[name].give_up()

    def abandon(self, batch: int) -> Sequence[Job[Frame]]:
        """Work no more, because a batch hangs: what is in work fails, what waits is superseded.

        Args:
            batch: Its number.

        Returns:
            The jobs given up; none if the batch came to its end, and everything goes on.

        """
        with self._changed:
            jobs = self._in_work
            if not jobs or batch != self._batches:
                return ()
            self._running = False
        for job in jobs:
            job.close()
        self.give_up_waiting()
        return jobs

    def books(self, camera: str) -> Books:
        """A consistent snapshot of a camera's books."""
        return self._slots[camera].ledger.books

    def seconds_since_submission(self, camera: str) -> float | None:
        """Age of a camera's newest submission; None before the first."""
        with self._changed:
            age = monotonic() - self._slots[camera].last_arrival
        return age if age < inf else None

    def _work(self) -> None:
        while self._serve():
            pass

    def _serve(self) -> bool:
        """One batch; in a function of its own so that no frame is kept while the thread sleeps."""
        jobs = self._take()
        if jobs:
            self._try(jobs)
            with self._changed:
                self._in_work = ()
        return bool(jobs)

    def _take(self) -> Sequence[Job[Frame]]:
        """Sleep until frames may go; nothing once the scheduler is stopped."""
        with self._changed:
            while self._running:
                now = monotonic()
                chosen, wake = choose(self._slots.values(), self._batch, self._window, now)
                if chosen:
                    self._batches += 1
                    self._in_work = [self._job(slot, now) for slot in chosen]
                    return self._in_work
                self._changed.wait(min(wake - now, threading.TIMEOUT_MAX))
            return ()

    def _job(self, slot: CameraSlot[Frame], now: float) -> Job[Frame]:
        taken = slot.take(next(self._turns), now)
        return Job(slot.camera, taken.frame, now - taken.since, slot.ledger)

    def _try(self, jobs: Sequence[Job[Frame]]) -> None:
        try:
            self._process_and_close(jobs)
        except Exception as error:  # noqa: BLE001  # the thread must outlive any frame
            self._report(error, jobs)

    def _process_and_close(self, jobs: Sequence[Job[Frame]]) -> None:
        try:
            self._process(jobs)
        finally:
            for job in jobs:
                job.close()

    def _report(self, error: Exception, jobs: Sequence[Job[Frame]]) -> None:
        try:
            self._on_error(error, jobs)
        except Exception:  # noqa: BLE001  # nor may a failing report end the thread
            _LOG.exception("could not report %r", error)
