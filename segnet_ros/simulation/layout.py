# SPDX-License-Identifier: Apache-2.0
"""What stands where along the street: a layout generated block by block from the seed.

Side -1 is left, +1 is right. Traffic keeps left.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from segnet_ros.simulation.noise import stream

BLOCK = 42.0
"""Length of a block in metres."""

SIDES = (-1, 1)
_SLOT = 6.0
_CHARACTERS = ("terrace", "shop", "office", "park")


@dataclass(frozen=True)
class Plan:
    """The cross-section of a whole street, metres.

    Attributes:
        lane: width of one lane.
        parking: width of the parking strip on the left and on the right; 0 = none.
        pavement: width of either pavement.
        occupancy: share of taken parking slots, 0..1.
        yellow_lines: whether double yellow lines run along kerbs without parking.
        greenery: how many trees there are, 0..1.

    """

    lane: float
    parking: tuple[float, float]
    pavement: float
    occupancy: float
    yellow_lines: bool
    greenery: float

    def kerb(self, side: int) -> float:
        """Return the x of the kerb."""
        return side * (self.lane + self.parking[side > 0])

    def boundary(self, side: int) -> float:
        """Return the x where the pavement ends."""
        return self.kerb(side) + side * self.pavement


@dataclass(frozen=True)
class Lot:
    """A piece of land beside the pavement.

    Attributes:
        kind: terrace, shop, office, park or side_road.
        start, end: extent along the road in metres.
        setback: metres from the pavement's edge to the building.
        variant: selects the looks.

    """

    kind: str
    side: int
    start: float
    end: float
    setback: float
    variant: int


@dataclass(frozen=True)
class Thing:
    """Something that stands or moves on the street.

    Attributes:
        kind: names the drawing, see `drawings.draw_thing`.
        x, s: position of its foot (nearest end) in metres.
        side: which side of the street it belongs to; a vehicle on side +1 comes towards us.
        style: selects the looks.
        phase: progress of walking or pedalling in radians.

    """

    kind: str
    x: float
    s: float
    side: int
    style: int
    phase: float = 0.0


@dataclass(frozen=True)
class Block:
    """One block: lots and things of both sides, and the zebra crossing's s if there is one."""

    lots: tuple[Lot, ...]
    things: tuple[Thing, ...]
    crossing: float | None


def choose_plan(seed: int) -> Plan:
    """Draw the cross-section of a street."""
    rng = stream(seed, 1)
    left, right = (float(rng.choice([0.0, 2.2], p=(0.45, 0.55))) for _ in SIDES)
    return Plan(
        lane=float(rng.uniform(3.3, 4.1)),
        parking=(left, right),
        pavement=float(rng.uniform(2.2, 3.8)),
        occupancy=float(rng.uniform(0.25, 0.8)),
        yellow_lines=bool(rng.random() < 0.6),
        greenery=float(rng.uniform(0.15, 1.0)),
    )


def _character(seed: int, block: int, side: int) -> str:
    """Return the kind of buildings; it lasts for a few blocks."""
    rng = stream(seed, 2, (block + (side > 0)) // 3, side)
    return str(rng.choice(_CHARACTERS, p=(0.34, 0.30, 0.14, 0.22)))


def _cuts(rng: np.random.Generator, kind: str) -> list[float]:
    """Return where the lots of a block begin and end, from 0 to `BLOCK`."""
    count = {"terrace": 7, "shop": 6, "office": 3, "park": 3}[kind]
    even = {"terrace": 0.0, "shop": 0.25, "office": 0.2, "park": 0.0}[kind]
    widths = 1.0 + even * rng.uniform(-1, 1, count)
    return [0.0, *(float(v) for v in np.cumsum(widths) / widths.sum() * BLOCK)]


def _lots(seed: int, block: int, side: int) -> list[Lot]:
    kind = _character(seed, block, side)
    rng = stream(seed, 3, block, side)
    cuts = _cuts(rng, kind)
    setback = {"terrace": float(rng.choice([0.0, 2.6])), "park": 0.0}.get(kind, 0.0)
    opening = int(rng.integers(len(cuts) - 1)) if rng.random() < 0.45 else -1
    row = int(rng.integers(64))
    lots = []
    for index, (start, end) in enumerate(pairwise(cuts)):
        here = kind
        if index == opening and kind != "park":
            here = "side_road" if kind != "office" and rng.random() < 0.6 else "park"
        variant = row + index % 2 if kind == "terrace" else int(rng.integers(64))
        base = block * BLOCK
        lots.append(Lot(here, side, base + start, base + end, setback, variant))
    return lots


def _is_open(lots: list[Lot], s: float, margin: float = 1.5) -> bool:
    """Return whether s lies in the mouth of a side road."""
    return any(
        lot.kind == "side_road" and lot.start - margin < s < lot.end + margin for lot in lots
    )


def _parked(seed: int, block: int, side: int, plan: Plan, lots: list[Lot]) -> list[Thing]:
    width = plan.parking[side > 0]
    if width == 0.0:
        return []
    rng = stream(seed, 4, block, side)
    cars = []
    for slot in range(int(BLOCK / _SLOT)):
        s = block * BLOCK + slot * _SLOT + rng.uniform(0.2, 1.0)
        taken, style = rng.random() < plan.occupancy, int(rng.integers(1 << 20))
        if taken and not _is_open(lots, s + 2.0, margin=3.0):
            x = plan.kerb(side) - side * (0.5 * width + 0.05)
            cars.append(Thing("car", x, s, side, style))
    return cars


def _posts(seed: int, block: int, side: int, plan: Plan, lots: list[Lot]) -> list[Thing]:
    """Place lamp posts, signs and bollards along the kerb."""
    rng = stream(seed, 5, block, side)
    base = block * BLOCK
    x = plan.kerb(side) + side * 0.45
    posts = [Thing("lamp", x, base + 8.0 + (side > 0) * BLOCK / 2, side, 0)]
    for _ in range(int(rng.integers(1, 4))):
        s = base + rng.uniform(0, BLOCK)
        posts.append(Thing("sign", x, s, side, int(rng.integers(1 << 20))))
    if rng.random() < 0.35:
        start = base + rng.uniform(0, BLOCK - 12)
        posts += [Thing("bollard", x, start + 2.0 * k, side, 0) for k in range(5)]
    return [post for post in posts if not _is_open(lots, post.s)]


def _trees(seed: int, block: int, side: int, plan: Plan, lots: list[Lot]) -> list[Thing]:
    """Place trees along the kerb of wide pavements and in parks."""
    rng = stream(seed, 6, block, side)
    trees = []
    for lot in lots:
        if lot.kind == "park":
            for _ in range(3):
                x = plan.boundary(side) + side * rng.uniform(1.5, 9.0)
                s = rng.uniform(lot.start, lot.end)
                trees.append(Thing("tree", x, s, side, int(rng.integers(1 << 20))))
    for k in range(4):
        s = block * BLOCK + (k + 0.5) * BLOCK / 4
        wanted = rng.random() < 0.55 * plan.greenery and plan.pavement > 2.5
        if wanted and not _is_open(lots, s):
            x = plan.kerb(side) + side * 0.7
            trees.append(Thing("street_tree", x, s, side, int(rng.integers(1 << 20))))
    return trees


def _railings(seed: int, block: int, side: int, plan: Plan, lots: list[Lot]) -> list[Thing]:
    """Place a guard rail along the kerb where nobody parks."""
    rng = stream(seed, 7, block, side)
    if rng.random() > 0.4 or plan.parking[side > 0]:
        return []
    start = block * BLOCK + rng.uniform(0, BLOCK - 16)
    x = plan.kerb(side) + side * 0.3
    panels = [Thing("railing", x, start + 2.0 * k, side, 0) for k in range(8)]
    return [panel for panel in panels if not _is_open(lots, panel.s, margin=2.5)]


def _crossing(seed: int, block: int, plan: Plan) -> tuple[float | None, list[Thing]]:
    """Place a zebra crossing with beacons or with traffic lights."""
    rng = stream(seed, 8, block)
    if block < 1 or rng.random() > 0.3:
        return None, []
    s = block * BLOCK + rng.uniform(8.0, BLOCK - 8.0)
    kind = "traffic_light" if rng.random() < 0.6 else "beacon"
    style = int(rng.integers(1 << 20))
    posts = [Thing(kind, plan.kerb(side) + side * 0.5, s - 0.6, side, style) for side in SIDES]
    return s, posts


def build_block(seed: int, block: int, plan: Plan) -> Block:
    """Generate one block; the same arguments always give the same block."""
    lots: list[Lot] = []
    crossing, things = _crossing(seed, block, plan)
    for side in SIDES:
        own = _lots(seed, block, side)
        lots += own
        for place in (_parked, _posts, _trees, _railings):
            things += place(seed, block, side, plan, own)
    if crossing is not None:
        things = [t for t in things if t.kind != "car" or not -6.0 < t.s - crossing < 5.0]
    return Block(tuple(lots), tuple(things), crossing)
