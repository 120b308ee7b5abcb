# SPDX-License-Identifier: Apache-2.0
"""Which cameras' frames go next, and whether it pays to wait for another's."""

from collections.abc import Collection
from typing import TypeVar

from segnet_ros.ros.camera_slot import CameraSlot

Frame = TypeVar("Frame")


def choose(
    slots: Collection[CameraSlot[Frame]], batch: int, window: float, now: float
) -> tuple[list[CameraSlot[Frame]], float]:
    """The slots to serve together now, and else when to ask again.

    Args:
        slots: All cameras'.
        batch: Frames at most.
        window: Seconds from its submission that a frame waits to share a batch.
        now: Seconds of the steady clock that the slots were told.

    Returns:
        Ready slots: higher priority first, then the one served longest ago; with `now`.
        None, and the later moment when that can change without a submission (inf: never).

    """
    ready = [slot for slot in slots if slot.ready_at <= now]
    if not ready:
        return [], min(slot.ready_at for slot in slots)
    if len(ready) < batch and (wake := _company_until(ready, slots, window, now)) > now:
        return [], wake
    return sorted(ready, key=lambda slot: (-slot.priority, slot.turn))[:batch], now


def _company_until(
    ready: Collection[CameraSlot[Frame]],
    slots: Collection[CameraSlot[Frame]],
    window: float,
    now: float,
) -> float:
    """When to look again for other cameras' frames; not after `now` if the wait is over."""
    end = min(slot.waiting.since for slot in ready if slot.waiting) + window
    expected = [slot.expected_at for slot in slots if slot not in ready]
    # One overdue by more than the window missed a frame or died: nobody waits for it.
    awaited = [moment for moment in expected if now - window < moment <= end]
    steps = (moment if moment > now else moment + window for moment in awaited)
    return min(end, *steps) if awaited else now
