# SPDX-License-Identifier: Apache-2.0
"""Road, pavement, grass and what is painted on the road."""

import numpy as np

from segnet_ros.simulation.camera import Points
from segnet_ros.simulation.layout import BLOCK, SIDES, Block, Lot, Plan
from segnet_ros.simulation.light import UP, Colour
from segnet_ros.simulation.painter import Painter
from segnet_ros.simulation.street_class import StreetClass

VIEW_DISTANCE = 190.0
"""Metres ahead of the camera to which the street is painted."""

_ASPHALT: Colour = (112, 112, 114)
_SLABS: Colour = (158, 150, 140)
_KERB: Colour = (186, 182, 174)
_GRASS: Colour = (98, 116, 58)
_PAINT: Colour = (218, 218, 210)
_YELLOW: Colour = (206, 172, 66)
_MARKING_DISTANCE = 90.0
_SIDE_ROAD_REACH = 45.0


def strip(x_from: float, x_to: float, s_from: float, s_to: float) -> Points:
    """Return a band on the ground that follows the road, as a polygon [N, 3]."""
    steps = int(np.clip((s_to - s_from) / 4.0, 2, 28))
    along = s_from + (s_to - s_from) * np.linspace(0.0, 1.0, steps) ** 2
    there = np.stack([np.full(steps, x_from), np.zeros(steps), along], axis=1)
    back = np.stack([np.full(steps, x_to), np.zeros(steps), along[::-1]], axis=1)
    return np.concatenate([there, back])


def draw_ground(painter: Painter, plan: Plan, blocks: list[tuple[int, Block]]) -> None:
    """Paint everything flat, from the horizon down."""
    _draw_grass(painter)
    near, far = painter.s_near, painter.camera.s + VIEW_DISTANCE
    kerbs = [plan.kerb(side) for side in SIDES]
    for side in SIDES:
        band = strip(plan.kerb(side), plan.boundary(side), near, far)
        painter.face(band, _SLABS, UP, StreetClass.PAVEMENT)
    painter.face(strip(kerbs[0], kerbs[1], near, far), _ASPHALT, UP, StreetClass.ROAD)
    for side in SIDES:
        _draw_kerb(painter, plan, side, near, far)
    for _, block in blocks:
        for lot in block.lots:
            _draw_lot_ground(painter, plan, lot)
    for number, block in reversed(blocks):
        _draw_markings(painter, plan, number, block)


def _draw_grass(painter: Painter) -> None:
    """Paint everything below the horizon as grass (vegetation is labelled Tree, as in CamVid)."""
    canvas = painter.canvas
    top = int(np.ceil(painter.camera.horizon))
    canvas.image[top:] = np.asarray(painter.light.shade(_GRASS, UP, 60.0), np.uint8)
    canvas.label[top:] = StreetClass.TREE


def _draw_kerb(painter: Painter, plan: Plan, side: int, near: float, far: float) -> None:
    """Paint the kerb stones and the dirty gutter beside them."""
    kerb = plan.kerb(side)
    gutter = strip(kerb - side * 0.35, kerb, near, min(far, near + 60))
    painter.face(gutter, (92, 92, 92), UP)
    stones = strip(kerb, kerb + side * 0.16, near, far)
    painter.face(stones, _KERB, UP, StreetClass.PAVEMENT)
    edge = strip(kerb - side * 0.02, kerb + side * 0.05, near, min(far, near + 60))
    painter.face(edge, (118, 116, 112), UP)


def _draw_lot_ground(painter: Painter, plan: Plan, lot: Lot) -> None:
    """Paint a side road's mouth or a paved front yard."""
    boundary = plan.boundary(lot.side)
    if lot.kind == "side_road":
        outer = plan.kerb(lot.side) + lot.side * _SIDE_ROAD_REACH
        mouth = strip(plan.kerb(lot.side), outer, lot.start + 0.6, lot.end - 0.6)
        painter.face(mouth, _ASPHALT, UP, StreetClass.ROAD)
        _draw_give_way(painter, plan, lot)
    elif lot.kind != "park":
        yard = strip(boundary, boundary + lot.side * 12.0, lot.start, lot.end)
        painter.face(yard, _SLABS, UP, StreetClass.PAVEMENT)


def _draw_give_way(painter: Painter, plan: Plan, lot: Lot) -> None:
    """Paint the dashes across a side road's mouth."""
    x = plan.kerb(lot.side) + lot.side * 0.3
    starts = np.arange(lot.start + 0.9, lot.end - 1.2, 1.0)
    _mark(painter, bars(x, x + lot.side * 0.2, starts, 0.6), _PAINT)


def bars(x_from: float, x_to: float, starts: Points, length: float) -> Points:
    """Return rectangles on the ground [N, 4, 3] that begin at the given s."""
    rectangles = np.zeros((len(starts), 4, 3))
    rectangles[:, :, 0] = (x_from, x_from, x_to, x_to)
    rectangles[:, :, 2] = starts[:, None] + (0.0, length, length, 0.0)
    return rectangles


def _mark(painter: Painter, patches: Points, colour: Colour) -> None:
    """Paint markings [N, 4, 3]; they are part of the road. Those far away would only flicker."""
    close = patches[:, 0, 2] < painter.camera.s + _MARKING_DISTANCE
    painter.patches(patches[close], colour, UP)


def _draw_markings(painter: Painter, plan: Plan, number: int, block: Block) -> None:
    """Paint one block's lines; around a crossing zig-zags replace the dashes."""
    start = number * BLOCK
    dashes = np.arange(start, start + BLOCK, 6.0)
    if block.crossing is not None:
        dashes = dashes[np.abs(dashes - block.crossing) > 12.5]
        _draw_zebra(painter, plan, block.crossing)
    _mark(painter, bars(-0.06, 0.06, dashes, 3.4), _PAINT)
    for side in SIDES:
        _draw_edge_lines(painter, plan, side, start)


def _draw_edge_lines(painter: Painter, plan: Plan, side: int, start: float) -> None:
    """Paint parking bays, or double yellow lines along a kerb where parking is forbidden."""
    kerb = plan.kerb(side)
    width = plan.parking[side > 0]
    if width:
        x = kerb - side * width
        _mark(painter, bars(x, x + side * 0.1, np.arange(start, start + BLOCK, 2.0), 1.0), _PAINT)
    elif plan.yellow_lines:
        for off in (0.25, 0.45):
            x = kerb - side * off
            pieces = bars(x, x - side * 0.09, np.arange(start, start + BLOCK, 3.0), 3.0)
            _mark(painter, pieces, _YELLOW)


def _draw_zebra(painter: Painter, plan: Plan, crossing: float) -> None:
    """Paint a zebra crossing 2.8 m deep and the zig-zag lines before and behind it."""
    left, right = plan.kerb(-1), plan.kerb(1)
    lefts = np.arange(left + 0.35, right - 0.6, 1.2)
    stripes = bars(0.0, 0.62, np.full(len(lefts), crossing), 2.8)
    stripes[:, :, 0] += lefts[:, None]
    _mark(painter, stripes, _PAINT)
    for start in (crossing - 9.5, crossing + 4.3):
        for x in (0.0, left + 0.5, right - 0.5):
            _mark(painter, _zigzag(x, start + np.arange(0.0, 8.0, 2.0)), _PAINT)


def _zigzag(x: float, starts: Points) -> Points:
    """Return slanted bars 1 m long, [2 N, 4, 3], alternately to the right and to the left."""
    out, back = bars(x - 0.05, x + 0.05, starts, 1.0), bars(x - 0.05, x + 0.05, starts + 1.0, 1.0)
    out[:, :, 0] += (-0.12, 0.12, 0.12, -0.12)
    back[:, :, 0] += (0.12, -0.12, -0.12, 0.12)
    return np.concatenate([out, back])
