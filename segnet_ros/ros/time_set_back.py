# SPDX-License-Identifier: Apache-2.0
"""What waits by the system's time waits too long after somebody has set that back.

The middleware of the pip wheels does: built for old systems, it turns every timeout into a moment
of the system's time. A node would notice neither timers nor signals until that came again.
"""

import threading
import time
from collections.abc import Callable

_PERIOD = 1.0
# Who waits for so much longer is not worth being woken.
_STEP = 0.1


class TimeSetBack:
    """Looks once a second whether the system's time went back, in a thread of its own.

    What goes forward and back in between stays unnoticed: nobody sets a clock twice a second.

    Args:
        wake: Called then, in that thread: ends what waits, so that it asks for the time anew.

    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._stopped = False
        threading.Thread(target=self._watch, name="time", daemon=True).start()

    def stop(self) -> None:
        """Wake nobody any more."""
        with self._lock:
            self._stopped = True

    def _watch(self) -> None:
        ahead = _ahead()
        while not self._stopped:
            # Unlike other waits it goes by the steady clock on every system.
            time.sleep(_PERIOD)
            before, ahead = ahead, _ahead()
            if ahead < before - _STEP:
                self._tell()

    def _tell(self) -> None:
        with self._lock:
            if not self._stopped:
                self._wake()


def _ahead() -> float:
    """Seconds of the system's time beyond the steady clock."""
    return time.time() - time.monotonic()
