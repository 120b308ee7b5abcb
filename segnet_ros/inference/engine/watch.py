# SPDX-License-Identifier: Apache-2.0
"""Who watches a build, and how a build is ended before its time."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

PhaseListener = Callable[[str, float | None], None]
"""Told a phase and its part that is done, 0..1, or None while unknown; by raising ends a build."""


class Watch:
    """Stands between TensorRT, which swallows exceptions, and a listener, which may raise them.

    Attributes:
        failure: What ended the build, to be raised once TensorRT has returned; None if nothing did.

    """

    def __init__(self, listener: PhaseListener) -> None:
        self._listener = listener
        self.failure: BaseException | None = None

    def tell(self, phase: str, fraction: float | None) -> bool:
        """Tell the listener; False asks TensorRT to stop."""
        if self.failure is None:
            try:
                self._listener(phase, fraction)
            except BaseException as error:  # noqa: BLE001  # raised again by whoever asked for the build
                self.failure = error
        return self.failure is None

    def interrupt(self) -> None:
        """End the build as Ctrl-C would."""
        self.failure = self.failure or KeyboardInterrupt()


@contextmanager
def interruptible(watch: Watch, stoppable: bool) -> Iterator[None]:
    """Make Ctrl-C end what is built inside.

    Python runs signal handlers between its own instructions only, and during a build those are
    TensorRT's callbacks, which swallow a KeyboardInterrupt. So the handler tells the watch instead,
    and a second Ctrl-C ends the process. Builders that nobody can stop (`stoppable` False) leave
    only that: the first one ends the process. Other threads and programs that handle the signal
    themselves, as ROS nodes do, are left alone.
    """
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def end(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        watch.interrupt()

    signal.signal(signal.SIGINT, end if stoppable else signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
