# SPDX-License-Identifier: Apache-2.0
"""Runs slots and `choose` in virtual time, as FrameScheduler's thread does in real time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

from segnet_ros.ros.batching import choose
from segnet_ros.ros.camera_slot import CameraSlot


@dataclass(frozen=True)
class Served:
    camera: str
    arrival: float
    at: float

    @property
    def waited(self) -> float:
        return self.at - self.arrival


def simulate(
    arrivals: Mapping[str, Sequence[float]],
    *,
    priorities: Mapping[str, int] | None = None,
    rates: Mapping[str, float] | None = None,
    batch: int = 1,
    window: float = 0.0,
    service: float = 0.0,
) -> list[list[Served]]:
    """The batches that are served until nothing waits any more; each takes `service` seconds."""
    slots = {camera: CameraSlot[float](camera) for camera in arrivals}
    for camera, slot in slots.items():
        slot.limit((priorities or {}).get(camera, 0), (rates or {}).get(camera, 0.0))
    coming = sorted((time, camera) for camera, times in arrivals.items() for time in times)
    batches: list[list[Served]] = []
    now, free, turn = 0.0, 0.0, 0
    while True:
        chosen, wake = ([], free)
        if now >= free:
            chosen, wake = choose(slots.values(), batch, window, now)
        if chosen:
            taken = [(slot, slot.take(turn := turn + 1, now)) for slot in chosen]
            batches.append([Served(slot.camera, each.since, now) for slot, each in taken])
            free = now + service
            continue
        assert wake > now, "busy waiting"
        now = min(wake, coming[0][0] if coming else inf)
        if now == inf:
            return batches
        if coming and coming[0][0] == now:
            slots[coming[0][1]].put(now, coming.pop(0)[0])


def flat(batches: Sequence[Sequence[Served]], camera: str) -> list[Served]:
    """A camera's frames in the order of service."""
    return [served for batch in batches for served in batch if served.camera == camera]
