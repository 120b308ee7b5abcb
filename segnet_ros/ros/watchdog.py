# SPDX-License-Identifier: Apache-2.0
"""Ends the process when its work hangs: nothing else ends a native call that does not return."""

import faulthandler
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

EXIT_HANGS = 70
"""What the process exits with; 1 where what hangs keeps Python itself from running."""

_LONGEST_BEAT = 1.0
_SHORTEST_BEAT = 0.05
_BEATS = 4  # within the limit
_FAREWELL = 1.0  # seconds in which others get to know
_LAST_RESORT = 5.0  # seconds that telling may take
_PACKAGE = str(Path(__file__).parents[1])

_LOG = logging.getLogger(__name__)


class Watchdog:
    """Looks from a thread of its own whether the same work goes on for too long.

    What hangs with Python's global lock held lets no thread run that could tell: then faulthandler
    ends the process. It does so, too, when a process goes on that was stopped (SIGSTOP) for longer.

    Args:
        limit: Gives the seconds that one piece of work may take, 0 for any; asked at every beat.
        work: Gives the number of the piece in work, 0 while there is none.
        give_up: Called with the number and the seconds, in this thread: gives it up and tells
            everybody. False if it has come to its end meanwhile, so that everything goes on.

    """

    def __init__(
        self,
        limit: Callable[[], float],
        work: Callable[[], int],
        give_up: Callable[[int, float], bool],
    ) -> None:
        self._limit = limit
        self._work = work
        self._give_up = give_up
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._stopped.clear()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _watch(self) -> None:
        watched, since = 0, 0.0
        while True:
            limit, work, now = self._limit(), self._work(), time.monotonic()
            _watch_python(limit)
            if work != watched:
                watched, since = work, now
            elif work and 0 < limit <= now - since:
                self._bite(work, now - since)
            if self._stopped.wait(_beat(limit)):
                break
        faulthandler.cancel_dump_traceback_later()

    def _bite(self, work: int, seconds: float) -> None:
        # Telling may hang, too: in what hangs already.
        _end_unless_called_again(_LAST_RESORT)
        try:
            if not self._give_up(work, seconds):
                return
        except Exception as error:  # noqa: BLE001  # the process must end, told or not
            _LOG.error("could not tell that the node hangs: %r", error)
        end_hanging_process()


def end_hanging_process() -> NoReturn:
    """Leave others a second to hear of it, tell where every thread is, and exit without cleanup."""
    time.sleep(_FAREWELL)
    faulthandler.dump_traceback(all_threads=True)
    os._exit(EXIT_HANGS)


def where(thread: int) -> str:
    """The innermost function of this package that a thread is in, such as "pipeline.py:93 _open".

    Args:
        thread: `Thread.ident`.

    """
    frame = sys._current_frames().get(thread)  # noqa: SLF001  # documented, for debuggers
    calls = traceback.extract_stack(frame) if frame else ()
    ours = [call for call in calls if call.filename.startswith(_PACKAGE)]
    if not ours:
        return "an unknown place"
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno} {ours[-1].name}"


def _beat(limit: float) -> float:
    return min(max(limit / _BEATS, _SHORTEST_BEAT), _LONGEST_BEAT) if limit else _LONGEST_BEAT


def _watch_python(limit: float) -> None:
    """Have the process ended unless this is called again in time."""
    if limit:
        _end_unless_called_again(max(limit, _LONGEST_BEAT) + _beat(limit))
    else:
        faulthandler.cancel_dump_traceback_later()


def _end_unless_called_again(seconds: float) -> None:
    # It needs a thread, for which there is no memory at times; the next beat tries again.
    with suppress(RuntimeError):
        faulthandler.dump_traceback_later(seconds, exit=True)
