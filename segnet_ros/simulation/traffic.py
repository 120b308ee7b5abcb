# SPDX-License-Identifier: Apache-2.0
"""What moves by itself: cars, cyclists and pedestrians, as functions of time.

Each flow is an endless row of slots that moves at one speed, so nobody catches up with anybody
and every moment can be computed without the moments before it.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

from segnet_ros.simulation.layout import Plan, Thing
from segnet_ros.simulation.noise import stream

_STRIDE = 0.75
_CRANK = 4.5


@dataclass(frozen=True)
class Flow:
    """A row of movers.

    Attributes:
        kind: as in `Thing`.
        x: metres from the centre line; spread: deviation from it, metres either way.
        speed: metres per second along the road; negative = towards the camera.
        gap: metres from slot to slot.
        density: share of slots that are taken, 0..1.
        cadence: metres per full turn of the legs.

    """

    kind: str
    x: float
    spread: float
    speed: float
    gap: float
    density: float
    cadence: float


def build_flows(seed: int, plan: Plan) -> tuple[Flow, ...]:
    """Return all flows of a street."""
    rng = stream(seed, 20)
    cyclist = plan.lane - 0.65
    flows = [
        Flow("car", 0.52 * plan.lane, 0.15, -9.0, 34.0, rng.uniform(0.3, 0.75), 1.0),
        Flow("cyclist", -cyclist, 0.15, 4.6, 27.0, rng.uniform(0.3, 0.7), _CRANK),
        Flow("cyclist", cyclist, 0.15, -4.8, 38.0, rng.uniform(0.2, 0.6), _CRANK),
    ]
    for side in (-1, 1):
        middle = plan.kerb(side) + side * 0.55 * plan.pavement
        spread = 0.28 * plan.pavement
        for index, speed in enumerate((1.35, -1.25)):
            density = rng.uniform(0.12, 0.5)
            gap = 7.0 + 1.5 * index
            flows.append(Flow("pedestrian", middle, spread, speed, gap, density, 2 * _STRIDE))
    return tuple(flows)


def movers(
    seed: int, number: int, flow: Flow, time: float, span: tuple[float, float]
) -> list[Thing]:
    """Return those movers of a flow that are within a span of s (metres) at a time (seconds).

    `number` is the flow's place among the flows of its street.
    """
    travelled = flow.speed * time
    first = math.floor((span[0] - travelled) / flow.gap)
    last = math.floor((span[1] - travelled) / flow.gap)
    found = []
    for slot in range(first, last + 1):
        taken, along, beside, turn, style = _slot(seed, number, slot)
        if taken > flow.density:
            continue
        s = (slot + 0.6 * along) * flow.gap + travelled
        x = flow.x + flow.spread * (2 * beside - 1)
        phase = 2 * math.pi * (abs(travelled) / flow.cadence + turn)
        facing = 1 if flow.speed < 0 else -1
        found.append(Thing(flow.kind, x, s, facing, style, phase))
    return found


@lru_cache(maxsize=4096)
def _slot(seed: int, number: int, slot: int) -> tuple[float, float, float, float, int]:
    """Return a slot's four random shares, 0..1, and its style."""
    rng = stream(seed, 21, number, slot)
    a, b, c, d = (float(v) for v in rng.random(4))
    return a, b, c, d, int(rng.integers(1 << 20))


def lead_car(seed: int, plan: Plan, camera_s: float, time: float) -> list[Thing]:
    """Return the car that the camera follows, if the street has one."""
    rng = stream(seed, 22)
    if rng.random() > 0.65:
        return []
    distance = rng.uniform(14.0, 24.0) + 5.0 * math.sin(time / 3.1 + rng.uniform(0, 6))
    return [Thing("car", -0.5 * plan.lane, camera_s + distance, -1, int(rng.integers(1 << 20)))]
