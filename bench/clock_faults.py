# SPDX-License-Identifier: Apache-2.0
"""The system's time jumps by an hour under a running node: on its machine alone, or on all."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path

from changing_camera_process import ChangingCamera
from fault import Fault
from fault_site import NS_PER_S, Site, site
from shifted_clock import ShiftedClock

_HOUR = 3600.0
_MAX_AGE = ("-p", "max_age:=1.0")
_RATE = 15.0
# Goes through the network stack without loss: the pip wheels' Fast DDS repairs none after the time
# was set back, as its events wait by the system's time.
_SIZE = (64, 48)
_LOOK_SECONDS = 2.5  # there and back within a second is nothing that a node looks for


def node_alone(said: str, hours: float, folder: Path, times: int) -> Fault:
    """The camera is on another machine, whose time stays.

    Args:
        said: What /diagnostics are to tell.
        hours: How far the node's time jumps, and back again.
        folder: For what is made.
        times: How often.

    """
    stale = hours > 0
    labels = "none: all older than max_age" if stale else "all; max_age without effect"
    fault = Fault(f"node's time {hours:+g} h, camera's stays", labels)
    with _shifted(folder) as (clock, around):
        camera = _started(around)
        for _ in range(times):
            began = time.monotonic()
            clock.shift(hours * _HOUR)
            around.until_told(fault, said, began)
            before = len(around.heard)
            around.watcher.spin(_LOOK_SECONDS)
            fault.expect((len(around.heard) == before) == stale, f"labels while {said}")
            back = time.time_ns()
            clock.shift(0.0)
            fault.recovery.append((around.first_label(camera, back) - back) / NS_PER_S)
            around.until_ok("stamps are")
            around.watcher.spin(_LOOK_SECONDS)
        _finish(around, camera, fault)
    return fault


def whole_machine(hours: float, folder: Path, times: int) -> Fault:
    """Node and camera have one time; recovery is the longest pause between two labels.

    Args:
        hours: How far it jumps, and back again.
        folder: For what is made.
        times: How often.

    """
    fault = Fault(f"time of node and camera {hours:+g} h", "go on")
    with _shifted(folder) as (clock, around):
        camera = _started(around, clock)
        for jump in range(2 * times):
            began, moment = time.monotonic(), time.time_ns()
            clock.shift(0.0 if jump % 2 else hours * _HOUR)
            around.watcher.until(partial(_jumps, around, jump + 1), "word of the jump")
            fault.told_after.append(time.monotonic() - began)
            around.watcher.spin(_LOOK_SECONDS)
            fault.recovery.append(_longest_pause(around, moment))
        fault.told = f"last clock jump: {around.watcher.values['last clock jump']}"
        total = _finish(around, camera, fault)
        # Taken before a jump forward, in work after it.
        fault.expect(total["stale"] <= 2 * times, f"{total['stale']} stale")
    return fault


SUBJECTS: Mapping[str, Callable[[Path, int], Fault]] = {
    "clock_ahead": partial(node_alone, "stamps are 60.0 min behind", 1.0),
    "clock_behind": partial(node_alone, "stamps are 60.0 min ahead of", -1.0),
    "clocks_ahead": partial(whole_machine, 1.0),
    "clocks_behind": partial(whole_machine, -1.0),
}


@contextmanager
def _shifted(folder: Path) -> Iterator[tuple[ShiftedClock, Site]]:
    clock = ShiftedClock(folder)
    with site(folder, *_MAX_AGE, environment=clock.variables) as around:
        yield clock, around


def _started(around: Site, clock: ShiftedClock | None = None) -> ChangingCamera:
    camera = around.connected(environment=clock.variables if clock else None)
    camera.order(size=_SIZE, rate=_RATE)
    around.first_label(camera)
    return camera


def _finish(around: Site, camera: ChangingCamera, fault: Fault) -> Mapping[str, int]:
    camera.end()
    total = around.settle(fault)
    fault.expect(not total["failed"], f"{total['failed']} failed")
    return total


def _jumps(around: Site, count: int) -> bool:
    return around.watcher.values.get("clock jumps") == str(count)


def _longest_pause(around: Site, moment: int) -> float:
    """Seconds between two labels, of those from the last one before a moment on."""
    arrivals = sorted(heard.arrival for heard in around.heard.values())
    first = sum(arrival < moment for arrival in arrivals) - 1
    return max(later - earlier for earlier, later in pairwise(arrivals[first:])) / NS_PER_S
